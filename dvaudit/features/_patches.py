"""Filter bank and pooled responses of the patches extractor.

With x a patch, sigma its deviation (the contrast constant included) and w a filter that sums to
zero, the response to the contrast-normalised patch is r = (w . x) / sigma: the mean drops out,
and whitening is folded into w. One matrix product gives the responses to all filters.

Averages over cells use mean relu(r - t) = mean max(r, t) - t and mean relu(-r - t) =
-t - mean min(r, -t), so that a clamp is all that is done to single responses. The averages are
matrix products over rows of positions, then over columns.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, part
from dvaudit.features.pictures import Pictures, Shape
from dvaudit.features.standardise import standardise_

FIT_IMAGES = 1000
FIT_PATCHES = 40_000
SCALE_PATCHES = 5000  # patches that the unit of the threshold is measured on
TILE_BYTES = 3 << 18  # of responses, for each thread: two copies stay in a core's cache
GPU_TILE_BYTES = 256 << 20
CHUNK_BYTES = 8 << 20  # of images as float32


def extract(
    source: Pictures, settings: Any, seed: int, device: str, progress: Progress
) -> tuple[NDArray[np.floating], list[str]]:
    """Return the (n, 2 k grid^2) standardised features of all images, and the notes."""
    total = len(source.data)
    progress(0.0, "Choosing patches")
    bank = fit_bank(sample_patches(source, settings.patch, seed), settings, seed)
    pooled = PooledResponses(bank, source.shape, settings.grid, device)
    matrix = np.empty((total, pooled.width), dtype=np.float32)
    report = part(progress, 0.05, 0.95)
    for start, block in source.batches():
        pooled.write(block, matrix[start : start + len(block)])
        report((start + len(block)) / total, "Describing images")
    progress(0.95, "Standardising features")
    standardise_(matrix)
    notes = source.notes()
    if bank.filters < settings.patches:
        notes.append(
            f"Only {bank.filters:,} patches that are not flat were found for {settings.patches:,} "
            "filters."
        )
    return matrix, notes


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


def sample_patches(source: Pictures, patch: int, seed: int) -> NDArray[np.float32]:
    """Return (m, patch * patch * channels) random patches, pixels in 0 to 1.

    They come from at most FIT_IMAGES images drawn without replacement, about the same number
    from each.
    """
    rng = np.random.default_rng([seed, 1])
    total, shape = len(source.data), source.shape
    chosen = np.sort(rng.permutation(total)[:FIT_IMAGES])
    pixels = source.pixels(chosen.tolist())
    down, across = shape.height - patch + 1, shape.width - patch + 1
    each = min(math.ceil(FIT_PATCHES / len(chosen)), down * across)
    rows = rng.integers(0, down, (len(chosen), each))
    columns = rng.integers(0, across, (len(chosen), each))
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (patch, patch), axis=(1, 2))
    taken = windows[np.arange(len(chosen))[:, None], rows, columns]  # (images, each, c, p, p)
    flat = taken.transpose(0, 1, 3, 4, 2).reshape(len(chosen) * each, -1)
    return np.divide(flat, 255, dtype=np.float32)


def fit_bank(patches: NDArray[np.float32], settings: Any, seed: int) -> FilterBank:
    """Whiten the patches, shape (m, p * p * c), and draw the filters from them.

    The threshold is in units of the root mean square response of the patches to the filters.

    Raises:
        UnsuitableDataError: every patch is flat.
    """
    values = patches.astype(np.float64)
    values -= values.mean(axis=1, keepdims=True)
    variances = values.var(axis=1)
    values = values[variances > (settings.contrast / 10) ** 2]
    if len(values) == 0:
        raise UnsuitableDataError(
            f"All {len(patches):,} patches sampled from the images are flat, so the images cannot "
            "be told apart by patches; use the extractor 'pixels'."
        )
    values /= np.sqrt(values.var(axis=1, keepdims=True) + settings.contrast**2)
    # The patches' mean is zero but for rounding and light from above; it is not subtracted, so
    # that a flat patch has no response.
    moments, directions = np.linalg.eigh(values.T @ values / len(values))
    scales = 1 / np.sqrt(np.maximum(moments, 0) + settings.whitening)
    whitening = (directions * scales) @ directions.T
    rng = np.random.default_rng([seed, 2])
    drawn = rng.permutation(len(values))[: settings.patches]
    filters = values[drawn] @ whitening
    filters /= np.linalg.norm(filters, axis=1, keepdims=True)
    weights = whitening @ filters.T
    weights -= weights.mean(axis=0)
    measured = values[rng.permutation(len(values))[:SCALE_PATCHES]] @ weights
    deviation = float(np.sqrt(np.square(measured).mean()))
    return FilterBank(
        torch.from_numpy(weights.astype(np.float32)),
        settings.patch,
        settings.threshold * deviation,
        settings.contrast**2,
    )


class PooledResponses:
    """Computes pooled responses tile by tile in buffers that are made once.

    A tile is a few images, or some rows of positions of one large image, so that its responses
    fit in TILE_BYTES.

    Args:
        batch: images a tile; None chooses by TILE_BYTES.

    Attributes:
        width: features of an image, 2 k grid^2: both signs, cell rows, cell columns, filters.
    """

    def __init__(
        self, bank: FilterBank, shape: Shape, grid: int, device: str, batch: int | None = None
    ) -> None:
        self.bank, self.grid, self.device = bank, grid, torch.device(device)
        self.rows = shape.height - bank.patch + 1
        self.columns = shape.width - bank.patch + 1
        self.width = 2 * bank.filters * grid * grid
        budget = TILE_BYTES * torch.get_num_threads()
        if self.device.type != "cpu":
            budget = GPU_TILE_BYTES
        row_bytes = 4 * self.columns * bank.filters
        self.stripe = min(self.rows, max(1, budget // row_bytes))  # rows of positions a tile
        self.batch = batch or max(1, budget // (row_bytes * self.stripe))
        prepared = CHUNK_BYTES // (4 * shape.height * shape.width * shape.channels)
        self._chunk = max(self.batch, prepared // self.batch * self.batch)
        self._weights = bank.weights.to(self.device)
        self._row_means = _line_means(self.rows, grid).to(self.device)
        self._column_means = _line_means(self.columns, grid).to(self.device)
        positions = self.batch * self.stripe * self.columns
        self._patches = torch.empty(positions, len(bank.weights), device=self.device)
        self._responses = torch.empty(positions, bank.filters, device=self.device)
        self._clamped = torch.empty(positions, bank.filters, device=self.device)

    def write(self, pixels: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
        """Write the features of (b, height, width, channels) pixels to `out`, (b, width)."""
        for start in range(0, len(pixels), self._chunk):
            block = torch.from_numpy(pixels[start : start + self._chunk]).to(self.device)
            pooled = self._pool(block.float().div_(255).sub_(0.5))
            out[start : start + self._chunk] = pooled.cpu().numpy()

    def _pool(self, images: Tensor) -> Tensor:
        """Return (b, width): means of relu(r - t), then of relu(-r - t), over each cell."""
        size, grid = self.bank.patch, self.grid
        scales = self._scales(images)
        windows = images.unfold(1, size, 1).unfold(2, size, 1).permute(0, 1, 2, 4, 5, 3)
        pooled = images.new_empty(len(images), 2, grid * grid * self.bank.filters)
        for start in range(0, len(images), self.batch):
            part = slice(start, start + self.batch)
            pooled[part] = self._pool_tiles(windows[part], scales[part])
        pooled[:, 1].neg_()
        return pooled.sub_(self.bank.threshold).flatten(1)

    def _pool_tiles(self, windows: Tensor, scales: Tensor) -> Tensor:
        """Return (b, 2, grid * grid * k): cell means of max(r, t) and of min(r, -t).

        Args:
            windows: (b, rows, columns, p, p, c) patches.
            scales: (b, rows, columns), 1 / sigma.
        """
        b, grid, filters, threshold = (
            len(windows),
            self.grid,
            self.bank.filters,
            self.bank.threshold,
        )
        sums = windows.new_zeros(2, b, grid, self.columns * filters)
        for top in range(0, self.rows, self.stripe):
            rows = slice(top, top + self.stripe)
            responses = self._respond(windows[:, rows], scales[:, rows])
            clamped = self._clamped[: len(responses)]
            means = self._row_means[:, rows].expand(b, -1, -1)
            torch.clamp(responses, min=threshold, out=clamped)
            sums[0].baddbmm_(means, clamped.view(b, -1, self.columns * filters))
            responses.clamp_(max=-threshold)
            sums[1].baddbmm_(means, responses.view(b, -1, self.columns * filters))
        means = self._column_means.expand(2 * b * grid, -1, -1)
        cells = torch.bmm(means, sums.view(2 * b * grid, self.columns, filters))
        return cells.view(2, b, -1).transpose(0, 1)

    def _respond(self, windows: Tensor, scales: Tensor) -> Tensor:
        """Return (positions, k) responses r, positions over images, rows and columns."""
        count = scales.numel()
        patches, responses = self._patches[:count], self._responses[:count]
        # Copying and scaling apart is faster than one product over short axes.
        patches.view(windows.shape).copy_(windows)
        patches.mul_(scales.reshape(count, 1))
        return torch.mm(patches, self._weights, out=responses)

    def _scales(self, images: Tensor) -> Tensor:
        """Return (b, rows, columns): 1 / sqrt(variance of each patch + contrast)."""
        size, channels = self.bank.patch, images.unbind(3)
        sums = torch.stack([_sum_of(channels), _sum_of([plane.square() for plane in channels])])
        for axis in (2, 3):
            length = sums.shape[axis] - size + 1
            sums = _sum_of([sums.narrow(axis, offset, length) for offset in range(size)])
        mean, square = sums.div_(len(self._weights))
        variance = square.sub_(mean.square()).clamp_min_(0)
        scales: Tensor = variance.add_(self.bank.contrast).rsqrt_()
        return scales


def _sum_of(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors of one shape; several times faster than reducing short axes."""
    total = parts[0]
    for item in parts[1:]:
        total = total + item
    return total


def _line_means(length: int, grid: int) -> Tensor:
    """Return (grid, length): row j averages over cell j of a line of positions.

    Cells cover everything; neighbours share a position where the length does not divide evenly,
    as in torch's adaptive pooling.
    """
    out = torch.zeros(grid, length)
    for cell in range(grid):
        start, end = cell * length // grid, -(-(cell + 1) * length // grid)
        out[cell, start:end] = 1 / (end - start)
    return out
