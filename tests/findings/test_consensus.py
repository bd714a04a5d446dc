"""Consensus: ranking, majority, suggestion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core.errors import SettingsError
from dvaudit.core.result import ValuationResult
from dvaudit.findings import consensus


def result(name, values, flagged=None, suggested=None, given="x", margins=None):
    n = len(values)
    return ValuationResult(
        name,
        tuple(str(i) for i in range(n)),
        np.array([given] * n, dtype=object),
        np.asarray(values, dtype=float),
        None if flagged is None else np.array(flagged, dtype=bool),
        None if suggested is None else np.array(suggested, dtype=object),
        None if margins is None else np.array(margins, dtype=float),
    )


def combine(*results, **kwargs):
    return consensus({r.valuator: r for r in results}, len(results[0].values), **kwargs)


@given(
    st.integers(1, 25).flatmap(
        lambda n: st.tuples(
            st.lists(st.permutations(range(n)), min_size=1, max_size=4), st.permutations(range(n))
        )
    )
)
def test_permuting_the_samples_permutes_the_consensus(case):
    rankings, order = case
    order = np.array(order)
    results = [result(f"m{i}", v, [False] * len(v)) for i, v in enumerate(rankings)]
    moved = [result(r.valuator, r.values[order], [False] * len(order)) for r in results]
    before, after = combine(*results), combine(*moved)
    np.testing.assert_array_equal(before.suspicion[order], after.suspicion)
    np.testing.assert_array_equal(
        before.suspicion[before.ranks.argsort()], after.suspicion[after.ranks.argsort()]
    )


@given(
    st.lists(st.permutations(range(9)), min_size=2, max_size=5),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_methods_does_not_matter(rankings, random):
    results = [result(f"m{i}", v, [False] * 9) for i, v in enumerate(rankings)]
    shuffled = random.sample(results, len(results))
    np.testing.assert_array_equal(combine(*results).ranks, combine(*shuffled).ranks)


@given(st.permutations(range(12)), st.floats(0.1, 50), st.floats(-5, 5))
def test_only_the_ranks_of_a_method_count(values, scale, shift):
    values = np.array(values, dtype=float)
    plain = combine(result("a", values, [False] * 12), result("b", -values, [False] * 12))
    stretched = combine(
        result("a", np.exp(values / 4) * scale + shift, [False] * 12),
        result("b", -values, [False] * 12),
    )
    np.testing.assert_array_equal(plain.ranks, stretched.ranks)


def test_one_method_keeps_its_ranks_and_ties_keep_input_order():
    found = combine(result("a", [2, 1, 1, 0], [False] * 4))
    assert found.ranks.tolist() == [4, 2, 3, 1]
    tied = combine(result("a", [1, 2], [False] * 2), result("b", [2, 1], [False] * 2))
    assert tied.ranks.tolist() == [1, 2]


def test_samples_without_a_label_are_scored_by_no_one():
    found = combine(
        result("kernel-loo", [np.nan, 1, 2], [True, False, False], [None, None, None]),
        result("b", [np.nan, 2, 1], [True, False, False]),
    )
    assert np.isnan(found.ranks[0])
    assert not found.flagged[0]


def test_a_majority_flags():
    votes = [[True, True, False], [True, False, False], [True, True, True]]
    found = combine(*(result(f"m{i}", [1, 2, 3], v) for i, v in enumerate(votes)))
    assert found.flagged.tolist() == [True, True, False]


def test_a_tie_is_decided_by_the_method_that_names_a_better_label():
    loo = result("kernel-loo", [1, 2, 3, 4], [True, True, False, False], ["y", "z", None, None])
    gap = result("cg-score", [1, 2, 3, 4], [True, False, True, False])
    assert combine(loo, gap).flagged.tolist() == [True, True, False, False]
    assert combine(gap, loo).flagged.tolist() == [True, True, False, False]


def test_a_tie_without_such_a_method_flags_nothing():
    found = combine(result("a", [1, 2], [True, False]), result("b", [1, 2], [False, False]))
    assert found.flagged.tolist() == [False, False]


def test_suggestions_come_from_kernel_loo_and_never_repeat_the_given_label():
    other = result("other", [1, 2], [True, False], ["q", "q"], margins=[9, 9])
    loo = result("kernel-loo", [1, 2], [True, False], ["y", "x"], margins=[0.5, -0.5])
    found = combine(other, loo)
    assert found.suggested_labels.tolist() == ["y", None]
    assert found.margins.tolist() == [0.5, -0.5]


def test_methods_that_do_not_flag_are_left_out_unless_asked():
    silent = result("davinz", [3, 2, 1])
    loud = result("kernel-loo", [1, 2, 3], [False] * 3, [None] * 3)
    assert combine(silent, loud).ranks.tolist() == [1, 2, 3]
    both = combine(silent, loud, detectors=["davinz", "kernel-loo"])
    np.testing.assert_allclose(both.suspicion, 0.5)
    assert combine(silent, loud, detectors=["davinz"]).ranks.tolist() == [3, 2, 1]


def test_an_unknown_detector_is_refused():
    with pytest.raises(SettingsError, match=r"no result \(dvgs\); choose from: a"):
        combine(result("a", [1], [False]), detectors=["dvgs"])


def test_no_method_ranks_nothing():
    found = consensus({}, 3)
    assert np.isnan(found.ranks).all()
    assert not found.flagged.any()
