"""Coverage and bias of what verdicts earn: error rates, errors left, "review m more for 95 %".

Synthetic audits with known wrong labels are reviewed in three ways: from the most suspicious on,
only a random audit sample, and both. `told` is how often the verdicts' estimate of the error rate
replaces the methods' own (`earning.rate_to_go_by`), `headline` the estimate then shown; biases and
widths are in units of the true rate. Run: python benchmarks/earned_cutoff.py [--repeats 200].
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.earning import rate_to_go_by
from dvaudit.findings import ErrorRate
from dvaudit.findings.audit_sample import audit_sample
from dvaudit.findings.earned import Earned, Estimate, ReviewOrder, earned, review_order

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def normal(rng: np.random.Generator, wrong: Bools) -> Floats:
    """Scores as of MNIST flips: AUROC .998."""
    return np.asarray(rng.standard_normal(len(wrong)) + 4.1 * wrong)


def weak(rng: np.random.Generator, wrong: Bools) -> Floats:
    """Scores as of human labels of CIFAR-10: AUROC .85, some right ones among the first."""
    return np.asarray(rng.standard_t(4, len(wrong)) + 1.7 * wrong)


def unseen(rng: np.random.Generator, wrong: Bools) -> Floats:
    """Separated as `normal`, but one wrong label in ten looks like a right one."""
    seen = wrong & (rng.random(len(wrong)) > 0.1)
    return np.asarray(rng.standard_normal(len(wrong)) + 4.1 * seen)


SCORES: dict[str, Callable[[np.random.Generator, Bools], Floats]] = {
    "normal": normal,
    "weak": weak,
    "unseen": unseen,
}


def reviewed(
    wrong: Bools, scores: Floats, top: int, audit: int, seed: int
) -> tuple[ReviewOrder, NDArray[np.int64], Earned]:
    """Judge the `top` first and `audit` random samples truly; return order, judged, result."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    flagged = ranks <= 1.3 * wrong.sum()
    order = review_order(ranks, flagged)
    strata = ((ranks - 1) * 10 // len(ranks)).astype(np.int64)
    drawn = audit_sample(len(scores), audit, seed, strata)
    judged = np.union1d(np.flatnonzero(ranks <= top), drawn)
    none = np.zeros(0, dtype=np.int64)
    # What the methods estimate themselves is off by up to a third.
    rate = _methods(wrong, seed).rate
    found = earned(order, judged, wrong[judged], none, drawn, rate=rate)
    return order, judged, found


def _methods(wrong: Bools, seed: int) -> ErrorRate:
    """The methods' own estimate: off by up to a third, its interval that of 600 sure samples."""
    rate = float(wrong.mean() * np.random.default_rng([seed, 3]).uniform(0.67, 1.5))
    half = 1.96 * np.sqrt(rate * (1 - rate) / 600)
    return ErrorRate(rate, max(rate - half, 0.0), rate + half, "")


def _headline(wrong: Bools, found: Earned, seed: int) -> dict[str, float]:
    methods, truth = _methods(wrong, seed), wrong.mean()
    shown = rate_to_go_by(found, methods)
    assert shown.rate is not None
    assert methods.rate is not None
    verdicts = found.by_order if found.combined is None else found.combined
    return {
        "told": float(shown != methods),
        "methods_off": abs(methods.rate - truth) / truth,
        "verdicts_off": np.nan if verdicts is None else abs(verdicts.value - truth) / truth,
        "headline_off": abs(shown.rate - truth) / truth,
    }


def compare(name: str, samples: int, rate: float, top: float, audit: int, repeats: int) -> dict:
    """Return mean bias and coverage over `repeats`; `top` is a share of the wrong labels."""
    rows = []
    for seed in range(repeats):
        rng = np.random.default_rng([seed, 1])
        wrong = rng.random(samples) < rate
        scores = SCORES[name](rng, wrong)
        order, judged, found = reviewed(wrong, scores, round(top * wrong.sum()), audit, seed)
        rows.append(_row(order, judged, wrong, found) | _headline(wrong, found, seed))
    means = pd.DataFrame(rows).mean().to_dict()
    return {"scores": name, "rate": rate, "top": top, "audit": audit, **means}


def _row(order: ReviewOrder, judged: NDArray[np.int64], wrong: Bools, found: Earned) -> dict:
    row: dict[str, float] = {}
    rate = wrong.sum() / order.ranked
    for name in ("by_audit", "by_order", "counted", "combined"):
        row |= _compared(name, getattr(found, name), rate, rate)
    known = np.isin(np.arange(len(wrong)), judged)
    row |= _compared("left", found.left, int((wrong & ~known).sum()), int(wrong.sum()))
    row |= {"true_left": float((wrong & ~known).sum())}
    if found.more is not None:
        for key, more in (("more", found.more.value), ("more_high", found.more.high)):
            at = np.argsort(order.places)
            further = at[~known[at]][: round(more)]
            row[key] = round(more)
            row[f"{key}_recall"] = (found.found + wrong[further].sum()) / wrong.sum()
        row["more_enough"] = float(row["more_high_recall"] >= 0.95)
    return row


def _compared(name: str, estimate: Estimate | None, truth: float, scale: float) -> dict[str, float]:
    """Compare with the truth; bias and width are in units of `scale`."""
    if estimate is None:
        return {}
    return {
        f"{name}_bias": (estimate.value - truth) / scale,
        f"{name}_covers": float(estimate.low <= truth <= estimate.high),
        f"{name}_width": (estimate.high - estimate.low) / scale,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--samples", type=int, default=12_000)
    given = parser.parse_args()
    plans = [(0.2, 0), (0.5, 0), (1.0, 0), (1.5, 0), (0.0, 200), (0.5, 100), (1.0, 100), (1.0, 300)]
    rows = [
        compare(name, given.samples, rate, top, audit, given.repeats)
        for name in SCORES
        for rate in (0.02, 0.1, 0.2)
        for top, audit in plans
    ]
    table = pd.DataFrame(rows)
    kind = np.where(table["audit"] == 0, "in order", np.where(table["top"] == 0, "audit", "both"))
    shown = [name for name in table if not str(name).endswith("width")]
    with pd.option_context("display.width", 250, "display.max_columns", 40):
        print(table[shown].round(3).to_string(index=False))
        numbers = table.drop(columns=["scores", "rate", "top", "audit"])
        print("\nMeans by scores and way of reviewing")
        print(numbers.groupby([table["scores"], kind]).mean().round(3).T.to_string())


if __name__ == "__main__":
    main()
