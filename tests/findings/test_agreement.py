"""Agreement of methods against scipy and one-by-one counts; rank intervals; reliability."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from dvaudit import findings
from dvaudit.core.errors import SettingsError

few_values = arrays(
    np.float64, st.integers(3, 25), elements=st.sampled_from([-1.0, 0.0, 0.5, 2.0, np.nan])
)


def _two(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    one = np.round(rng.standard_normal(n), 1)
    other = one + rng.standard_normal(n)
    one[[3, 8]], other[[8, 20]] = np.nan, np.nan
    return one, other


def test_correlations_are_scipys_over_what_both_scored() -> None:
    one, other = _two()
    both = np.isfinite(one) & np.isfinite(other)
    found = findings.rank_correlations({"a": one, "b": other, "flat": np.ones(len(one))})
    assert found.loc["a", "b"] == pytest.approx(spearmanr(one[both], other[both]).statistic)
    assert found.loc["b", "a"] == found.loc["a", "b"]
    assert (found.loc["a", "a"], found.loc["b", "b"]) == pytest.approx((1, 1))
    assert found["flat"].isna().all()


def test_infinite_values_count_as_not_scored() -> None:
    one, other = _two()
    endless = np.where(np.isnan(one), -np.inf, one)
    found = findings.rank_correlations({"a": endless, "b": other})
    assert found.equals(findings.rank_correlations({"a": one, "b": other}))


@given(few_values, st.integers(1, 30), st.integers(0, 5))
def test_overlap_is_that_of_the_two_sets(one: np.ndarray, k: int, seed: int) -> None:
    other = np.random.default_rng(seed).permutation(one)

    def first(values: np.ndarray) -> set[int]:
        scored = [at for at in range(len(values)) if np.isfinite(values[at])]
        return set(sorted(scored, key=lambda at: values[at])[:k])

    size = min(len(first(one)), len(first(other)))
    found = findings.overlaps({"a": one, "b": other}, k)
    if size == 0:
        assert found.isna().all(axis=None)
    else:
        assert found.loc["a", "b"] == len(first(one) & first(other)) / size
        assert found.loc["b", "a"] == found.loc["a", "b"]
        assert found.loc["a", "a"] == 1


def test_overlap_of_no_samples_is_refused() -> None:
    with pytest.raises(SettingsError, match="k is 0"):
        findings.overlaps({"a": np.ones(3)}, 0)


@given(few_values, st.integers(0, 5))
def test_disagreement_is_that_of_the_mean_ranks(one: np.ndarray, seed: int) -> None:
    other = np.random.default_rng(seed).permutation(one)

    def share(values: np.ndarray, at: int) -> float:
        scored = values[np.isfinite(values)]
        below, equal = (scored < values[at]).sum(), (scored == values[at]).sum()
        return float(below + (equal + 1) / 2 - 0.5) / len(scored)

    found = findings.disagreement(one, other)
    for at in range(len(one)):
        if np.isfinite(one[at]) and np.isfinite(other[at]):
            assert found[at] == pytest.approx(share(one, at) - share(other, at))
        else:
            assert np.isnan(found[at])
    order = findings.most_disputed(found)
    assert sorted(order) == np.flatnonzero(np.isfinite(found)).tolist()
    sizes = np.abs(found[order])
    assert (sizes[:-1] >= sizes[1:]).all()


def test_a_sample_only_one_method_suspects_is_disputed_most() -> None:
    one = np.arange(10.0)
    other = one.copy()
    other[9] = -1
    found = findings.disagreement(one, other)
    assert findings.most_disputed(found)[0] == 9
    assert found[9] == pytest.approx(0.9)


@given(few_values, st.integers(0, 5))
def test_rank_intervals_are_the_ranks_at_both_ends(values: np.ndarray, seed: int) -> None:
    errors = np.random.default_rng(seed).uniform(0, 0.6, len(values))
    found = findings.rank_intervals(values, errors)
    scored = values[np.isfinite(values)]
    for at, value in enumerate(values):
        if not np.isfinite(value):
            assert np.isnan([found.ranks[at], found.low[at], found.high[at]]).all()
            continue
        width = 1.959964 * errors[at]
        assert found.low[at] == 1 + (scored < value - width).sum()
        assert found.high[at] == (scored <= value + width).sum()
        assert found.low[at] <= found.ranks[at] <= found.high[at]


def test_firm_are_those_that_stay_among_the_first() -> None:
    values = np.array([0.0, 1.0, 2.0, 2.1, 5.0, 6.0])
    found = findings.rank_intervals(values, np.full(6, 0.2))
    # 2.0 and 2.1 may change places: of the first three, two are firm, and two lie across.
    assert findings.firm_first(found, 3) == (2, 2)
    assert findings.firm_first(findings.rank_intervals(values, np.zeros(6)), 3) == (3, 0)


def test_reliability_foretells_the_correlation_of_two_runs() -> None:
    rng = np.random.default_rng(1)
    truth = rng.standard_normal(20_000)
    one, other = (truth + 0.7 * rng.standard_normal(len(truth)) for _ in range(2))
    found = findings.reliability(one, np.full(len(truth), 0.7))
    assert found == pytest.approx(np.corrcoef(one, other)[0, 1], abs=0.02)
    assert findings.reliability(one, np.zeros(len(truth))) == 1
    assert findings.reliability(one, np.full(len(truth), 9.0)) == 0
    assert np.isnan(findings.reliability(np.ones(5), np.ones(5)))
