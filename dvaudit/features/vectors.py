"""Vectors given from Python or npz, taken as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress
from dvaudit.features.base import Extractor


@dataclass(frozen=True)
class VectorsSettings:
    """The vectors are used as given: there is nothing to set."""


@final
class Vectors(Extractor):
    """Returns the dataset's own vectors, float64, unscaled."""

    name = "vectors"
    title = "Vectors as given"
    summary = "The feature vectors of the dataset itself, neither scaled nor centred."
    version = 1
    kinds = frozenset({Kind.VECTOR})
    Settings = VectorsSettings
    cached = False

    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str]]:
        if data.vectors is None or data.vectors.shape[1] == 0:
            raise UnsuitableDataError(f"{data.name!r} has no vectors; give an (n, d) array.")
        return data.vectors, []
