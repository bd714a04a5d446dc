"""Samples as points of a plane: principal components, and the grid that maps are kept on."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 10_000  # steps of a map's square, fine enough to enlarge it tenfold on a screen
EXACT: Final = 512  # dimensions up to which the covariance matrix is decomposed
_EXTRA: Final = 10
_PASSES: Final = 3


def principal_components(
    matrix: NDArray[np.floating], components: int = 2, seed: int = 0
) -> NDArray[np.float32]:
    """Return (n, components) the scores of samples on their leading principal components.

    Above EXACT dimensions by a randomised range finder with power iterations (Halko, Martinsson
    and Tropp 2011, algorithm 4.4). A component's sign makes its largest loading positive. Where the
    data has fewer dimensions, the last columns are 0.

    Args:
        matrix: (n, d).
        seed: of the randomised method.
    """
    n, dimensions = matrix.shape
    kept = min(components, dimensions, n)
    mean = matrix.mean(0, dtype=np.float64).astype(np.float32)
    axes = _exact_axes(matrix, mean, kept) if dimensions <= EXACT else None
    if axes is None:
        axes = _random_axes(matrix, mean, kept, np.random.default_rng(seed))
    signs = np.sign(axes[np.abs(axes).argmax(0), np.arange(kept)])
    axes = axes * np.where(signs == 0, 1, signs)
    scores = np.zeros((n, components), dtype=np.float32)
    scores[:, :kept] = matrix @ axes.astype(matrix.dtype) - mean @ axes
    return scores


def _exact_axes(
    matrix: NDArray[np.floating], mean: NDArray[np.float32], kept: int
) -> NDArray[np.float32]:
    """Return (d, kept) the leading eigenvectors of the covariance."""
    centred = np.asarray(matrix - mean, dtype=np.float32)
    _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    return np.asarray(vectors[:, ::-1][:, :kept], dtype=np.float32)


def _random_axes(
    matrix: NDArray[np.floating],
    mean: NDArray[np.float32],
    kept: int,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return (d, kept) nearly the leading eigenvectors of the covariance, without forming it."""
    n, dimensions = matrix.shape
    width = min(kept + _EXTRA, n, dimensions)
    block = rng.standard_normal((dimensions, width)).astype(np.float32)
    for _ in range(_PASSES):
        # The mean is taken off the products: a centred copy would double the memory.
        scores = matrix @ block - mean @ block
        basis, _ = np.linalg.qr(scores)
        block, _ = np.linalg.qr(matrix.T @ basis - np.outer(mean, basis.sum(0)))
    scores = matrix @ block - mean @ block
    _, _, rotation = np.linalg.svd(scores, full_matrices=False)
    return np.asarray(block @ rotation.T[:, :kept], dtype=np.float32)


def on_grid(points: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Return (n, 2) points moved and scaled alike in both directions, to 0 ... SIDE steps.

    The longer side of what they span fills the square; the other one is centred.

    Raises:
        ValueError: points that are not finite.
    """
    if not np.isfinite(points).all():
        raise ValueError(f"{int((~np.isfinite(points)).any(1).sum())} points are not finite")
    if not len(points):
        return np.zeros((0, 2), dtype=np.uint16)
    low, high = points.min(0).astype(np.float64), points.max(0).astype(np.float64)
    span = float((high - low).max()) or 1.0
    scaled = (points - (low + high) / 2) / span + 0.5
    return np.asarray(np.rint(scaled * SIDE), dtype=np.uint16)
