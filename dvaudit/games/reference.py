"""Shapley and Banzhaf values by their definition, over all 2^K coalitions."""

from __future__ import annotations

import math

import numpy as np

from dvaudit.core.errors import SettingsError
from dvaudit.games.types import BatchUtility, Floats, Mask, check_players, checked

MOST_PLAYERS = 20


def all_coalitions(players: int) -> Mask:
    """Return all (2^K, K) masks; player i is in coalition c where bit i of c is 1."""
    check_players(players)
    if players > MOST_PLAYERS:
        raise SettingsError(
            f"{players} players have 2^{players} coalitions; the exact values are for at most "
            f"{MOST_PLAYERS}. Sample permutations or coalitions instead."
        )
    numbers = np.arange(2**players)
    return ((numbers[:, None] >> np.arange(players)) & 1).astype(bool)


def exact_shapley(utility: BatchUtility, players: int, *, baseline: float) -> Floats:
    """Return (K,): the sum over S without i of |S|! (K-|S|-1)! / K! (nu(S and i) - nu(S)).

    Args:
        utility: nu of all non-empty coalitions at once, in the order of `all_coalitions`.
        players: K, at most 20.
        baseline: nu(empty).
    """
    weights = np.array(
        [1 / (players * math.comb(players - 1, size)) for size in range(players)], dtype=float
    )
    masks, utilities = _table(utility, players, baseline)
    return _semivalue(masks, utilities, weights)


def exact_banzhaf(utility: BatchUtility, players: int, *, baseline: float) -> Floats:
    """Return (K,): the mean over S without i of nu(S and i) - nu(S); as `exact_shapley`."""
    masks, utilities = _table(utility, players, baseline)
    return _semivalue(masks, utilities, np.full(players, 0.5 ** (players - 1)))


def _table(utility: BatchUtility, players: int, baseline: float) -> tuple[Mask, Floats]:
    masks = all_coalitions(players)
    return masks, np.append([baseline], checked(utility(masks[1:]), len(masks) - 1))


def _semivalue(masks: Mask, utilities: Floats, weights: Floats) -> Floats:
    """Return (K,): marginals weighted by the size of the coalition that the player joins."""
    sizes = masks.sum(1)
    values = np.empty(masks.shape[1])
    for player in range(len(values)):
        before = np.flatnonzero(~masks[:, player])
        joined = utilities[before + (1 << player)] - utilities[before]
        values[player] = weights[sizes[before]] @ joined
    return values
