"""How the methods' rankings agree, and how well each finds planted label flips, in one run.

2,000 images each of MNIST and CIFAR-10 with right labels, then with 20 % of them replaced; default
settings and features; a clean trusted set of 1,000 for the methods that want one. Prints Spearman's
correlation of CG with EL2N and with forgetting (higher = harder for all three) on right labels,
and for every method AUROC on the flipped ones, seconds and the peak memory it adds, which for
liveval, leave-one-out, influence and the gradient norm (grand) is the comparison of LiveVal's
Table II.

    python benchmarks/rank_agreement.py [mnist] [cifar] [--samples 2000] [--threads 1]
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import dvaudit
from dvaudit import features
from dvaudit.core.joining import joined, take

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SHARE, TRUSTED = 0.2, 1000
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
import resource, sys, time
import numpy as np, torch
import dvaudit
torch.set_num_threads(int(sys.argv[4]))
kept = np.load(sys.argv[1])
data = dvaudit.load((kept["vectors"], kept["labels"]))
trusted = dvaudit.load((kept["trusted"], kept["known"]))
dvaudit.value(data, "random")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
result = dvaudit.value(data, sys.argv[2], trusted=trusted)
seconds = time.perf_counter() - start
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
np.savez(sys.argv[3], values=result.values, seconds=seconds, grown=grown, **result.columns)
"""


def prepared(name: str, samples: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return vectors and true classes of the samples, and of the trusted ones."""
    first, second, truth_file, column = FILES[name]
    rng = np.random.default_rng(0)
    data, held = (dvaudit.load(DATA / f"{file}.zip") for file in (first, second))
    rows = np.sort(rng.permutation(len(data))[:samples])
    known = np.sort(rng.permutation(len(held))[:TRUSTED])
    both = joined(take(data, rows), take(held, known))
    assert both.labels is not None
    truth = pd.read_csv(DATA / f"{truth_file}.csv").set_index("path")[column].astype(str)
    code = {label: index for index, label in enumerate(both.class_names)}
    codes = both.labels.astype(np.int64)
    codes[:samples] = [code[truth[data.ids[row]]] for row in rows]
    matrix = features.extract(both, None).matrix.astype(np.float64)
    return matrix[:samples], codes[:samples], matrix[samples:], codes[samples:]


def alone(method: str, folder: Path, threads: int) -> dict[str, np.ndarray]:
    out = folder / f"{method}.npz"
    subprocess.run(
        [sys.executable, "-c", ALONE, str(folder / "data.npz"), method, str(out), str(threads)],
        check=True,
    )
    return dict(np.load(out))


def measure(name: str, samples: int, threads: int) -> None:
    vectors, codes, trusted, known = prepared(name, samples)
    rng = np.random.default_rng(1)
    wrong = rng.random(samples) < SHARE
    flipped = np.where(wrong, (codes + rng.integers(1, 10, samples)) % 10, codes)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kept = {"vectors": vectors, "trusted": trusted, "known": known}
        np.savez(folder / "data.npz", labels=codes, **kept)
        hard = {key: alone(key, folder, threads)[column] for key, column in HARD.items()}
        for other in ("el2n", "forgetting"):
            rho = spearmanr(hard["cg-score"], hard[other])[0]
            print(f"{name}, right labels: Spearman of CG with {other} {rho:.3f}", flush=True)
        np.savez(folder / "data.npz", labels=flipped, **kept)
        for method in METHODS:
            found = alone(method, folder, threads)
            print(
                f"{name}, 20 % flips, {method}: AUROC {roc_auc_score(wrong, -found['values']):.3f},"
                f" {float(found['seconds']):.1f} s, {float(found['grown']) / 1024:.0f} MiB more",
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
