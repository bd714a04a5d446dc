"""Vectors given from Python or npz, taken as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, silent
from dvaudit.features.base import Extractor
from dvaudit.features.fitted import Fitted, Kept


@dataclass(frozen=True)
class VectorsSettings:
    """The vectors are used as given: there is nothing to set."""


@final
@dataclass(frozen=True)
class FittedVectors(Fitted):
    """Nothing: vectors are taken as they are."""

    name = "vectors"
    version = 1

    def describe(
        self, data: Dataset, *, device: str = "cpu", progress: Progress = silent
    ) -> tuple[NDArray[np.floating], list[str]]:
        if data.vectors is None or data.vectors.shape[1] == 0:
            raise UnsuitableDataError(f"{data.name!r} has no vectors; give an (n, d) array.")
        return data.vectors, []

    def kept(self) -> Kept:
        return Kept({})

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        return cls()


@final
class Vectors(Extractor):
    """Returns the dataset's own vectors, float64, unscaled."""

    name = "vectors"
    title = "Vectors as given"
    summary = "The feature vectors of the dataset itself, neither scaled nor centred."
    version = FittedVectors.version
    kinds = frozenset({Kind.VECTOR})
    Settings = VectorsSettings
    Learns = FittedVectors
    cached = False

    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str], Fitted]:
        nothing = FittedVectors()
        matrix, notes = nothing.describe(data)
        return matrix, notes, nothing
