"""What a feature extractor is, and what it returns."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.errors import SettingsError, UnsuitableDataError, some
from dvaudit.core.progress import Progress, silent
from dvaudit.core.settings import parse
from dvaudit.features.fitted import Fitted


@dataclass(frozen=True, eq=False)
class Features:
    """One vector per sample, in dataset order.

    Attributes:
        matrix: (n, d) float32, or float64 where vectors are taken as they are; all finite.
        extractor: the extractor's registered name.
        settings: the settings it ran with, JSON-able.
        notes: conversions a person should know of, one sentence each.
        seconds: what the extraction took when it was computed.
        from_cache: whether it was read from the cache instead.
        key: SHA-256 of everything the matrix depends on; empty where no cache was asked for.
        fitted: what was learned, which describes other samples alike; None where the matrix is
            from the cache and it was not asked for.
    """

    matrix: NDArray[np.floating]
    extractor: str
    settings: Mapping[str, Any]
    notes: tuple[str, ...]
    seconds: float
    from_cache: bool = False
    key: str = ""
    fitted: Fitted | None = None


class Extractor(ABC):
    """One way to turn samples into vectors.

    A new one is a module with a final subclass that fills the class attributes and `_extract`,
    a `Fitted` for what it learns, and one line in `dvaudit/features/__init__.py` that registers
    it.

    Attributes:
        version: counts changes of what the same settings compute; part of the cache key.
        Learns: what it learns, as it is kept.
        kinds: the kinds of data it works on.
        cached: False where computing costs no more than reading the cache, and nothing is learned.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    version: ClassVar[int]
    kinds: ClassVar[frozenset[Kind]]
    Settings: ClassVar[type[Any]]
    Learns: ClassVar[type[Fitted]]
    cached: ClassVar[bool] = True

    @abstractmethod
    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str], Fitted]:
        """Return the (n, d) matrix of `data`, the notes, and what was learned.

        Whatever is learned or chosen from the samples is so from the first `fitted_on` alone.
        """

    def extract(
        self,
        data: Dataset,
        *,
        settings: Mapping[str, Any] | None = None,
        seed: int = 0,
        device: str = "cpu",
        fitted_on: int | None = None,
        progress: Progress = silent,
    ) -> Features:
        """Return the vectors of `data`; nothing is cached.

        Args:
            fitted_on: the extractor learns from so many first samples and describes all, so that
                the first get the vectors they have alone; None learns from all.

        Raises:
            SettingsError: an unknown setting, or a value out of bounds.
            UnsuitableDataError: data of another kind, or without anything to describe.
        """
        parsed = parse(self.Settings, settings or {}, self.name)
        self.check(data)
        fitted = rows_fitted(data, fitted_on)
        start = time.perf_counter()
        matrix, notes, learned = self._extract(data, parsed, seed, device, progress, fitted)
        check_finite(matrix, data)
        seconds = time.perf_counter() - start
        return Features(matrix, self.name, asdict(parsed), tuple(notes), seconds, fitted=learned)

    def check(self, data: Dataset) -> None:
        """Refuse data of a kind this extractor does not work on, and data without samples."""
        if data.kind not in self.kinds:
            raise UnsuitableDataError(
                f"The feature extractor {self.name!r} works on {_listed(self.kinds)} data; "
                f"{data.name!r} holds {data.kind} data. Leave the extractor out to have one chosen."
            )
        if len(data) == 0:
            raise UnsuitableDataError(f"{data.name!r} has no samples, so no features.")


def rows_fitted(data: Dataset, fitted_on: int | None) -> int:
    """Return how many first samples an extractor learns from.

    Raises:
        SettingsError: none, or more than there are.
    """
    if fitted_on is None:
        return len(data)
    if not 1 <= fitted_on <= len(data):
        raise SettingsError(
            f"Features of {len(data):,} samples are fitted on the first {fitted_on:,}; give 1 to "
            f"{len(data):,}."
        )
    return fitted_on


def check_finite(matrix: NDArray[np.floating], data: Dataset) -> None:
    """Refuse a matrix with NaN or infinite entries.

    Raises:
        UnsuitableDataError: naming the samples.
    """
    if np.isfinite(matrix.sum(dtype=np.float64)):
        return
    bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad):
        raise UnsuitableDataError(
            f"{len(bad):,} of {len(data):,} feature vectors have values that are not finite: "
            f"samples {some(data.ids[i] for i in bad)}. Remove or repair these rows."
        )


def _listed(kinds: frozenset[Kind]) -> str:
    return " and ".join(sorted(kinds))
