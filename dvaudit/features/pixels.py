"""Raw pixels of images resized to one size."""

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


@dataclass(frozen=True)
class PixelsSettings:
    size: int | None = setting(
        None,
        "Length of the longer side in pixels. Empty: as in the files where all are one small "
        "size, else 32 or 64.",
        low=1,
        high=512,
        label="Longer side in pixels",
    )


@final
@dataclass(frozen=True)
class FittedPixels(Fitted):
    """The shape that pictures are brought to."""

    name = "pixels"
    version = 1

    shape: Shape

    def describe(
        self, data: Dataset, *, device: str = "cpu", progress: Progress = silent
    ) -> tuple[NDArray[np.floating], list[str]]:
        source, shape = Pictures(data, self.shape), self.shape
        width = shape.height * shape.width * shape.channels
        matrix = np.empty((len(data), width), dtype=np.float32)
        for start, block in source.batches():
            matrix[start : start + len(block)] = block.reshape(len(block), width)
            progress(start / len(data), "Reading pixels")
        matrix /= 255
        return matrix, source.notes()

    def kept(self) -> Kept:
        return Kept(asdict(self.shape))

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        return cls(Shape(**kept.facts))


@final
class Pixels(Extractor):
    """Pixel values in [0, 1], row by row, channels last; (n, height * width * channels)."""

    name = "pixels"
    title = "Raw pixels"
    summary = "The pixel values themselves. Fast; enough for centred digits, weak on photographs."
    version = FittedPixels.version
    kinds = frozenset({Kind.IMAGE})
    Settings = PixelsSettings
    Learns = FittedPixels

    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str], Fitted]:
        learned = FittedPixels(pictures(data, settings.size, fitted_on=fitted_on).shape)
        matrix, notes = learned.describe(data, progress=progress)
        return matrix, notes, learned
