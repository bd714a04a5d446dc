"""DVGS as a detector of wrong labels and of noisy features, beside the paper's figures.

Every label is replaced by another one with probability .2 (or every sample's standardised features
get normal noise whose deviation is uniform on [0, 3]); settings are the defaults; the trusted set
is clean. Adult: 1,000 samples and 400 trusted ones. CIFAR-10: 5,000 and 2,000, default features of
both sets together, kernel-loo on the 5,000 beside it.

    python benchmarks/dvgs_detection.py [adult] [cifar] [--seeds 5] [--threads 2]
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import dvaudit
from dvaudit import features
from dvaudit.core.dataset import Dataset
from dvaudit.core.joining import joined, take

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SHARE, MOST_NOISE = 0.2, 3.0
PAPER = {"adult": (0.896, 0.225, None), "cifar": (0.954, 0.402, 0.757)}


def adult(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (1400, d) features, (1400,) classes, and how many of them are the source."""
    table = pd.read_csv(DATA / "adult.csv", dtype=str)
    rows = rng.permutation(len(table))[:1400]
    data = dvaudit.load(table.iloc[rows].reset_index(drop=True), label="income")
    assert data.labels is not None
    return features.extract(data, None).matrix, data.labels.astype(np.int64), 1000


def cifar(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (7000, d) features, (7000,) classes, and how many of them are the source."""
    noisy, clean = (dvaudit.load(DATA / f"{name}.zip") for name in NAMES)
    truth = pd.read_csv(DATA / "cifar10n_6k_truth.csv").set_index("path")["clean"]
    chosen = np.sort(rng.permutation(len(noisy))[:5000])
    both = joined(take(noisy, chosen), clean)
    assert both.labels is not None
    code = {name: index for index, name in enumerate(both.class_names)}
    codes = both.labels.astype(np.int64)
    codes[:5000] = [code[truth[noisy.ids[row]]] for row in chosen]
    return features.extract(both, None).matrix, codes, 5000


NAMES = ("cifar10n_6k", "cifar10_2k_heldout")


def flipped(codes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels of which each is another one with probability SHARE, and which are."""
    classes = int(codes.max()) + 1
    wrong = rng.random(len(codes)) < SHARE
    other = (codes + rng.integers(1, classes, len(codes))) % classes
    return np.where(wrong, other, codes), wrong


def vectors(matrix: np.ndarray, codes: np.ndarray) -> Dataset:
    return dvaudit.load((matrix.astype(np.float64), codes))


def measure(name: str, seed: int) -> dict[str, float]:
    """Return the figures of one seed."""
    rng = np.random.default_rng(seed)
    matrix, codes, m = {"adult": adult, "cifar": cifar}[name](rng)
    trusted = vectors(matrix[m:], codes[m:])
    labels, wrong = flipped(codes[:m], rng)
    given = vectors(matrix[:m], labels)
    found: dict[str, float] = {}

    def run(key: str, data: Dataset, against: Dataset | None, **settings: Any) -> np.ndarray:
        start = time.perf_counter()
        method = "kernel-loo" if key == "kernel-loo" else "dvgs"
        result = dvaudit.value(data, method, trusted=against, seed=seed, **settings)
        found[f"{key} seconds"] = time.perf_counter() - start
        return result.values

    found["dvgs AUROC"] = roc_auc_score(wrong, -run("dvgs", given, trusted))
    found["kernel-loo AUROC"] = roc_auc_score(wrong, -run("kernel-loo", given, None))
    spread = matrix[:m].std(0)
    scaled = matrix / np.where(spread > 1e-6 * spread.max(), spread, np.inf)
    deviation = rng.uniform(0, MOST_NOISE, m)
    noisy = scaled[:m] + deviation[:, None] * rng.standard_normal((m, matrix.shape[1]))
    noisy, clean = vectors(noisy, codes[:m]), vectors(scaled[m:], codes[m:])
    for key, settings in (("noise", {}), ("noise unsupervised", {"learn": "inputs"})):
        found[f"{key} Spearman"] = spearmanr(-deviation, run(key, noisy, clean, **settings))[0]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, {platform.machine()}, {args.threads} threads")
    for name in args.names or list(PAPER):
        rows = [measure(name, seed) for seed in range(args.seeds)]
        print(f"{name}: {args.seeds} seeds; paper AUROC, noise, unsupervised: {PAPER[name]}")
        for key in rows[0]:
            values = [row[key] for row in rows]
            listed = " ".join(f"{value:.3f}" for value in values)
            print(f"  {key}: mean {np.mean(values):.4f} ({listed})", flush=True)


if __name__ == "__main__":
    main()
