"""Shapley values by permutations: phi_i = mean over orders of nu(before i, and i) - nu(before i).

Shapley, A value for n-person games, 1953; sampled orders: Castro, Gomez, Tejada, Comput. Oper.
Res. 2009; reversed orders as antithetic pairs: Mitchell et al., JMLR 2022, section 3; truncation:
Ghorbani, Zou, Data Shapley, ICML 2019, algorithm 1.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from dvaudit.core.errors import SettingsError
from dvaudit.core.progress import Progress, silent
from dvaudit.games.types import (
    Estimate,
    Floats,
    Mask,
    Order,
    Prefixes,
    Utility,
    check_players,
    checked,
    is_settled,
)


def shapley(
    prefixes: Prefixes,
    players: int,
    *,
    tolerance: float = 0.05,
    least: int = 20,
    most: int = 1000,
    antithetic: bool = True,
    seed: int = 0,
    progress: Progress = silent,
) -> Estimate:
    """Return Shapley values; exact, over all K! orders, where those are no more than `most`.

    Args:
        prefixes: nu of every prefix of an order; entry 0 is nu(empty), whose change by delta
            changes every value by -delta / K (see the package).
        players: K.
        tolerance: stop when the largest standard error is at most this many standard deviations
            of the values; 0 never stops early.
        least, most: permutations to evaluate at least, and at most. Antithetic pairs come
            whole, so an odd `most` is rounded down.
        antithetic: follow each order by its reverse. The pair counts as one observation in the
            standard errors.
        seed: of the orders.
        progress: called after each order; may raise Cancelled.

    Raises:
        SettingsError: no player, or least and most leave fewer than two observations.
        NumericalError: a utility that is not finite.
    """
    check_players(players)
    if players <= 12 and math.factorial(players) <= most:
        return _over_all_orders(prefixes, players, progress)
    step = 2 if antithetic else 1
    if not 2 * step <= least <= most:
        raise SettingsError(
            f"Standard errors need {2 * step} permutations: {2 * step} <= least <= most, "
            f"not least {least} and most {most}."
        )
    mean, squares = np.zeros(players), np.zeros(players)
    values = std_errors = mean
    rounds, settled, baseline = 0, False, 0.0
    orders = _orders(players, seed, antithetic)
    for count in itertools.count(1):
        observed = np.zeros(players)
        for _ in range(step):
            marginals, baseline = _marginals(prefixes, next(orders), players)
            observed += marginals / step
            rounds += 1
            progress(rounds / most, f"Shapley permutation {rounds:,}")
        # Welford's update: exact where all observations are equal, so that they settle at once.
        delta = observed - mean
        mean = mean + delta / count
        squares += delta * (observed - mean)
        if count > 1:
            values, std_errors = mean, np.sqrt(squares / (count - 1) / count)
            settled = is_settled(values, std_errors, tolerance)
        if rounds + step > most or (settled and tolerance > 0 and rounds >= least):
            return Estimate(values, std_errors, rounds, settled, baseline)
    raise AssertionError("unreachable")


def prefixes_of(
    utility: Utility, players: int, *, baseline: float, truncation: float = 0.0
) -> Prefixes:
    """Return prefix utilities evaluated one coalition at a time, for utilities that retrain.

    Coalitions are remembered, so none is evaluated twice.

    Args:
        utility: nu of a non-empty (K,) mask.
        players: K.
        baseline: nu(empty).
        truncation: once nu of a prefix is within this share of |nu(N) - nu(empty)| from nu(N),
            the players that follow get 0 in this order, and the values sum to nu(N) - nu(empty)
            within that share only; 0 evaluates every prefix.
    """
    check_players(players)
    known: dict[bytes, float] = {}

    def of(mask: Mask) -> float:
        key = np.packbits(mask).tobytes()
        if key not in known:
            known[key] = float(utility(mask.copy()))
        return known[key]

    def prefixes(order: Order) -> Floats:
        full = of(np.ones(players, dtype=bool))
        close = truncation * abs(full - baseline)
        utilities = np.full(players + 1, baseline)
        mask = np.zeros(players, dtype=bool)
        for place, player in enumerate(order, start=1):
            if truncation > 0 and abs(full - utilities[place - 1]) <= close:
                utilities[place:] = utilities[place - 1]
                break
            mask[player] = True
            utilities[place] = of(mask)
        return utilities

    return prefixes


def _over_all_orders(prefixes: Prefixes, players: int, progress: Progress) -> Estimate:
    count = math.factorial(players)
    total, baseline = np.zeros(players), 0.0
    for number, order in enumerate(itertools.permutations(range(players)), start=1):
        marginals, baseline = _marginals(prefixes, np.array(order, dtype=np.int64), players)
        total += marginals
        progress(number / count, f"Shapley permutation {number:,} of {count:,}")
    return Estimate(total / count, np.zeros(players), count, True, baseline)


def _marginals(prefixes: Prefixes, order: Order, players: int) -> tuple[Floats, float]:
    """Return (K,) marginals of one order by player, and nu(empty)."""
    utilities = checked(prefixes(order), players + 1)
    marginals = np.empty(players)
    marginals[order] = np.diff(utilities)
    return marginals, float(utilities[0])


def _orders(players: int, seed: int, antithetic: bool) -> Iterator[Order]:
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(players).astype(np.int64)
        yield order
        if antithetic:
            yield order[::-1].copy()
