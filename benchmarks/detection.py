"""How well the default settings find wrong labels, on the reference data beside the checkout.

Prints AUROC, precision at k (k = number of wrong labels), the share of right suggestions among
the wrong labels that are flagged, and the Spearman correlation of float32 with float64 values.

    python benchmarks/detection.py [mnist] [cifar] [adult] [digits]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

import dvaudit
from dvaudit import valuators
from dvaudit.core.dataset import Dataset
from dvaudit.core.result import ValuationResult

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
METHODS = ("kernel-loo", "cg-score")


def describe(result: ValuationResult, wrong: np.ndarray, truth: np.ndarray | None) -> str:
    """Return one line of figures for a result."""
    k = int(wrong.sum())
    top = np.argsort(result.values, kind="stable")[:k]
    said = (
        f"{result.valuator}: AUROC {roc_auc_score(wrong, -result.values):.4f}, "
        f"precision at {k} {wrong[top].mean():.3f}"
    )
    if result.flagged is not None:
        said += (
            f", flagged {int(result.flagged.sum())} (precision "
            f"{wrong[result.flagged].mean():.3f}, recall {result.flagged[wrong].mean():.3f})"
        )
    if result.suggested_labels is not None and truth is not None:
        found = wrong & result.flagged
        right = (result.suggested_labels[found] == truth[found]).mean()
        said += f", suggestion right for {right:.3f} of the wrong labels it flags"
    return said


def values(data: Dataset, precisions: bool = True) -> dict[str, ValuationResult]:
    """Value `data` by each method, in float64; print the agreement with float32."""
    shared, results = valuators.Shared(), {}
    for name in METHODS:
        start = time.perf_counter()
        results[name] = valuators.get(name).value(data, shared=shared)
        seconds = time.perf_counter() - start
        print(f"  {name}: {seconds:.1f} s, {results[name].status}")
        if precisions:
            ridge = results[name].stats["ridge_asked"]
            single = valuators.get(name, {"precision": "float32", "ridge": ridge})
            other = single.value(data, shared=shared).values
            rho = spearmanr(results[name].values, other).statistic
            print(f"  {name}: Spearman of float32 with float64 {rho:.5f}")
    return results


def mnist() -> None:
    data = dvaudit.load(DATA / "mnist_12k_flipped.zip")
    known = pd.read_csv(DATA / "mnist_12k_truth.csv", dtype=str).set_index("path")
    known = known.loc[list(data.ids)]
    wrong = known["is_flipped"].str.lower().isin(["1", "true"]).to_numpy()
    for result in values(data).values():
        print(" ", describe(result, wrong, known["true_label"].to_numpy(dtype=object)))


def cifar() -> None:
    data = dvaudit.load(DATA / "cifar10n_6k.zip")
    known = pd.read_csv(DATA / "cifar10n_6k_truth.csv", dtype=str).set_index("path")
    known = known.loc[list(data.ids)]
    truth = known["clean"].to_numpy(dtype=object)
    wrong = data.label_text() != truth
    for result in values(data).values():
        print(" ", describe(result, wrong, truth))


def adult() -> None:
    table = pd.read_csv(DATA / "adult.csv", dtype=str)
    scores: dict[str, list[float]] = {name: [] for name in METHODS}
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rows = table.sample(2000, random_state=seed).reset_index(drop=True)
        wrong = rng.random(len(rows)) < 0.2
        names = rows["income"].unique()
        rows.loc[wrong, "income"] = rows.loc[wrong, "income"].map(
            dict(zip(names, names[::-1], strict=True))
        )
        for name, result in values(dvaudit.load(rows, label="income"), seed == 0).items():
            scores[name].append(roc_auc_score(wrong, -result.values))
    for name, found in scores.items():
        listed = ", ".join(f"{score:.3f}" for score in found)
        print(f"  {name}: mean AUROC {np.mean(found):.4f} over 5 seeds ({listed})")


def digits() -> None:
    X, truth = load_digits(return_X_y=True)
    for share in (0.05, 0.2, 0.4):
        rng = np.random.default_rng(int(100 * share))
        wrong = rng.random(len(X)) < share
        given = np.where(wrong, (truth + rng.integers(1, 10, len(X))) % 10, truth)
        print(f" {share:.0%} flipped")
        for result in values(dvaudit.load((X, given)), precisions=False).values():
            print(" ", describe(result, wrong, truth.astype(str).astype(object)))


def main() -> None:
    parts = {"mnist": mnist, "cifar": cifar, "adult": adult, "digits": digits}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*parts, []])
    for name in parser.parse_args().parts or parts:
        print(name)
        parts[name]()


if __name__ == "__main__":
    main()
