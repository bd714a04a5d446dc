from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.errors import NumericalError, SettingsError
from dvaudit.core.progress import Cancelled
from dvaudit.games import (
    BatchUtility,
    Prefixes,
    all_coalitions,
    banzhaf,
    exact_banzhaf,
    exact_shapley,
    leave_one_out,
    marginal_to_empty,
    prefixes_of,
    shapley,
)


def _table(players: int, seed: int) -> np.ndarray:
    """nu of each of the 2^K coalitions, the empty one first."""
    return np.random.default_rng(seed).standard_normal(2**players)


def _batch(table: np.ndarray) -> BatchUtility:
    return lambda masks: table[masks @ (1 << np.arange(masks.shape[1]))]


def _prefixes(table: np.ndarray, players: int) -> Prefixes:
    return lambda order: table[np.append(0, np.cumsum(1 << order))]


def _means_over_all_orders(table: np.ndarray, players: int) -> np.ndarray:
    """Shapley's own definition, which no code here shares."""
    orders = list(itertools.permutations(range(players)))
    values = np.zeros(players)
    for order in orders:
        held = 0
        for player in order:
            values[player] += table[held | 1 << player] - table[held]
            held |= 1 << player
    return values / len(orders)


@given(players=st.integers(1, 6), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_all_orders_equal_all_coalitions(players: int, seed: int) -> None:
    table = _table(players, seed)
    exact = exact_shapley(_batch(table), players, baseline=table[0])
    found = shapley(_prefixes(table, players), players)
    np.testing.assert_allclose(exact, _means_over_all_orders(table, players), atol=1e-12)
    np.testing.assert_allclose(found.values, exact, atol=1e-12)
    assert found.settled
    assert not found.std_errors.any()
    assert found.baseline == table[0]


@given(players=st.integers(1, 7), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_banzhaf_over_all_coalitions_is_the_mean_marginal(players: int, seed: int) -> None:
    table = _table(players, seed)
    found = banzhaf(_batch(table), players, 2**players, baseline=table[0])
    for player in range(players):
        without = [held for held in range(2**players) if not held >> player & 1]
        mean = np.mean([table[held | 1 << player] - table[held] for held in without])
        assert found.values[player] == pytest.approx(mean, abs=1e-12)
    assert (found.rounds, found.settled) == (2**players, True)


@given(players=st.integers(2, 9), seed=st.integers(0, 10**6), antithetic=st.booleans())
@settings(max_examples=30, deadline=None)
def test_sampled_values_are_efficient(players: int, seed: int, antithetic: bool) -> None:
    table = _table(players, seed)
    found = shapley(
        _prefixes(table, players), players, least=8, most=8, antithetic=antithetic, seed=seed
    )
    assert found.values.sum() == pytest.approx(table[-1] - table[0], abs=1e-10)


@given(seed=st.integers(0, 10**6), players=st.integers(3, 7))
@settings(max_examples=30, deadline=None)
def test_alike_players_get_the_same_and_null_players_nothing(seed: int, players: int) -> None:
    """nu looks at how many of the players 0 and 1 are in, and never at the last one."""
    drawn = np.random.default_rng(seed).standard_normal(2 ** (players + 1))

    def utility(masks: np.ndarray) -> np.ndarray:
        key = masks[:, 0].astype(int) + masks[:, 1]
        key = key + 4 * (masks[:, 2:-1] @ (1 << np.arange(players - 3)))
        return drawn[key]

    baseline = float(drawn[0])
    one = prefixes_of(lambda mask: float(utility(mask[None])[0]), players, baseline=baseline)
    for values in (
        exact_shapley(utility, players, baseline=baseline),
        exact_banzhaf(utility, players, baseline=baseline),
        shapley(one, players, most=5040).values,
    ):
        assert values[0] == pytest.approx(values[1], abs=1e-12)
        assert values[-1] == pytest.approx(0, abs=1e-12)
    sampled = shapley(one, players, least=4, most=5, antithetic=False)
    assert sampled.values[-1] == 0


def test_a_shift_of_the_empty_coalition_moves_all_alike() -> None:
    players, delta, table = 5, 0.7, _table(5, 0)
    shifted = table.copy()
    shifted[0] += delta
    utility = _batch(table)
    for exact, step in ((exact_shapley, delta / players), (exact_banzhaf, delta / 2**4)):
        before = exact(utility, players, baseline=table[0])
        after = exact(utility, players, baseline=shifted[0])
        np.testing.assert_allclose(before - after, step, atol=1e-12)
    single = table[1 << np.arange(players)]
    fall = marginal_to_empty(single, table[0]).values - marginal_to_empty(single, shifted[0]).values
    np.testing.assert_allclose(fall, delta)


def test_leave_one_out_is_total_minus_without() -> None:
    found = leave_one_out(3.0, [1.0, 3.5])
    np.testing.assert_array_equal(found.values, [2.0, -0.5])
    assert (found.baseline, found.settled) == (None, True)


def _additive_with_a_pair(weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda masks: masks @ weights + masks[:, 0] * masks[:, 1]


def test_standard_errors_cover_the_exact_values() -> None:
    players = 9
    table = np.sort(_table(players, 5)) + 0.3 * _table(players, 6)
    shapley_values = exact_shapley(_batch(table), players, baseline=table[0])
    banzhaf_values = exact_banzhaf(_batch(table), players, baseline=table[0])
    hits = np.zeros(3)
    for seed in range(60):
        estimates = [
            shapley(_prefixes(table, players), players, least=60, most=60, tolerance=0, seed=seed),
            shapley(
                _prefixes(table, players), players, least=60, most=60, tolerance=0, seed=seed,
                antithetic=False,
            ),
            banzhaf(_batch(table), players, 200, baseline=table[0], seed=seed),
        ]  # fmt: skip
        exact = (shapley_values, shapley_values, banzhaf_values)
        for number, (found, truth) in enumerate(zip(estimates, exact, strict=True)):
            hits[number] += np.mean(abs(found.values - truth) <= 1.96 * found.std_errors)
    assert (hits / 60 > 0.90).all(), hits / 60


def test_it_stops_when_the_standard_errors_are_small() -> None:
    players = 8
    utility = _additive_with_a_pair(np.arange(players, dtype=float))
    prefixes = prefixes_of(lambda mask: float(utility(mask[None])[0]), players, baseline=0.0)
    loose = shapley(prefixes, players, tolerance=0.1, least=10, most=400)
    tight = shapley(prefixes, players, tolerance=0.005, least=10, most=400, antithetic=False)
    assert loose.settled
    assert loose.rounds == 10
    assert 10 < tight.rounds <= 400
    assert tight.settled == bool(tight.std_errors.max() <= 0.005 * tight.values.std())
    never = shapley(prefixes, players, tolerance=0.1, least=21, most=51, antithetic=True)
    assert never.rounds == 22  # pairs come whole
    assert shapley(prefixes, players, tolerance=0, least=10, most=51).rounds == 50


def test_antithetic_pairs_leave_a_pairwise_game_without_error() -> None:
    """Of two players one comes first in an order and the other in its reverse."""
    players = 8
    utility = _additive_with_a_pair(np.ones(players))
    prefixes = prefixes_of(lambda mask: float(utility(mask[None])[0]), players, baseline=0.0)
    found = shapley(prefixes, players, least=10, most=10)
    np.testing.assert_allclose(found.values, [1.5, 1.5] + [1.0] * 6, atol=1e-12)
    assert found.settled


def test_same_seed_same_values_and_other_seed_others() -> None:
    table = _table(8, 1)
    first, again, other = (
        shapley(_prefixes(table, 8), 8, least=10, most=10, seed=seed).values for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_truncation_saves_evaluations_and_stays_within_its_share() -> None:
    players, asked = 10, []
    weights = 0.5 ** np.arange(players)

    def utility(mask: np.ndarray) -> float:
        asked.append(mask.copy())
        return float(mask @ weights)

    full = prefixes_of(utility, players, baseline=0.0)
    order = np.arange(players)
    np.testing.assert_allclose(full(order)[1:], np.cumsum(weights))
    count = len(asked)
    full(order)
    assert len(asked) == count  # remembered
    asked.clear()
    cut = prefixes_of(utility, players, baseline=0.0, truncation=0.1)
    utilities = cut(order)
    assert len(asked) < players / 2 + 1
    assert weights.sum() - utilities[-1] <= 0.1 * weights.sum()
    assert (np.diff(utilities)[5:] == 0).all()


def test_cancelling_stops_at_the_next_round() -> None:
    def cancel(fraction: float, stage: str) -> None:
        if fraction >= 0.5:
            raise Cancelled

    table = _table(8, 0)
    with pytest.raises(Cancelled):
        shapley(_prefixes(table, 8), 8, progress=cancel)
    with pytest.raises(Cancelled):
        shapley(_prefixes(_table(3, 0), 3), 3, progress=cancel)
    with pytest.raises(Cancelled):
        banzhaf(_batch(_table(12, 0)), 12, 1000, baseline=0.0, progress=cancel)


def test_empty_coalition_is_never_asked_for() -> None:
    def utility(masks: np.ndarray) -> np.ndarray:
        assert masks.any(1).all()
        return masks.sum(1).astype(float)

    assert banzhaf(utility, 7, 100, baseline=0.0).values == pytest.approx([1] * 7, abs=0.5)
    assert exact_banzhaf(utility, 3, baseline=0.0) == pytest.approx([1] * 3)
    assert exact_shapley(utility, 3, baseline=0.0) == pytest.approx([1] * 3)


def test_impossible_requests_are_refused_by_number() -> None:
    table = _table(8, 0)
    with pytest.raises(SettingsError, match=r"21 players have 2\^21"):
        all_coalitions(21)
    with pytest.raises(SettingsError, match="not 0"):
        shapley(_prefixes(table, 8), 0)
    with pytest.raises(SettingsError, match="need 4 permutations"):
        shapley(_prefixes(table, 8), 8, least=3)
    with pytest.raises(SettingsError, match="least 30 and most 20"):
        shapley(_prefixes(table, 8), 8, least=30, most=20)
    with pytest.raises(SettingsError, match="at least 32"):
        banzhaf(_batch(table), 8, 31, baseline=0.0)
    with pytest.raises(NumericalError, match="1 of 9 coalitions"):
        shapley(lambda order: np.append(np.nan, np.zeros(8)), 8)
    with pytest.raises(NumericalError, match="shape"):
        shapley(lambda order: np.zeros(8), 8)
