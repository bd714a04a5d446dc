"""Targets, costs and regression flags that the kernel methods share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.words import count
from dvaudit.valuators.base import Problem

if TYPE_CHECKING:
    from dvaudit.kernels import Inverse
    from dvaudit.kernels.iterative import IterativeInverse

REGRESSION_CUTOFF = 3.0  # robust standard deviations
MAD_TO_SIGMA = 1.4826  # median absolute deviation of a normal variable, inverted


def one_vs_rest(labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return the (m, k) targets: +1 in the column of the sample's own class, -1 elsewhere."""
    targets = np.full((len(labels), classes), -1.0)
    targets[np.arange(len(labels)), labels] = 1.0
    return targets


def standardised(targets: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Return (targets - mean) / scale, the mean, and the scale (1 for constant targets)."""
    mean, scale = float(targets.mean()), float(targets.std())
    if scale <= 1e-12 * max(abs(mean), 1e-300):
        scale = 1.0
    return (targets - mean) / scale, mean, scale


def kernel_targets(problem: Problem) -> NDArray[np.float64]:
    """Return the (m, k) right-hand sides of a problem; k = 1 for regression."""
    if problem.task is Task.CLASSIFICATION:
        return one_vs_rest(problem.labels.astype(np.int64), len(problem.class_names))
    return standardised(problem.labels.astype(np.float64))[0][:, None]


def robust_spread(residuals: NDArray[np.float64]) -> float:
    """Return the robust standard deviation of residuals; infinite where it would be 0."""
    spread = MAD_TO_SIGMA * float(np.median(np.abs(residuals - np.median(residuals))))
    return spread or math.inf


def robust_units(residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return |residuals| over their robust standard deviation (0 where that is 0)."""
    return np.asarray(np.abs(residuals) / robust_spread(residuals))


def repairs(inverse: Inverse | IterativeInverse, ridge: float) -> list[str]:
    """Return a sentence for each thing that was repaired to make the system solvable."""
    found = []
    if inverse.gram.duplicate_rows:
        found.append(
            f"{count(inverse.gram.duplicate_rows, 'sample points', 'samples point')} the same way "
            "as an earlier one: no kernel tells them apart."
        )
    if inverse.gram.zero_rows:
        found.append(
            f"{count(inverse.gram.zero_rows, 'sample has', 'samples have')} no direction (all "
            "features zero), taken as unlike every other."
        )
    if inverse.forced:
        found.append(f"The ridge was raised from {ridge:g} to {inverse.ridge:g}.")
    return found


def system_stats(
    inverse: Inverse | IterativeInverse, ridge: float, precision: str
) -> dict[str, Any]:
    """Return the JSON-able record of how the system was solved."""
    return {
        "ridge": inverse.ridge,
        "ridge_asked": ridge,
        "ridge_forced": inverse.forced,
        "precision": precision,
        "duplicate_rows": inverse.gram.duplicate_rows,
        "zero_rows": inverse.gram.zero_rows,
        "clamped_cosines": inverse.gram.clamped,
        **inverse.stats,
        "seconds": {name: round(value, 3) for name, value in inverse.seconds.items()},
    }
