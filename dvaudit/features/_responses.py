"""Pooled responses of images to a filter bank, in the way that suits the device."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray

from dvaudit.features._filters import FilterBank, Layout, Pool
from dvaudit.features._torch_pool import TorchPool
from dvaudit.features.pictures import Shape

CHUNK_BYTES = 8 << 20  # of images as float32


class PooledResponses:
    """Computes pooled responses tile by tile in buffers that are made once.

    On a CPU by compiled passes; on a GPU, and where numba is not installed, by torch operations,
    to the same values but for rounding.

    Args:
        batch: images a tile of the torch operations; None chooses by memory.
        fused: use the compiled passes; None decides as above.

    Attributes:
        width: features of an image, 2 k grid^2: both signs, cell rows, cell columns, filters.
    """

    def __init__(
        self,
        bank: FilterBank,
        shape: Shape,
        grid: int,
        device: str,
        batch: int | None = None,
        fused: bool | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.width = 2 * bank.filters * grid * grid
        layout = Layout(shape.height - bank.patch + 1, shape.width - bank.patch + 1, grid)
        if fused is None:
            fused = self.device.type == "cpu" and find_spec("numba") is not None
        self._pool: Pool
        if fused:
            from dvaudit.features._fused_pool import FusedPool  # loads numba

            self._pool = FusedPool(bank, layout)
        else:
            self._pool = TorchPool(bank, layout, self.device, batch)
        self.batch = self._pool.batch
        prepared = CHUNK_BYTES // (4 * shape.height * shape.width * shape.channels)
        self._chunk = max(self.batch, prepared // self.batch * self.batch)

    def write(self, pixels: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        """Write the features of (b, height, width, channels) pixels to `out`, (b, width)."""
        for start in range(0, len(pixels), self._chunk):
            block = torch.from_numpy(pixels[start : start + self._chunk]).to(self.device)
            pooled = self._pool.pool(block.float().div_(255).sub_(0.5))
            out[start : start + self._chunk] = pooled.cpu().numpy()
