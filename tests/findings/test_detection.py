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
        (0.70, {"a": 9.0, "b": 1.0}, "a", ", the highest recall (standard error 1.7%); a random"),
        (0.89, {"a": 9.0, "b": 1.0}, "b", "no clear difference to the highest recall, 90.0% by a"),
        (0.89, {"a": 9.0, "b": 1.0}, "b", "and the quicker by estimate"),
        (0.89, {"a": 1.0, "b": 9.0}, "a", "the highest recall, at no higher cost than b, with no "),
        (0.90, {"a": 9.0, "b": 1.0}, "b", ", as many as a, at no higher cost (standard error"),
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


def test_of_the_same_recall_the_better_auroc_comes_before_the_lower_cost() -> None:
    scores = _scores(quick=[0.7, 0.8, 0.6], slow=[0.6, 0.7, 0.8], poor=[0.1, 0.2, 0.1])
    scores.loc[scores["method"] == "slow", "auroc"] = 0.95
    means = findings.mean_scores(scores, {"quick": 1.0, "slow": 9.0, "poor": 0.1})
    found = findings.recommend(means, chance=0.1)
    assert found.method == "slow"
    assert "as many as quick, and ranks them better over the whole review" in found.why
    assert "AUROC 0.950 to 0.900" in found.why
    assert "highest" not in found.why


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.5, 0.55, 0.6]),
            st.sampled_from([0.8, 0.9]),
            st.sampled_from([1.0, 2.0, 3.0]),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_recommended_is_beaten_by_none_of_the_same_recall(
    drawn: list[tuple[float, float, float]],
) -> None:
    names = [f"m{at}" for at in range(len(drawn))]
    means = pd.DataFrame(
        {
            "method": names,
            "recall": [recall for recall, _, _ in drawn],
            "recall_std_error": 0.06,
            "auroc": [auroc for _, auroc, _ in drawn],
            "seconds": [seconds for *_, seconds in drawn],
        }
    ).sort_values(["recall", "auroc"], ascending=False, ignore_index=True)
    found = findings.recommend(means, chance=0.1)
    rows = means.set_index("method")
    chosen = rows.loc[str(found.method)]
    assert chosen["recall"] >= rows["recall"].max() - 0.06
    same = rows[rows["recall"] == chosen["recall"]]
    assert chosen["auroc"] == same["auroc"].max()
    assert chosen["seconds"] == same["seconds"][same["auroc"] == chosen["auroc"]].min()
    if chosen["recall"] < rows["recall"].max():
        assert "no clear difference to the highest recall" in found.why


def test_no_method_is_recommended_that_is_no_better_than_chance() -> None:
    means = findings.mean_scores(_scores(a=[0.11], b=[0.09]), {"a": 1.0, "b": 1.0})
    found = findings.recommend(means, chance=0.1)
    assert found.method is None
    assert "does not show that any of the 2 methods finds" in found.why
