"""The filter bank of the patches extractor, and the extraction."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, part
from dvaudit.features._filters import FilterBank
from dvaudit.features._responses import PooledResponses
from dvaudit.features.patches import FittedPatches
from dvaudit.features.pictures import Pictures
from dvaudit.features.standardise import standardise_

FIT_IMAGES = 1000
FIT_PATCHES = 40_000
SCALE_PATCHES = 5000  # patches that the unit of the threshold is measured on
FEW = 256  # pictures that are described sooner than the compiled passes are loaded


def extract(
    source: Pictures,
    settings: Any,
    seed: int,
    device: str,
    progress: Progress,
    fitted_on: int,
) -> tuple[NDArray[np.floating], list[str], FittedPatches]:
    """Return the (n, 2 k grid^2) standardised features of all images, notes, and what describes.

    The filters, and what columns are standardised by, are of the first `fitted_on` images.
    """
    progress(0.0, "Choosing patches")
    bank = fit_bank(sample_patches(source, settings.patch, seed, fitted_on), settings, seed)
    pooled = PooledResponses(bank, source.shape, settings.grid, device)
    matrix = _responses(source, pooled, part(progress, 0.05, 0.95))
    progress(0.95, "Standardising features")
    scales = standardise_(matrix, fitted_on=fitted_on)
    notes = source.notes()
    if bank.filters < settings.patches:
        notes.append(
            f"Only {bank.filters:,} patches that are not flat were found for {settings.patches:,} "
            "filters."
        )
    weights = bank.weights.numpy()
    learned = FittedPatches(
        source.shape, weights, bank.patch, bank.threshold, bank.contrast, settings.grid, scales
    )
    return matrix, notes, learned


def describe(
    learned: FittedPatches, source: Pictures, device: str, progress: Progress
) -> NDArray[np.float32]:
    """Return the (n, 2 k grid^2) features of all images of `source` as `learned` has them."""
    bank = FilterBank(
        torch.from_numpy(learned.weights), learned.patch, learned.threshold, learned.contrast
    )
    fused = False if len(source.data) <= FEW else None
    pooled = PooledResponses(bank, learned.shape, learned.grid, device, fused=fused)
    matrix = _responses(source, pooled, progress)
    learned.scales.apply_(matrix)
    return matrix


def _responses(
    source: Pictures, pooled: PooledResponses, progress: Progress
) -> NDArray[np.float32]:
    """Return the (n, 2 k grid^2) responses of all images, not yet standardised."""
    total = len(source.data)
    matrix = np.empty((total, pooled.width), dtype=np.float32)
    for start, block in source.batches():
        pooled.write(block, matrix[start : start + len(block)])
        progress((start + len(block)) / total, "Describing images")
    return matrix


def sample_patches(
    source: Pictures, patch: int, seed: int, fitted_on: int | None = None
) -> NDArray[np.float32]:
    """Return (m, patch * patch * channels) random patches, pixels in 0 to 1.

    They come from at most FIT_IMAGES images drawn without replacement, of the first `fitted_on`
    (None: of all), about the same number from each.
    """
    rng = np.random.default_rng([seed, 1])
    total, shape = fitted_on or len(source.data), source.shape
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
