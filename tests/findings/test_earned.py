"""What verdicts earn: against slow twins, by hand, and by simulation with known wrong labels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from scipy.special import expit
from scipy.stats import beta

from dvaudit.core.errors import SettingsError
from dvaudit.findings.audit_sample import audit_sample
from dvaudit.findings.earned import GAP, LEAST, ReviewOrder, earned, review_order
from dvaudit.findings.earned_types import Basis, Earned, share_of
from dvaudit.findings.wrong_curve import (
    RATE_SPREAD,
    STEEPNESS_SPREAD,
    USUAL_STEEPNESS,
    Rest,
    learn_curve,
    normal_scores,
)

NONE = np.zeros(0, dtype=np.int64)


def _order(samples: int, flagged: int) -> ReviewOrder:
    """Position and place are the same."""
    ranks = np.arange(1.0, samples + 1)
    return review_order(ranks, ranks <= flagged)


def _judged(
    order: ReviewOrder, at: NDArray[np.int64], wrong: NDArray[np.bool_], drawn: NDArray[np.int64]
) -> Earned:
    return earned(order, at, wrong[at], NONE, drawn, rate=float(wrong.mean()))


# The random audit sample


def test_an_audit_sample_is_drawn_without_replacement_and_grows_at_its_end() -> None:
    drawn = audit_sample(100, 40, seed=3)
    assert len(set(drawn.tolist())) == 40
    assert set(drawn.tolist()) <= set(range(100))
    assert np.array_equal(audit_sample(100, 60, seed=3)[:40], drawn)
    assert not np.array_equal(audit_sample(100, 40, seed=4), drawn)
    assert sorted(audit_sample(5, 40, seed=3).tolist()) == [0, 1, 2, 3, 4]


def test_every_beginning_of_a_stratified_sample_holds_the_strata_in_proportion() -> None:
    strata = np.repeat([0, 1, 2], [500, 300, 200])
    drawn = audit_sample(1000, 100, seed=1, strata=strata)
    assert len(set(drawn.tolist())) == 100
    for size in (10, 37, 50, 100):
        held = np.bincount(strata[drawn[:size]], minlength=3)
        assert np.abs(held - size * np.array([0.5, 0.3, 0.2])).max() <= 1.5


def test_every_sample_is_drawn_equally_often() -> None:
    strata = np.repeat([0, 1], [30, 10])
    drawn = Counter(
        int(at) for seed in range(2000) for at in audit_sample(40, 8, seed, strata=strata)
    )
    # Binomial with 2000 draws and chance .2: standard deviation 18.
    assert max(abs(drawn[at] - 400) for at in range(40)) < 4 * 18


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(SettingsError, match="-1"):
        audit_sample(10, -1, seed=0)


# Intervals and order


@given(st.integers(1, 60).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_intervals_of_shares_are_those_of_jeffreys(case: tuple[int, int]) -> None:
    hits, of = case
    made = share_of(hits, of)
    posterior = beta(hits + 0.5, of - hits + 0.5)
    assert made.low == pytest.approx(posterior.ppf(0.025) if hits else 0.0)
    assert made.high == pytest.approx(posterior.ppf(0.975) if hits < of else 1.0)
    assert made.low <= made.share <= made.high


@given(st.lists(st.tuples(st.sampled_from([np.nan, *range(1, 40)]), st.booleans()), max_size=40))
def test_the_order_of_review_is_flagged_first_and_each_part_by_rank(
    rows: list[tuple[float, bool]],
) -> None:
    order = review_order(
        np.array([rank for rank, _ in rows], dtype=float),
        np.array([flagged for _, flagged in rows], dtype=bool),
    )
    ranked = [at for at, (rank, _) in enumerate(rows) if np.isfinite(rank)]
    slow = sorted(ranked, key=lambda at: (not rows[at][1], rows[at][0], at))
    assert [int(order.places[at]) for at in slow] == list(range(len(slow)))
    assert (order.places < 0).sum() == len(rows) - len(ranked)
    assert order.flagged == sum(rows[at][1] for at in ranked)


# What counts for what


def test_flags_and_others_are_counted_apart_and_unsure_ones_not_at_all() -> None:
    wrong = np.zeros(100, dtype=bool)
    wrong[[0, 1, 2, 30]] = True
    judged = np.array([0, 1, 2, 3, 30, 40])
    found = earned(_order(100, 10), judged, wrong[judged], np.array([4, 5]), NONE)
    assert (found.above.hits, found.above.of) == (3, 4)
    assert (found.below.hits, found.below.of) == (1, 2)
    assert (found.found, found.judged, found.unsure, found.top) == (4, 6, 2, 6)
    assert found.left is None
    assert found.more is None
    assert found.by_audit is None


def test_a_dropped_sample_was_worth_flagging_and_its_label_is_not_wrong() -> None:
    at = np.arange(40)
    wrong, dropped = at < 5, (at >= 5) & (at < 20)
    found = earned(_order(1000, 30), at, wrong, NONE, NONE, dropped=dropped, rate=0.05)
    kept = earned(_order(1000, 30), at, wrong, NONE, NONE, rate=0.05)
    assert (found.found, found.dropped, found.judged) == (5, 15, 40)
    assert (found.above.hits, found.above.of, found.basis) == (20, 30, Basis.ALL)
    assert (found.by_order, found.left, found.more) == (kept.by_order, kept.left, kept.more)
    assert found.cut_at(0.5) == 20
    assert kept.cut_at(0.5) == 5
    either = earned(_order(1000, 30), at, wrong | dropped, NONE, NONE, rate=0.05)
    assert found.curve is not None
    assert either.curve is not None
    assert np.array_equal(found.curve.middle, either.curve.middle)


def test_dropping_everything_makes_no_label_wrong() -> None:
    at = np.arange(200)
    found = earned(_order(200, 20), at, at < 0, NONE, NONE, dropped=at >= 0)
    assert found.counted_all
    assert found.counted is not None
    assert found.counted.value == 0
    assert found.precision == share_of(20, 20)


@pytest.mark.parametrize(
    ("at", "drawn", "basis", "of"),
    [
        (np.arange(50), NONE, Basis.ALL, 50),
        (np.arange(30), NONE, Basis.TOP, 30),
        (np.arange(3), NONE, Basis.TOP, 3),
        (np.arange(0, 50, 2), NONE, Basis.CHOSEN, 25),
        (np.append(np.arange(20), np.arange(30, 49)), NONE, Basis.TOP, 20),
        (np.append(np.arange(0, 48, 4), 900), np.arange(0, 48, 4), Basis.DRAWN, 12),
    ],
)
def test_the_precision_says_of_which_flags_it_is(
    at: NDArray[np.int64], drawn: NDArray[np.int64], basis: Basis, of: int
) -> None:
    found = _judged(_order(1000, 50), at, np.arange(1000) < 25, drawn)
    assert (found.basis, found.precision.of) == (basis, of)
    assert found.precision.hits == (at[:of] < 25).sum()


def test_an_interval_has_a_width_as_long_as_one_sample_is_not_judged() -> None:
    found = _judged(_order(300, 10), np.arange(299), np.zeros(300, dtype=bool), NONE)
    assert found.by_order is not None
    assert found.by_order.low == 0
    assert found.by_order.high >= 1 / 300


def test_the_order_is_by_rank_where_the_flags_are_the_first_ranks() -> None:
    ranks = np.array([3.0, 1.0, 2.0, np.nan, 4.0])
    assert review_order(ranks, ranks <= 2).by_rank
    assert review_order(ranks, ranks <= 0).by_rank
    assert not review_order(ranks, ranks == 2).by_rank


def test_the_top_ends_where_several_in_a_row_were_not_looked_at() -> None:
    wrong = np.zeros(400, dtype=bool)
    order = _order(400, 50)
    some = np.concatenate([np.arange(100), 100 + GAP + 1 + np.arange(50)])
    assert _judged(order, some, wrong, NONE).top == 100
    skipped = np.setdiff1d(np.arange(100), [20, 50, 80])
    assert _judged(order, skipped, wrong, NONE).top == 100
    assert _judged(order, np.arange(0, 100, 2), wrong, NONE).top <= 1


def test_samples_picked_by_hand_count_as_found_and_tell_nothing_of_others() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(1000) < np.linspace(0.9, 0, 1000) ** 4
    order, drawn = _order(1000, 100), audit_sample(1000, 60, seed=1)
    plain = np.union1d(np.arange(80), drawn)
    picked = np.setdiff1d(np.flatnonzero(wrong), plain)
    picked = picked[picked > 120]  # away from the end of the top
    before = _judged(order, plain, wrong, drawn)
    after = _judged(order, np.concatenate([plain, picked]), wrong, drawn)
    assert after.found == before.found + len(picked)
    assert after.by_audit == before.by_audit
    assert (after.top, after.audited, after.bins) == (before.top, before.audited, before.bins)
    assert before.curve is not None
    assert after.curve is not None
    assert np.array_equal(after.curve.middle, before.curve.middle)
    alone = _judged(order, picked, wrong, NONE)
    assert (alone.left, alone.by_order, alone.combined) == (None, None, None)


def test_an_audit_sample_counts_as_far_as_it_was_judged_in_the_order_drawn() -> None:
    wrong = np.arange(1000) % 5 == 0
    drawn = audit_sample(1000, 100, seed=2)
    judged = np.concatenate([drawn[:40], drawn[70:75]])
    found = _judged(_order(1000, 10), judged, wrong, drawn)
    hits = int(wrong[drawn[:40]].sum())
    expected = share_of(hits, 40)
    assert (found.drawn, found.audited) == (100, 40)
    assert found.by_audit is not None
    assert found.by_audit.value == pytest.approx(hits / 40)
    assert (found.by_audit.low, found.by_audit.high) == (expected.low, expected.high)


def test_the_stratified_estimate_is_what_one_computes_by_hand() -> None:
    wrong = np.zeros(1000, dtype=bool)
    wrong[:150] = True  # the first 200 hold 150
    drawn = np.arange(210, 1000, 16)  # 50 of the rest,
    wrong[drawn[:4]] = True  # of which 4 are wrong
    judged = np.concatenate([np.arange(200), drawn])
    found = earned(_order(1000, 150), judged, wrong[judged], NONE, drawn)
    rest = share_of(4, 50)
    assert found.counted is not None
    assert found.counted.value == pytest.approx((150 + 800 * 4 / 50) / 1000)
    assert found.counted.low == pytest.approx((150 + 800 * rest.low) / 1000)
    assert found.counted.high == pytest.approx((150 + 800 * rest.high) / 1000)


def test_without_ranks_there_is_nothing_to_say() -> None:
    order = review_order(np.full(20, np.nan), np.zeros(20, dtype=bool))
    found = earned(order, np.arange(15), np.ones(15, dtype=bool), NONE, NONE)
    assert (found.ranked, found.judged, found.left, found.cut_at(0.5)) == (0, 0, None, 0)


def test_where_all_is_judged_nothing_is_left() -> None:
    wrong = np.arange(300) < 40
    found = _judged(_order(300, 50), np.arange(300), wrong, NONE)
    assert found.left is not None
    assert found.left.high == 0
    assert found.more is not None
    assert found.more.value == 0
    assert found.counted is not None
    assert found.counted.value == pytest.approx(40 / 300)
    assert found.counted_all


# The curve and the cut-off


@given(st.lists(st.booleans(), min_size=1, max_size=9))
def test_within_the_top_the_cut_off_is_where_the_isotonic_fit_passes(verdicts: list[bool]) -> None:
    assert len(verdicts) < LEAST  # so that no curve adds to it
    wrong = np.array(verdicts)
    found = earned(_order(200, 10), np.arange(len(wrong)), wrong, NONE, NONE)
    fitted = isotonic_regression(wrong.astype(float), increasing=False).x
    assert found.cut_at(0.4321) == (fitted > 0.4321).sum()


@settings(deadline=None, max_examples=5)
@given(st.integers(0, 1000))
def test_the_curve_agrees_with_one_huge_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(2000, 60, replace=False)).astype(float)
    scores = normal_scores(places, 2000)
    middle, steep = rng.uniform(0.5, 2), rng.uniform(1, 8)
    wrong = rng.random(60) < expit(steep * (scores - middle))
    everywhere = normal_scores(np.arange(400.0), 400)
    rest = Rest(everywhere, np.ones(400), 0.0, 400)
    learnt = learn_curve(scores, wrong, rest, rate=0.1, floors=False)
    shown = normal_scores(np.array([5.0, 50, 150, 300, 600, 1200]), 2000)
    assert learnt.chances(shown).mean(axis=0) == pytest.approx(
        _huge_grid(scores, wrong, shown, everywhere), abs=0.03
    )


def _huge_grid(
    scores: NDArray[np.float64],
    wrong: NDArray[np.bool_],
    shown: NDArray[np.float64],
    everywhere: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The posterior mean, one grid point after the other."""
    total, weights = np.zeros(len(shown)), 0.0
    for middle in np.linspace(-2.5, 4, 131):
        for log_steep in np.linspace(np.log(0.3), np.log(60), 60):
            steep = np.exp(log_steep)
            logs = -np.logaddexp(0, np.where(wrong, -1, 1) * steep * (scores - middle)).sum()
            share = expit(steep * (everywhere - middle)).mean()
            logs -= 0.5 * (np.log(share / 0.1) / RATE_SPREAD) ** 2
            logs -= 0.5 * ((log_steep - np.log(USUAL_STEEPNESS)) / STEEPNESS_SPREAD) ** 2
            weight = np.exp(logs)
            total, weights = total + weight * expit(steep * (shown - middle)), weights + weight
    return total / weights


