"""What the games share: utilities, and the estimate every one of them returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.errors import NumericalError, SettingsError, some

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Order = NDArray[np.int64]

Utility = Callable[[Mask], float]
"""nu of one coalition, a (K,) mask; higher = more useful."""

BatchUtility = Callable[[Mask], Floats]
"""nu of many coalitions, (c, K) masks -> (c,)."""

Prefixes = Callable[[Order], Floats]
"""nu of the first 0, 1, ..., K players of an order, (K,) -> (K + 1,)."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Values of the K players of a game, in the units of its utility; higher = more useful.

    Attributes:
        values: (K,).
        std_errors: (K,) of sampling; 0 where nothing was sampled.
        rounds: permutations or coalitions evaluated.
        settled: whether the largest standard error came below the tolerance.
        baseline: nu(empty), where the values depend on it.
    """

    values: Floats
    std_errors: Floats
    rounds: int
    settled: bool
    baseline: float | None


def is_settled(values: Floats, std_errors: Floats, tolerance: float) -> bool:
    """Return whether no standard error exceeds `tolerance` standard deviations of the values."""
    return bool(std_errors.max() <= tolerance * values.std())


def check_players(players: int) -> None:
    """Raise SettingsError unless there is a player."""
    if players < 1:
        raise SettingsError(f"A game needs at least one player, not {players}.")


def checked(utilities: Floats, count: int) -> Floats:
    """Return `utilities` as (count,) finite numbers, or raise NumericalError."""
    found = np.asarray(utilities, dtype=np.float64)
    if found.shape != (count,):
        raise NumericalError(f"The utility returned shape {found.shape} for {count} coalitions.")
    bad = np.flatnonzero(~np.isfinite(found))
    if len(bad):
        raise NumericalError(
            f"The utility of {len(bad)} of {count} coalitions is not finite (number {some(bad)}); "
            "give coalitions without samples the value of the empty one."
        )
    return found
