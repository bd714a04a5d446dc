"""The CG-score paper's pruning and detection experiments, at small scale.

On class-stratified samples of MNIST and CIFAR-10 with their right labels, patch features:

- pruning: the accuracy on held-out images after removing a share of the samples, lowest score
  first (as the paper does on clean data), highest first, and at random (mean of 3);
- windows: with a fifth of the labels flipped, the accuracy after training on half of the samples
  from each offset of the ranking;
- detection at 20, 50 and 80 % uniform flips: area under the ROC curve of cg-score and kernel-loo,
  and how many of the flips are among the first shares of the ranking.

The model trained is kernel ridge regression on the kernel of the score, ridge 0.1. Figures are
printed, and drawn to benchmarks/figures.

    python benchmarks/cg_experiments.py [--samples 4000] [--seed 0] [mnist] [cifar]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from large_kernels import vector_data
from plots import write_lines
from sklearn.metrics import roc_auc_score

import dvaudit
from dvaudit import features, valuators
from dvaudit.core.dataset import Dataset
from dvaudit.core.joining import joined
from dvaudit.core.sampling import stratified_rows
from dvaudit.valuators.kernel_problem import one_vs_rest
from dvaudit.valuators.windows import kernel_ridge_predictions, window_curve

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
FIGURES = Path(__file__).resolve().parent / "figures"
SHARES = np.linspace(0, 0.9, 10)
NOISE = (0.2, 0.5, 0.8)
RANDOM_ORDERS = 3
RIDGE = 0.1


@dataclass(frozen=True, eq=False)
class Images:
    """Training and held-out vectors with right labels."""

    name: str
    vectors: np.ndarray
    codes: np.ndarray
    test_vectors: np.ndarray
    test_codes: np.ndarray


def load(name: str, samples: int, seed: int) -> Images:
    """Return the images of a dataset as patch features, fitted on training and test together."""
    archive, truth, column, test = {
        "mnist": (
            *("mnist_12k_flipped.zip", "mnist_12k_truth.csv"),
            *("true_label", "mnist_2k_heldout.zip"),
        ),
        "cifar": (
            *("cifar10n_6k.zip", "cifar10n_6k_truth.csv"),
            *("clean", "cifar10_2k_heldout.zip"),
        ),
    }[name]
    data, held_out = dvaudit.load(DATA / archive), dvaudit.load(DATA / test)
    right = _right_labels(data, pd.read_csv(DATA / truth, index_col=0)[column])
    names = {text: code for code, text in enumerate(sorted(set(right)))}
    codes = np.array([names[text] for text in right])
    tests = np.array([names[text] for text in held_out.label_text()])
    matrix = features.extract(joined(data, held_out)).matrix
    rows = stratified_rows(codes, samples, seed)
    return Images(name, matrix[rows], codes[rows], matrix[len(data) :], tests)


def _right_labels(data: Dataset, column: pd.Series) -> list[str]:
    """Return the true label of each sample as text."""
    found = column.reindex(list(data.ids))
    if found.isna().any():
        raise LookupError(f"{int(found.isna().sum())} samples are not in the truth file")
    return [str(value) for value in found]


def scores(vectors: np.ndarray, codes: np.ndarray, method: str = "cg-score") -> np.ndarray:
    """Return the values of a method; higher = more useful."""
    return valuators.get(method).value(vector_data(vectors, codes)).values


def accuracy(images: Images, rows: np.ndarray) -> float:
    """Return the held-out accuracy after training on some rows."""
    targets = one_vs_rest(images.codes[rows], int(images.codes.max()) + 1)
    found = kernel_ridge_predictions(
        images.vectors[rows], targets, images.test_vectors, RIDGE, "cpu"
    )
    return float((found == images.test_codes).mean())


def pruning(images: Images, seed: int) -> None:
    """Print and draw held-out accuracy by the share removed."""
    gap = -scores(images.vectors, images.codes)
    rng, n = np.random.default_rng(seed), len(gap)
    low = np.argsort(gap, kind="stable")
    kept = [n - round(share * n) for share in SHARES]
    curves = {
        "low first": [accuracy(images, low[n - count :]) for count in kept],
        "high first": [accuracy(images, low[:count]) for count in kept],
        "random": np.mean(
            [
                [accuracy(images, order[:count]) for count in kept]
                for order in (rng.permutation(n) for _ in range(RANDOM_ORDERS))
            ],
            axis=0,
        ).tolist(),
    }
    print("  pruning, share removed: " + " ".join(f"{share:6.0%}" for share in SHARES))
    for name, curve in curves.items():
        print(f"  {name:>22}: " + " ".join(f"{value:6.3f}" for value in curve))
    write_lines(
        FIGURES / f"pruning_{images.name}.svg",
        f"{images.name}: pruning by CG-score, right labels",
        "share of the samples removed",
        "held-out accuracy",
        {name: (SHARES.tolist(), curve) for name, curve in curves.items()},
    )


def flips(codes: np.ndarray, rate: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of which a share is replaced by another class, uniformly, and which."""
    rng = np.random.default_rng(seed)
    flipped = rng.random(len(codes)) < rate
    classes = int(codes.max()) + 1
    noisy = codes.copy()
    noisy[flipped] = (codes[flipped] + rng.integers(1, classes, int(flipped.sum()))) % classes
    return noisy, flipped


def windows(images: Images, seed: int) -> None:
    """Print and draw the window curve at 20 % noise."""
    noisy, _ = flips(images.codes, 0.2, seed)
    curve = window_curve(
        images.vectors,
        noisy,
        scores(images.vectors, noisy),
        held_out=(images.test_vectors, images.test_codes),
    )
    print("  windows at 20 % noise: " + " ".join(f"{offset:6.0%}" for offset in curve.offsets))
    print("               accuracy: " + " ".join(f"{value:6.3f}" for value in curve.accuracy))
    write_lines(
        FIGURES / f"windows_{images.name}.svg",
        f"{images.name}: training on half of the samples, 20 % flips",
        "offset of the window, from the lowest CG-score",
        "held-out accuracy",
        {"50 % window": (curve.offsets.tolist(), curve.accuracy.tolist())},
    )


def detection(images: Images, seed: int) -> None:
    """Print areas under the ROC curve, and draw which share of the flips is found."""
    inspected = np.linspace(0, 1, 51)
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for rate in NOISE:
        noisy, flipped = flips(images.codes, rate, seed)
        for method in ("cg-score", "kernel-loo"):
            values = scores(images.vectors, noisy, method)
            found = np.cumsum(flipped[np.argsort(values, kind="stable")]) / flipped.sum()
            recall = np.interp(inspected, np.linspace(0, 1, len(found) + 1), np.append(0, found))
            curves[f"{method}, {rate:.0%}"] = (inspected.tolist(), recall.tolist())
            print(
                f"  {rate:.0%} flips, {method}: AUROC {roc_auc_score(flipped, -values):.4f}, "
                f"{recall[round(50 * rate)]:.3f} of them in the first {rate:.0%}"
            )
    write_lines(
        FIGURES / f"detection_{images.name}.svg",
        f"{images.name}: flips found by inspecting in order",
        "share of the samples inspected",
        "share of the flips found",
        curves,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=["mnist", "cifar"])
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for name in args.names:
        start = time.perf_counter()
        images = load(name, args.samples, args.seed)
        print(f"{name}: {len(images.codes):,} samples, {len(images.test_codes):,} held out")
        for experiment in (pruning, windows, detection):
            experiment(images, args.seed)
        print(f"  {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
