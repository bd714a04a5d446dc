"""Robust volume of a contributor's inputs: how much of the feature space its samples span.

Xu, Wu, Foo, Low: Validation Free and Replication Robust Volume-based Data Valuation, NeurIPS
2021, definition 3. Inputs are projected to the COMPONENTS leading principal components of all
samples, standardised, and counted in cubes of side OMEGA: with one representative (the mean of
its samples) for each occupied cube, RV = sqrt(|X~' X~|) prod_cubes rho, where a cube of f samples
has rho = sum_{p=0..f} alpha^p and alpha = 1 / (10 n). Given as its logarithm; labels play no part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvaudit.valuators.contributing import ContributorProblem

COMPONENTS = 5
OMEGA = 0.5
SAMPLED = 2000  # rows the principal components are taken from


def log_robust_volume(problem: ContributorProblem) -> NDArray[np.float64]:
    """Return (K,); higher = more useful. -inf for fewer representatives than components."""
    points = _projected(problem)
    return np.array(
        [_log_volume(points[problem.codes == code]) for code in range(len(problem.names))]
    )


def _projected(problem: ContributorProblem) -> NDArray[np.float64]:
    flat = problem.inputs.reshape(len(problem.inputs), -1)
    centre = flat.mean(0, dtype=np.float64).astype(np.float32)
    rng = np.random.default_rng([problem.seed, 4])
    chosen = np.sort(rng.permutation(len(flat))[:SAMPLED])
    count = min(COMPONENTS, flat.shape[1], len(chosen))
    directions = np.linalg.svd(flat[chosen] - centre, full_matrices=False)[2][:count]
    points = ((flat - centre) @ directions.T).astype(np.float64)
    spread = points.std(0)
    return np.asarray(points / np.where(spread > 0, spread, 1.0))


def _log_volume(points: NDArray[np.float64]) -> float:
    """Return the log robust volume of (n, d) points."""
    if not len(points):
        return -np.inf
    cubes, place = np.unique(np.floor(points / OMEGA), axis=0, return_inverse=True)
    counts = np.bincount(place.ravel())
    sums = np.zeros((len(cubes), points.shape[1]))
    np.add.at(sums, place.ravel(), points)
    representatives = sums / counts[:, None]
    sign, log_determinant = np.linalg.slogdet(representatives.T @ representatives)
    if sign <= 0:
        return -np.inf
    alpha = 1 / (10 * len(points))
    # Sum of a geometric series with f + 1 terms.
    rho = (1 - alpha ** (counts + 1.0)) / (1 - alpha)
    return float(log_determinant / 2 + np.log(rho).sum())
