"""Vectors reduced to their leading principal components."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.decomposition import PCA

from dvaudit.valuators.trained import TrainingProblem

VECTORS = 2  # dimensions of an array of vectors


def reduced(problem: TrainingProblem, components: int) -> TrainingProblem:
    """Return the problem with vectors in at most `components` dimensions; pictures stay.

    Columns are standardised, projected on the leading directions of the samples to value, and
    divided by one number for all, so that directions keep their natural scale: whitened ones give
    as much weight to the noise of the last direction as to the first. That number makes the mean
    square of a coordinate 1, which is what a net's initial weights expect.
    """
    inputs, trusted = problem.inputs, problem.trusted_inputs
    if inputs.ndim != VECTORS or inputs.dtype.kind != "f" or inputs.shape[1] <= components:
        return problem
    centre, spread = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.where(spread > 1e-6 * spread.max(), spread, np.inf)
    kept = min(components, len(inputs))
    finder = PCA(kept, svd_solver="randomized", random_state=problem.seed)
    source = finder.fit_transform((inputs - centre) / scale)
    unit = float(np.sqrt(np.square(source).mean())) or 1.0
    if trusted is not None:
        trusted = (finder.transform((trusted - centre) / scale) / unit).astype(np.float32)
    return replace(
        problem, inputs=(source / unit).astype(np.float32), trusted_inputs=trusted, scaled=True
    )
