"""How the methods' rankings agree, and how well each finds planted label flips, in one run.

2,000 images each of MNIST and CIFAR-10 with right labels, then with 20 % of them replaced; default
settings and features; a clean trusted set of 1,000 for the methods that want one. Prints Spearman's
correlation of CG with EL2N and with forgetting (higher = harder for all three) on right labels,
and for every method AUROC on the flipped ones, seconds and the peak memory it adds, which for
liveval, leave-one-out, influence and the gradient norm (grand) is the comparison of LiveVal's
Table II; and, as a selection of data, the test accuracy of kernel ridge regression on the samples
of highest value.

    python benchmarks/rank_agreement.py [mnist] [cifar] [--samples 2000] [--threads 1]
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import dvaudit
from dvaudit import features
from dvaudit.core.joining import joined, take
from dvaudit.findings.pruning_scores import kernel_targets
from dvaudit.kernels.downdates import PrunedKernel

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SHARE, TRUSTED, CLASSES = 0.2, 1000, 10
KEPT, RIDGE = (0.2, 0.4, 0.6, 0.8, 1.0), 0.1
FILES = {
    "mnist": ("mnist_12k_flipped", "mnist_2k_heldout", "mnist_12k_truth", "true_label"),
    "cifar": ("cifar10n_6k", "cifar10_2k_heldout", "cifar10n_6k_truth", "clean"),
}
HARD = {"cg-score": "cg_score", "el2n": "el2n", "forgetting": "forgetting_events"}
METHODS = (
    *("kernel-loo", "cg-score", "dvgs", "liveval", "dvemb", "el2n", "grand", "forgetting", "aum"),
    *("tracin", "trak", "influence", "knn-shapley", "loo-retraining", "random"),
)
# One method in a process of its own, so that its peak memory is its own.
ALONE = """
import re, sys, time
import numpy as np, torch
import dvaudit
def peak():
    # Not ru_maxrss, which a process takes over from the one that started it.
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
torch.set_num_threads(int(sys.argv[4]))
kept = np.load(sys.argv[1])
data = dvaudit.load((kept["vectors"], kept["labels"]))
trusted = dvaudit.load((kept["trusted"], kept["known"]))
dvaudit.value(data, "random")
before = peak()
start = time.perf_counter()
result = dvaudit.value(data, sys.argv[2], trusted=trusted)
seconds = time.perf_counter() - start
grown = peak() - before
np.savez(sys.argv[3], values=result.values, seconds=seconds, grown=grown, **result.columns)
"""


def prepared(name: str, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors and true classes of the samples, of the trusted ones, and of test samples."""
    first, second, truth_file, column = FILES[name]
    rng = np.random.default_rng(0)
    data, held = (dvaudit.load(DATA / f"{file}.zip") for file in (first, second))
    rows = np.sort(rng.permutation(len(data))[:samples])
    known = rng.permutation(len(held))
    order = np.concatenate([np.sort(known[:TRUSTED]), np.sort(known[TRUSTED:])])
    both = joined(take(data, rows), take(held, order))
    assert both.labels is not None
    truth = pd.read_csv(DATA / f"{truth_file}.csv").set_index("path")[column].astype(str)
    code = {label: index for index, label in enumerate(both.class_names)}
    codes = both.labels.astype(np.int64)
    codes[:samples] = [code[truth[data.ids[row]]] for row in rows]
    return features.extract(both, None).matrix.astype(np.float64), codes


def alone(method: str, folder: Path, threads: int) -> dict[str, np.ndarray]:
    out = folder / f"{method}.npz"
    subprocess.run(
        [sys.executable, "-c", ALONE, str(folder / "data.npz"), method, str(out), str(threads)],
        check=True,
    )
    return dict(np.load(out))


@dataclass(frozen=True)
class Selection:
    """Test accuracy of kernel ridge regression on the samples of highest value.

    Attributes:
        system: of all samples, with the test samples.
        truth: classes of the test samples.
        n: samples.
    """

    system: PrunedKernel
    truth: np.ndarray
    n: int

    def accuracies(self, values: np.ndarray) -> list[float]:
        """Return one for each share of KEPT."""
        removed = [self.n - round(share * self.n) for share in KEPT]
        found = self.system.after(np.argsort(values, kind="stable"), removed[::-1])[::-1]
        return [float((each.argmax(1) == self.truth).mean()) for each in found]


def measure(name: str, samples: int, threads: int) -> None:
    matrix, known = prepared(name, samples)
    vectors, trusted, test = np.split(matrix, [samples, samples + TRUSTED])
    codes, trusted_codes, truth = np.split(known, [samples, samples + TRUSTED])
    rng = np.random.default_rng(1)
    wrong = rng.random(samples) < SHARE
    flipped = np.where(wrong, (codes + rng.integers(1, 10, samples)) % 10, codes)
    targets = kernel_targets(flipped, CLASSES)[0]
    selection = Selection(PrunedKernel(vectors, test, targets, RIDGE), truth, samples)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kept = {"vectors": vectors, "trusted": trusted, "known": trusted_codes}
        np.savez(folder / "data.npz", labels=codes, **kept)
        hard = {key: alone(key, folder, threads)[column] for key, column in HARD.items()}
        for other in ("el2n", "forgetting"):
            rho = spearmanr(hard["cg-score"], hard[other])[0]
            print(f"{name}, right labels: Spearman of CG with {other} {rho:.3f}", flush=True)
        np.savez(folder / "data.npz", labels=flipped, **kept)
        for method in METHODS:
            found = alone(method, folder, threads)
            scores = " ".join(f"{each:.3f}" for each in selection.accuracies(found["values"]))
            print(
                f"{name}, 20 % flips, {method}: AUROC {roc_auc_score(wrong, -found['values']):.3f},"
                f" {float(found['seconds']):.1f} s, {float(found['grown']) / 1024:.0f} MiB more;"
                f" test accuracy of the highest 20, 40, 60, 80 %, and of all: {scores}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads")
    for name in args.names or list(FILES):
        measure(name, args.samples, args.threads)


if __name__ == "__main__":
    main()
