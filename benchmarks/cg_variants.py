"""The forms of the CG-score against the exact one.

Prints, for the subsampled estimator at 1:r, for CG' and for the penultimate layer of a proxy
net: the Spearman correlation with the exact score over all samples and within classes, AUROC of
the flipped labels, and seconds. Then the window curve of the exact score.

    python benchmarks/cg_variants.py [--rows 3000] [--data ZIP --truth CSV] [--heldout ZIP]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

import dvaudit
from dvaudit import valuators
from dvaudit.core.dataset import Dataset
from dvaudit.core.progress import silent
from dvaudit.core.result import ValuationResult
from dvaudit.valuators.atypical import ATYPICAL, MISLABELLED, atypical_kind
from dvaudit.valuators.windows import window_curve

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *(("cg-subsampled", {"ratio": r}) for r in (1, 2, 3, 4)),
    ("cg-prime", {}),
    ("cg-score", {"space": "penultimate", "epochs": 10, "correlate_epochs": True}),
)


def _vectors(data: Dataset) -> np.ndarray:
    # Pixels, since the filters of patch features are fitted to each dataset on its own.
    return valuators.Shared("pixels").features(data, seed=0, device="cpu", progress=silent).matrix


def load(path: Path, truth: Path, rows: int) -> tuple[Dataset, np.ndarray]:
    """Return `rows` samples drawn at random, as vectors, and which of their labels are wrong."""
    data = dvaudit.load(path)
    known = pd.read_csv(truth, dtype=str).set_index("path").loc[list(data.ids)]
    wrong = known["is_flipped"].str.lower().isin(["1", "true"]).to_numpy()
    keep = np.sort(np.random.default_rng(0).permutation(len(data))[:rows])
    return dvaudit.load((_vectors(data)[keep], data.label_text()[keep].astype(str))), wrong[keep]


def within_classes(one: np.ndarray, other: np.ndarray, codes: np.ndarray) -> float:
    """Return the mean Spearman correlation inside the classes."""
    found = [spearmanr(one[codes == c], other[codes == c]).statistic for c in np.unique(codes)]
    return float(np.mean(found))


def compare(data: Dataset, wrong: np.ndarray) -> ValuationResult:
    """Print each variant against the exact score and return the exact result."""
    start = time.perf_counter()
    exact = valuators.get("cg-score").value(data)
    seconds = time.perf_counter() - start
    print(f"exact: AUROC {roc_auc_score(wrong, -exact.values):.4f}, {seconds:.1f} s")
    for name, settings in VARIANTS:
        start = time.perf_counter()
        result = valuators.get(name, settings).value(data)
        seconds = time.perf_counter() - start
        rho = spearmanr(exact.values, result.values).statistic
        inside = within_classes(exact.values, result.values, data.labels)
        print(
            f"{name} {settings}: Spearman {rho:.3f}, within classes {inside:.3f}, AUROC "
            f"{roc_auc_score(wrong, -result.values):.4f}, {seconds:.1f} s\n  {result.status}"
        )
        if result.flagged is not None:
            flagged = result.flagged
            print(
                f"  flags: recall {flagged[wrong].mean():.3f}, false positives "
                f"{flagged[~wrong].mean():.3f}"
            )
        if "epoch_spearman" in result.stats:
            print(f"  Spearman of successive epochs: {result.stats['epoch_spearman']}")
    return exact


def kinds(data: Dataset, exact: ValuationResult, wrong: np.ndarray) -> None:
    """Print how many samples are called mislabelled and atypical, and how many are wrong.

    With the margins of kernel-loo, as the column cg_atypical uses the score's own.
    """
    codes, corrected = data.labels, exact.columns["partial_cg_corrected"]
    margin = valuators.get("kernel-loo", {"ridge": 0}).value(data).margins
    found = atypical_kind(exact.columns["cg_score"], corrected, codes, margin)
    for kind in (MISLABELLED, ATYPICAL, ""):
        chosen = found == kind
        print(f"{kind or 'neither'}: {chosen.sum():,} samples, {wrong[chosen].mean():.3f} wrong")


def curve(data: Dataset, exact: ValuationResult, path: Path) -> None:
    """Print the window curve on clean held-out data."""
    tests = dvaudit.load(path)
    codes = np.array([data.class_names.index(name) for name in tests.label_text()])
    found = window_curve(data.vectors, data.labels, exact.values, held_out=(_vectors(tests), codes))
    points = zip(found.offsets, found.accuracy, strict=True)
    print(f"windows of {found.trained:,}, {found.held_out:,} held out, accuracy by offset:")
    print("  " + ", ".join(f"{offset:.0%} {accuracy:.3f}" for offset, accuracy in points))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--data", type=Path, default=DATA / "mnist_12k_flipped.zip")
    parser.add_argument("--truth", type=Path, default=DATA / "mnist_12k_truth.csv")
    parser.add_argument("--heldout", type=Path, default=DATA / "mnist_2k_heldout.zip")
    given = parser.parse_args()
    data, wrong = load(given.data, given.truth, given.rows)
    print(f"{len(data):,} samples, {len(data.class_names)} classes, {wrong.sum():,} wrong labels")
    exact = compare(data, wrong)
    kinds(data, exact, wrong)
    curve(data, exact, given.heldout)


if __name__ == "__main__":
    main()
