"""The two ends of every semivalue: the marginal to everybody else, and to nobody."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dvaudit.games.types import Estimate, check_players, checked


def leave_one_out(total: float, without: ArrayLike) -> Estimate:
    """Return nu(N) - nu(N without i).

    Args:
        total: nu(N).
        without: (K,) nu(N without i).
    """
    utilities = np.asarray(without, dtype=np.float64)
    check_players(len(utilities))
    values = checked(np.append(utilities, total), len(utilities) + 1)[-1] - utilities
    return Estimate(values, np.zeros(len(values)), len(values) + 1, True, None)


def marginal_to_empty(single: ArrayLike, baseline: float) -> Estimate:
    """Return nu({i}) - nu(empty): the value for a summary, where one player is to stand for all.

    Args:
        single: (K,) nu({i}).
        baseline: nu(empty).
    """
    utilities = np.asarray(single, dtype=np.float64)
    check_players(len(utilities))
    values = checked(np.append(utilities, baseline), len(utilities) + 1)[:-1] - baseline
    return Estimate(values, np.zeros(len(values)), len(values), True, baseline)
