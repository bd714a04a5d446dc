"""Vectors reduced to their leading principal components."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from dvaudit.valuators.trained import TrainingProblem

VECTORS = 2  # dimensions of an array of vectors


@dataclass(frozen=True, eq=False)
class Reduction:
    """Columns standardised, projected on k directions and divided by one number for all.

    Attributes:
        centre, scale: (d,) of the columns; a constant column has scale infinity.
        middle: (d,) mean of the standardised columns.
        directions: (k, d).
        unit: makes the mean square of a coordinate 1, which is what a net's initial weights
            expect. Directions keep their natural scale beside each other: whitened ones give as
            much weight to the noise of the last as to the first.
    """

    centre: NDArray[np.float32]
    scale: NDArray[np.float32]
    middle: NDArray[np.float32]
    directions: NDArray[np.float32]
    unit: float

    def of(self, vectors: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return (n, k) float32 of (n, d)."""
        standard = (vectors - self.centre) / self.scale
        reduced = (standard - self.middle) @ self.directions.T
        return np.asarray(reduced / self.unit, dtype=np.float32)


def reduced(problem: TrainingProblem, components: int) -> TrainingProblem:
    """Return the problem with vectors in at most `components` dimensions; pictures stay."""
    return with_reduction(problem, components)[0]


def with_reduction(
    problem: TrainingProblem, components: int
) -> tuple[TrainingProblem, Reduction | None]:
    """Return the problem with vectors on the leading directions of the samples to value, and how.

    Pictures, tokens and vectors that are as short already stay, with None.
    """
    inputs, trusted = problem.inputs, problem.trusted_inputs
    if inputs.ndim != VECTORS or inputs.dtype.kind != "f" or inputs.shape[1] <= components:
        return problem, None
    # float32 sums of squares overflow on many large numbers.
    centre = inputs.mean(axis=0, dtype=np.float64).astype(np.float32)
    spread = inputs.std(axis=0, dtype=np.float64).astype(np.float32)
    scale = np.where(spread > 1e-6 * spread.max(), spread, np.inf)
    kept = min(components, len(inputs))
    finder = PCA(kept, svd_solver="randomized", random_state=problem.seed)
    source = finder.fit_transform((inputs - centre) / scale)
    unit = float(np.sqrt(np.square(source).mean())) or 1.0
    found = Reduction(centre, scale, finder.mean_, finder.components_, unit)
    made = replace(
        problem,
        inputs=(source / unit).astype(np.float32),
        trusted_inputs=None if trusted is None else found.of(trusted),
        scaled=True,
    )
    return made, found
