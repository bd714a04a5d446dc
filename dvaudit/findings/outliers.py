"""Samples far from everything else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.progress import Progress, silent
from dvaudit.findings.types import Outliers

NEIGHBOURS = 10
REFERENCES = 2048  # samples that distances are taken to
LEAST_SPREADS = 2.5  # interquartile ranges of the log distances above their upper quartile
RARE = 0.9975  # share of a normal distribution of few dimensions that lies below the bound
RADII = 2.0  # typical distances from the centre, beyond which few dimensions are no excuse
LEAST_SAMPLES = 20
SAME = 1e-5  # of the typical distance: rounding, so that copies set no scale
BLOCK_NUMBERS = 1 << 23


def find_outliers(
    matrix: NDArray[np.floating], progress: Progress = silent, *, references: int = REFERENCES
) -> Outliers:
    """Score each row of `matrix` (n, d) by its mean distance to its 10 nearest others.

    Distances are Euclidean, to at most `references` rows drawn at random (all where there are no
    more), as in Sugiyama and Borgwardt 2013. Flagged are scores whose logarithm lies above
    Q3 + c (Q3 - Q1), c = 2.5 or more: where columns are few, the sparse edge of a normal
    distribution is far from its neighbours too, by chi² of d degrees, so there a score above
    twice the typical distance from the centre counts as well. A group of far rows smaller than
    10 still scores high. Below 20 samples the quartiles say too little and none is flagged.
    Time O(n references d), memory O(references d) and a block.
    """
    n = len(matrix)
    score = _scores(matrix, references, progress)
    if n < LEAST_SAMPLES:
        return Outliers(score, np.zeros(n, dtype=bool), np.inf)
    bound = _bound(score, _radius(matrix), matrix.shape[1])
    return Outliers(score, score > bound, bound)


def _bound(score: NDArray[np.float64], radius: float, columns: int) -> float:
    far = max(RADII * radius, np.finfo(np.float64).tiny)
    apart = score[score > SAME * max(radius, float(score.max()))]
    if len(apart) < LEAST_SAMPLES:  # nearly all are copies
        return far
    lower, upper = np.percentile(np.log(apart), [25, 75])
    least = float(np.exp(upper + LEAST_SPREADS * (upper - lower)))
    normal = float(np.exp(upper + max(LEAST_SPREADS, _spreads(columns)) * (upper - lower)))
    return min(normal, max(least, far))


def _spreads(columns: int) -> float:
    """Return how many interquartile ranges above Q3 a normal distribution rarely exceeds.

    Distances to neighbours go with density^(-1/d), and the log density with chi² of d degrees.
    """
    from scipy.special import gammaincinv  # here, since the web server reads this package

    lower, upper, rare = 2 * gammaincinv(columns / 2, [0.25, 0.75, RARE])
    return float((rare - upper) / (upper - lower))


def _radius(matrix: NDArray[np.floating]) -> float:
    """Return the median distance of a row from the mean of all."""
    centre = matrix.mean(axis=0, dtype=np.float64)
    lengths = np.empty(len(matrix))
    for low, high in _blocks(len(matrix), matrix.shape[1]):
        lengths[low:high] = np.linalg.norm(matrix[low:high] - centre, axis=1)
    return float(np.median(lengths))


def _scores(
    matrix: NDArray[np.floating], references: int, progress: Progress
) -> NDArray[np.float64]:
    n = len(matrix)
    chosen = np.arange(n)
    if n > references:
        chosen = np.sort(np.random.default_rng(0).choice(n, references, replace=False))
    place = np.full(n, -1, dtype=np.int64)
    place[chosen] = np.arange(len(chosen))
    # About the centre, so that a common offset does not eat the digits of the squares.
    centre = matrix.mean(axis=0, dtype=np.float64)
    targets = _centred(matrix[chosen], centre)
    squares = np.einsum("id,id->i", targets, targets)
    score = np.full(n, np.nan)
    take = min(NEIGHBOURS, len(chosen) - 1)
    if take < 1:
        return score
    width = max(len(chosen), (take + 1) * matrix.shape[1])
    for low, high in _blocks(n, width):
        progress(low / n, "measuring distances")
        rows = _centred(matrix[low:high], centre)
        nearness = squares - 2 * (rows @ targets.T)  # the row's own square changes no order
        own = place[low:high]
        held = np.flatnonzero(own >= 0)
        nearness[held, own[held]] = np.inf
        found = np.argpartition(nearness, take - 1, axis=1)[:, :take]
        apart = targets[found] - rows[:, None, :]
        score[low:high] = np.sqrt(np.einsum("ikd,ikd->ik", apart, apart)).mean(
            axis=1, dtype=np.float64
        )
    return score


def _centred(rows: NDArray[np.floating], centre: NDArray[np.float64]) -> NDArray[np.float32]:
    out = np.empty(rows.shape, dtype=np.float32)
    np.subtract(rows, centre, out=out, casting="same_kind")
    return out


def _blocks(rows: int, width: int) -> list[tuple[int, int]]:
    step = max(1, BLOCK_NUMBERS // max(1, width))
    return [(low, min(low + step, rows)) for low in range(0, rows, step)]
