"""Pooled responses by two compiled passes and a matrix product, whole images in each thread.

Torch needs two passes for the patches and four for the responses, and memory is what limits them.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.features._filters import TILE_BYTES, FilterBank, Layout, patch_scales
from dvaudit.linalg.threads import serial_workers


class FusedPool:
    """Pools on the CPU, with as many threads as torch uses."""

    def __init__(self, bank: FilterBank, layout: Layout) -> None:
        self.layout, self.bank = layout, bank
        self.batch = threads = torch.get_num_threads()
        self._workers = serial_workers(threads) if threads > 1 else None
        self._stripe = min(layout.rows, max(1, TILE_BYTES // (4 * layout.columns * bank.filters)))
        positions = self._stripe * layout.columns
        self._tiles = [_Tile(bank, positions) for _ in range(threads)]
        self._row_bounds, self._column_bounds = layout.row_bounds(), layout.column_bounds()
        areas = np.outer(np.diff(self._row_bounds), np.diff(self._column_bounds))
        self._areas = torch.from_numpy(areas.astype(np.float32)).view(*areas.shape, 1)

    def pool(self, images: Tensor) -> Tensor:
        """See Pool."""
        grid = self.layout.grid
        sums = images.new_zeros(len(images), 2, grid, grid, self.bank.filters)
        share = -(-len(images) // len(self._tiles))
        shares = (torch.split(images, share), torch.split(sums, share))
        parts = list(zip(self._tiles, *shares, strict=False))
        if self._workers is None:
            self._add_images(*parts[0])
        else:
            list(self._workers.map(lambda part: self._add_images(*part), parts))
        return sums.div_(self._areas).flatten(1)

    def _add_images(self, tile: _Tile, images: Tensor, sums: Tensor) -> None:
        """Add the clamped responses of (b, h, w, c) images to (b, 2, grid, grid, k) zeros."""
        scales = patch_scales(images, self.bank).numpy()
        pixels, cells = images.flatten(2).numpy(), sums.numpy()
        threshold = np.float32(self.bank.threshold)
        for at in range(len(images)):
            for top in range(0, self.layout.rows, self._stripe):
                scaled = scales[at, top : top + self._stripe]
                _write_patches(pixels[at], scaled, top, self.bank.patch, tile.patches)
                _add_clamped(
                    tile.responses(scaled.size),
                    top,
                    self.layout.columns,
                    self._row_bounds,
                    self._column_bounds,
                    threshold,
                    cells[at],
                )


class _Tile:
    """The buffers of one thread."""

    def __init__(self, bank: FilterBank, positions: int) -> None:
        self._weights = bank.weights
        self._patches = torch.empty(positions, len(bank.weights))
        self._responses = torch.empty(positions, bank.filters)
        self.patches = self._patches.numpy()

    def responses(self, count: int) -> NDArray[np.float32]:
        """Return (count, k), the responses to the first `count` patches."""
        out = self._responses[:count]
        torch.mm(self._patches[:count], self._weights, out=out)
        found: NDArray[np.float32] = out.numpy()
        return found


@njit(nogil=True, fastmath=True, cache=True)
def _write_patches(
    image: NDArray[np.float32],
    scales: NDArray[np.float32],
    top: int,
    patch: int,
    out: NDArray[np.float32],
) -> None:
    """Write the scaled patches of some rows of positions of one image to `out`.

    Args:
        image: (height, width * channels).
        scales: (rows, columns), of the rows of positions from `top`.
        patch: side of a patch.
        out: (rows * columns, patch * patch * channels).
    """
    rows, columns = scales.shape
    channels = image.shape[1] // (columns + patch - 1)
    length = patch * channels
    for row in range(rows):
        for column in range(columns):
            scale = scales[row, column]
            target = out[row * columns + column]
            start = column * channels
            for line in range(patch):
                source = image[top + row + line]
                for i in range(length):
                    target[line * length + i] = source[start + i] * scale


@njit(nogil=True, fastmath=True, cache=True)
def _add_clamped(
    responses: NDArray[np.float32],
    top: int,
    columns: int,
    row_bounds: NDArray[np.int64],
    column_bounds: NDArray[np.int64],
    threshold: np.float32,
    sums: NDArray[np.float32],
) -> None:
    """Add max(r - t, 0) and max(-r - t, 0) to the sums of the cells that a position lies in.

    Args:
        responses: (rows * columns, k), the rows of positions from `top` of one image.
        row_bounds, column_bounds: (grid, 2) first and last (exclusive) line of each cell.
        threshold: t.
        sums: (2, grid, grid, k), added to in place.
    """
    zero = np.float32(0)
    for row in range(len(responses) // columns):
        for a in range(len(row_bounds)):
            if not row_bounds[a, 0] <= top + row < row_bounds[a, 1]:
                continue
            for b in range(len(column_bounds)):
                above, below = sums[0, a, b], sums[1, a, b]
                for column in range(column_bounds[b, 0], column_bounds[b, 1]):
                    values = responses[row * columns + column]
                    for k in range(len(values)):
                        above[k] += max(values[k] - threshold, zero)
                        below[k] += max(-values[k] - threshold, zero)
