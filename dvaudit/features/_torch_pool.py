"""Pooled responses by torch operations, for GPUs and where numba is not installed."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.features._filters import TILE_BYTES, FilterBank, Layout, patch_scales

GPU_TILE_BYTES = 256 << 20


class TorchPool:
    """Clamps and averages by torch operations, a few images a tile, or some rows of a large one.

    mean relu(r - t) = mean max(r, t) - t and mean relu(-r - t) = -t - mean min(r, -t), so that a
    clamp is all that is done to single responses. The averages are matrix products over rows of
    positions, then over columns.
    """

    def __init__(
        self, bank: FilterBank, layout: Layout, device: torch.device, batch: int | None
    ) -> None:
        self.layout, self.bank = layout, bank
        budget = TILE_BYTES * torch.get_num_threads()
        if device.type != "cpu":
            budget = GPU_TILE_BYTES
        row_bytes = 4 * layout.columns * bank.filters
        self._stripe = min(layout.rows, max(1, budget // row_bytes))  # rows of positions a tile
        self.batch = batch or max(1, budget // (row_bytes * self._stripe))
        self._row_means = _line_means(layout.row_bounds(), layout.rows).to(device)
        self._column_means = _line_means(layout.column_bounds(), layout.columns).to(device)
        positions = self.batch * self._stripe * layout.columns
        self._weights = bank.weights.to(device)
        self._patches = torch.empty(positions, len(bank.weights), device=device)
        self._responses = torch.empty(positions, bank.filters, device=device)
        self._clamped = torch.empty(positions, bank.filters, device=device)

    def pool(self, images: Tensor) -> Tensor:
        """See Pool."""
        size = self.bank.patch
        scales = patch_scales(images, self.bank)
        windows = images.unfold(1, size, 1).unfold(2, size, 1).permute(0, 1, 2, 4, 5, 3)
        pooled = images.new_empty(len(images), 2, self.layout.grid**2 * self.bank.filters)
        for start in range(0, len(images), self.batch):
            part = slice(start, start + self.batch)
            pooled[part] = self._pool_tiles(windows[part], scales[part])
        pooled[:, 1].neg_()
        return pooled.sub_(self.bank.threshold).flatten(1)

    def _pool_tiles(self, windows: Tensor, scales: Tensor) -> Tensor:
        """Return (b, 2, grid * grid * k): cell means of max(r, t) and of min(r, -t)."""
        b, grid, columns = len(windows), self.layout.grid, self.layout.columns
        filters, threshold = self.bank.filters, self.bank.threshold
        sums = windows.new_zeros(2, b, grid, columns * filters)
        for top in range(0, self.layout.rows, self._stripe):
            rows = slice(top, top + self._stripe)
            responses = self._respond(windows[:, rows], scales[:, rows])
            clamped = self._clamped[: len(responses)]
            means = self._row_means[:, rows].expand(b, -1, -1)
            torch.clamp(responses, min=threshold, out=clamped)
            sums[0].baddbmm_(means, clamped.view(b, -1, columns * filters))
            responses.clamp_(max=-threshold)
            sums[1].baddbmm_(means, responses.view(b, -1, columns * filters))
        means = self._column_means.expand(2 * b * grid, -1, -1)
        cells = torch.bmm(means, sums.view(2 * b * grid, columns, filters))
        return cells.view(2, b, -1).transpose(0, 1)

    def _respond(self, windows: Tensor, scales: Tensor) -> Tensor:
        """Return (positions, k) responses r, positions over images, rows and columns."""
        count = scales.numel()
        patches, responses = self._patches[:count], self._responses[:count]
        # Copying and scaling apart is faster than one product over short axes.
        patches.view(windows.shape).copy_(windows)
        patches.mul_(scales.reshape(count, 1))
        return torch.mm(patches, self._weights, out=responses)


def _line_means(bounds: NDArray[np.int64], length: int) -> Tensor:
    """Return (grid, length): row j averages over cell j of a line of positions."""
    out = torch.zeros(len(bounds), length)
    for cell, (start, end) in enumerate(bounds):
        out[cell, start:end] = 1 / float(end - start)
    return out
