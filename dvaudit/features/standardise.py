"""Standardising the columns of a large matrix in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 16 << 20
# A column that varies far less than the others, such as a filter that answers in one image of
# thousands, would be blown up to outliers by its own deviation.
LEAST_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Scales:
    """Mean (d,) of each column, and what is multiplied by after it is taken off; float64."""

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def apply_(self, matrix: NDArray[np.float32]) -> None:
        """Standardise the columns of a (n, d) matrix in place."""
        for block in _blocks(len(matrix), _rows(matrix)):
            matrix[block] = (matrix[block] - self.mean) * self.scale


def standardise_(
    matrix: NDArray[np.float32],
    least_share: float = LEAST_SHARE,
    *,
    fitted_on: int | None = None,
) -> Scales:
    """Centre each column of the (n, d) matrix and divide it by its deviation, in place.

    Returns the means and scales.

    Deviations below `least_share` of the root mean square over all columns count as that, so a
    constant column becomes zero and rounding noise stays small. Sums are taken in float64 over
    blocks of about BLOCK_BYTES.

    Args:
        fitted_on: centre and deviation are those of so many first rows; None takes all.
    """
    rows = _rows(matrix)
    fitted = matrix[:fitted_on]
    mean = np.zeros(matrix.shape[1])
    for block in _blocks(len(fitted), rows):
        mean += fitted[block].sum(axis=0, dtype=np.float64)
    mean /= max(len(fitted), 1)
    variance = np.zeros_like(mean)
    for block in _blocks(len(fitted), rows):
        variance += np.square(fitted[block] - mean).sum(axis=0)
    variance /= max(len(fitted), 1)
    floor = least_share * np.sqrt(variance.mean()) if len(variance) else 0.0
    deviation = np.maximum(np.sqrt(variance), floor)
    scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    scales = Scales(mean, scale)
    scales.apply_(matrix)
    return scales


def _rows(matrix: NDArray[np.float32]) -> int:
    columns: int = matrix.shape[1]
    return max(1, BLOCK_BYTES // (8 * max(columns, 1)))


def _blocks(total: int, rows: int) -> list[slice]:
    return [slice(start, min(start + rows, total)) for start in range(0, total, rows)]