# Simulated reviews


def _simulated(seed: int, top: float, audit: int) -> tuple[Earned, ReviewOrder, dict[str, object]]:
    rng = np.random.default_rng([seed, 7])
    wrong = rng.random(4000) < 0.1
    order = np.argsort(-(rng.standard_normal(4000) + 3.0 * wrong))
    wrong = wrong[order]  # position = place
    places = _order(4000, int(1.3 * wrong.sum()))
    drawn = audit_sample(4000, audit, seed)
    judged = np.union1d(np.arange(round(top * wrong.sum())), drawn)
    known = np.isin(np.arange(4000), judged)
    found = earned(places, judged, wrong[judged], NONE, drawn, rate=0.1 * rng.uniform(0.7, 1.4))
    return found, places, {"wrong": wrong, "known": known}


@pytest.mark.parametrize(("top", "audit"), [(0.0, 200), (0.7, 100), (1.0, 200)])
def test_intervals_hold_the_truth_and_95_percent_are_found(top: float, audit: int) -> None:
    covered, errors, recalls, safe = [], [], [], []
    for seed in range(20):
        found, _, truth = _simulated(seed, top, audit)
        wrong, known = np.asarray(truth["wrong"]), np.asarray(truth["known"])
        rate, left = wrong.mean(), int((wrong & ~known).sum())
        assert found.combined is not None
        assert found.counted is not None
        assert found.left is not None
        assert found.more is not None
        covered.append(
            [
                found.combined.low <= rate <= found.combined.high,
                found.counted.low <= rate <= found.counted.high,
                found.left.low <= left <= found.left.high,
            ]
        )
        errors.append([found.combined.value / rate - 1, found.counted.value / rate - 1])
        unjudged = np.flatnonzero(~known)
        for number, kept in ((found.more.value, recalls), (found.more.high, safe)):
            more = unjudged[: round(number)]
            kept.append((found.found + wrong[more].sum()) / wrong.sum())
    assert np.mean(covered, axis=0).min() >= 0.84  # 95 % of 20, less two standard deviations
    assert np.abs(np.mean(errors, axis=0)).max() < 0.08
    assert np.mean(recalls) == pytest.approx(0.95, abs=0.03)
    assert np.mean(np.array(safe) >= 0.95) >= 0.8
