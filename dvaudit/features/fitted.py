"""What an extractor learned from samples, apart from the samples: it describes any others alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset
from dvaudit.core.progress import Progress, silent


@dataclass(frozen=True)
class Kept:
    """A fitted object as it is stored.

    Attributes:
        facts: JSON-able.
        arrays: numbers of any shape, by plain names.
    """

    facts: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Fitted(ABC):
    """What was learned from some samples, which describes any others in the same terms.

    Attributes:
        name: what a stored one is known by: that of the extractor.
        version: that of the extractor, which counts changes of what is described or stored.
        libraries: distributions whose own objects are stored, and read by the same release only.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    libraries: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def describe(
        self, data: Dataset, *, device: str = "cpu", progress: Progress = silent
    ) -> tuple[NDArray[Any], list[str]]:
        """Return the description of every sample of `data`, (q, ...), and notes on them.

        Time and memory do not depend on the samples that were learned from. The rows are those
        that an extraction of both together gives, learned from the first, but for rounding: sums
        in float32 over a few rows are taken in another order, which changes 1e-5 of a column's
        deviation.
        """

    @abstractmethod
    def kept(self) -> Kept:
        """Return what `restored` takes."""

    @classmethod
    @abstractmethod
    def restored(cls, kept: Kept) -> Self:
        """Return the fitted object that was kept.

        Raises:
            KeyError, TypeError, ValueError: the content is not that of one.
        """
