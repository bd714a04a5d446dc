"""Contrast-normalised, whitened random patches: image features without download or training.

Coates, Ng and Lee, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning"
(2011), with filters drawn from the whitened patches of the dataset itself.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.progress import Progress, silent
from dvaudit.core.settings import setting
from dvaudit.features.base import Extractor
from dvaudit.features.fitted import Fitted, Kept
from dvaudit.features.pictures import Pictures, Shape, pictures
from dvaudit.features.standardise import Scales


@dataclass(frozen=True)
class PatchesSettings:
    patches: int = setting(
        256,
        "Number of filters. Features are twice this times the cells of the pooling grid.",
        low=1,
        high=8192,
        label="Filters",
    )
    patch: int = setting(
        6,
        "Side of a patch in pixels.",
        low=2,
        high=16,
        label="Side of a patch",
    )
    grid: int = setting(
        3,
        "The image is divided into grid x grid cells to average over.",
        low=1,
        high=8,
        label="Cells along a side",
    )
    threshold: float = setting(
        1.2,
        "Responses within this many deviations of zero count as none.",
        low=0.0,
        high=10.0,
        label="Threshold of responses",
    )
    contrast: float = setting(
        0.03,
        "Standard deviation (of pixels in 0 to 1) below which a patch counts as nearly flat.",
        low=1e-4,
        high=1.0,
        label="Contrast of a flat patch",
    )
    whitening: float = setting(
        0.1,
        "Added to the variance of each direction before whitening, in units of a pixel's variance.",
        low=1e-6,
        high=100.0,
        label="Added before whitening",
    )
    size: int | None = setting(
        None,
        "Length of the longer side in pixels. Empty: as in the files where all are one small "
        "size, else 32 or 64.",
        low=8,
        high=512,
        label="Longer side in pixels",
    )


@final
@dataclass(frozen=True, eq=False)
class FittedPatches(Fitted):
    """The shape of pictures, a filter bank (see _filters.FilterBank), and the columns' scales."""

    name = "patches"
    version = 1

    shape: Shape
    weights: NDArray[np.float32]
    patch: int
    threshold: float
    contrast: float
    grid: int
    scales: Scales

    def describe(
        self, data: Dataset, *, device: str = "cpu", progress: Progress = silent
    ) -> tuple[NDArray[np.floating], list[str]]:
        from dvaudit.features import _patches  # loads torch

        source = Pictures(data, self.shape)
        return _patches.describe(self, source, device, progress), source.notes()

    def kept(self) -> Kept:
        facts = {
            "shape": asdict(self.shape),
            "patch": self.patch,
            "threshold": self.threshold,
            "contrast": self.contrast,
            "grid": self.grid,
        }
        return Kept(facts, {"weights": self.weights, **asdict(self.scales)})

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        facts, arrays = dict(kept.facts), kept.arrays
        shape = Shape(**facts.pop("shape"))
        scales = Scales(arrays["mean"], arrays["scale"])
        return cls(shape=shape, weights=arrays["weights"], scales=scales, **facts)


@final
class Patches(Extractor):
    """Pooled two-sided responses to whitened patches; (n, 2 * patches * grid^2), standardised."""

    name = "patches"
    title = "Whitened patches"
    summary = (
        "How strongly small patches drawn from the images answer in each part of an image. "
        "Needs no download and no training; far better than raw pixels on photographs."
    )
    version = FittedPatches.version
    kinds = frozenset({Kind.IMAGE})
    Settings = PatchesSettings
    Learns = FittedPatches

    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str], Fitted]:
        from dvaudit.features import _patches  # loads torch

        least = settings.patch + settings.grid - 1
        source = pictures(data, settings.size, least_side=least, fitted_on=fitted_on)
        return _patches.extract(source, settings, seed, device, progress, fitted_on)
