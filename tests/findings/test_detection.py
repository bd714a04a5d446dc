"""Recall and AUROC against one-by-one counts and scikit-learn; what is recommended and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from dvaudit import findings


def _case(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    planted = rng.random(n) < 0.3
    planted[:2] = True, False
    values = np.round(rng.standard_normal(n) - planted, 1)
    values[rng.random(n) < 0.1] = np.nan
    return values, planted


@given(st.integers(0, 200))
def test_auroc_is_scikit_learns(seed: int) -> None:
    values, planted = _case(seed)
    suspicion = -np.where(np.isnan(values), 1e9, values)
    assert findings.auroc(values, planted) == pytest.approx(roc_auc_score(planted, suspicion))


@given(st.integers(0, 200), st.integers(0, 40))
def test_recall_counts_the_first_k(seed: int, k: int) -> None:
    values, planted = _case(seed)
    order = sorted(range(len(values)), key=lambda at: (np.isnan(values[at]), values[at]))
    hits = sum(planted[at] for at in order[:k])
    assert findings.recall_at(values, planted, k) == hits / planted.sum()
    curve = findings.recall_curve(values, planted, np.array([0.0, k / len(values), 1.0]))
    np.testing.assert_allclose(curve, [0, hits / planted.sum(), 1])


def test_the_grid_holds_both_ends_and_is_dense_at_the_share() -> None:
    grid = findings.review_grid(0.02)
    assert (grid[0], grid[-1]) == (0, 1)
    assert (np.diff(grid) > 0).all()
    assert ((grid > 0) & (grid <= 0.06)).sum() >= 30


def _scores(**recalls: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"method": method, "seed": seed, "planted": 100, "recall": recall, "auroc": 0.9}
            for method, each in recalls.items()
            for seed, recall in enumerate(each)
        ]
    )


def test_means_carry_the_error_over_seeds_or_the_binomial_one() -> None:
    means = findings.mean_scores(
        _scores(a=[0.5, 0.9], b=[0.9, 0.9, 0.9]), {"a": 2.0, "b": 1.0}
    ).set_index("method")
    assert means.index.tolist() == ["b", "a"]
    assert means.loc["a", "recall"] == pytest.approx(0.7)
    assert means.loc["a", "recall_std_error"] == pytest.approx(0.2)
    assert means.loc["b", "recall_std_error"] == pytest.approx(np.sqrt(0.9 * 0.1 / 300))
    assert means.loc["a", "seconds"] == 2


@pytest.mark.parametrize(
    ("second", "seconds", "chosen", "said"),
    [
        (0.70, {"a": 9.0, "b": 1.0}, "a", "the highest recall"),
        (0.89, {"a": 9.0, "b": 1.0}, "b", "within one standard error"),
        (0.89, {"a": 1.0, "b": 9.0}, "a", "the highest recall"),
        (0.90, {"a": 9.0, "b": 1.0}, "b", "at a lower cost"),
    ],
)
def test_the_best_is_recommended_or_a_cheaper_one_as_good(
    second: float, seconds: dict[str, float], chosen: str, said: str
) -> None:
    means = findings.mean_scores(_scores(a=[0.9] * 3, b=[second] * 3), seconds)
    found = findings.recommend(means, chance=0.1)
    assert found.method == chosen
    assert said in found.why
    assert "10.0%" in found.why


def test_no_method_is_recommended_that_is_no_better_than_chance() -> None:
    means = findings.mean_scores(_scores(a=[0.11], b=[0.09]), {"a": 1.0, "b": 1.0})
    found = findings.recommend(means, chance=0.1)
    assert found.method is None
    assert "does not show that any of the 2 methods finds" in found.why
