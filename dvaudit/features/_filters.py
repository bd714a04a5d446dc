"""A filter bank, where its patches lie in an image, and what is common to both ways of pooling.

With x a patch, sigma its deviation (the contrast constant included) and w a filter that sums to
zero, the response to the contrast-normalised patch is r = (w . x) / sigma: the mean drops out,
and whitening is folded into w. One matrix product gives the responses of a tile to all filters;
relu(r - t) and relu(-r - t), t the threshold, are averaged over the cells of a grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TILE_BYTES = 3 << 18  # of responses: they and their patches stay in a core's cache


@dataclass(frozen=True, eq=False)
class FilterBank:
    """Whitened filters.

    Attributes:
        weights: (patch * patch * channels, k) float32, columns sum to zero; rows run over patch
            rows, patch columns, channels.
        threshold: in units of the response to a contrast-normalised patch.
        contrast: variance added to that of each patch, pixels in 0 to 1.
    """

    weights: Tensor
    patch: int
    threshold: float
    contrast: float

    @property
    def filters(self) -> int:
        return int(self.weights.shape[1])


@dataclass(frozen=True)
class Layout:
    """Positions of patches in an image, and the cells they are averaged over.

    Cells cover everything; neighbours share a position where a line does not divide evenly, as in
    torch's adaptive pooling.
    """

    rows: int
    columns: int
    grid: int

    def row_bounds(self) -> NDArray[np.int64]:
        """Return (grid, 2): first row and last (exclusive) row of each row of cells."""
        return _bounds(self.rows, self.grid)

    def column_bounds(self) -> NDArray[np.int64]:
        """Return (grid, 2): first and last (exclusive) column of each column of cells."""
        return _bounds(self.columns, self.grid)


def _bounds(length: int, grid: int) -> NDArray[np.int64]:
    cells = np.arange(grid)
    return np.stack([cells * length // grid, -(-(cells + 1) * length // grid)], axis=1)


class Pool(Protocol):
    """Averages the clamped responses of prepared images."""

    batch: int  # images a tile

    def pool(self, images: Tensor) -> Tensor:
        """Return (b, 2 k grid^2) features of (b, height, width, channels) centred images."""
        ...


def patch_scales(images: Tensor, bank: FilterBank) -> Tensor:
    """Return (b, rows, columns), 1 / sqrt(variance of each patch + contrast), of (b, h, w, c)."""
    size, channels = bank.patch, images.unbind(3)
    sums = torch.stack([_sum_of(channels), _sum_of([plane.square() for plane in channels])])
    for axis in (2, 3):
        length = sums.shape[axis] - size + 1
        sums = _sum_of([sums.narrow(axis, offset, length) for offset in range(size)])
    mean, square = sums.div_(len(bank.weights))
    variance = square.sub_(mean.square()).clamp_min_(0)
    scales: Tensor = variance.add_(bank.contrast).rsqrt_()
    return scales


def _sum_of(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors of one shape; several times faster than reducing short axes."""
    total = parts[0]
    for item in parts[1:]:
        total = total + item
    return total
