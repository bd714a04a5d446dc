"""What the valuators of one audit compute once: the vectors and the kernel system."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dvaudit import features, kernels
from dvaudit.core.dataset import Dataset
from dvaudit.core.progress import Progress
from dvaudit.core.trace import Watch, unwatched
from dvaudit.features.pictures import pictures
from dvaudit.features.tokens import tokens

if TYPE_CHECKING:
    from torch import nn

    from dvaudit.features import Features
    from dvaudit.kernels import IterativeSystem, KernelSystem

SystemKey = tuple[str, str, str, bool]  # content, precision, device, iterative


class Shared:
    """Vectors and kernel system of one dataset, made on first use.

    Args:
        extractor: name of the feature extractor; None chooses by the kind of data.
        settings: the extractor's settings.
        cache: folder where vectors are kept by content; None keeps none.
        watch: told of values while methods train.
        module: a net of the user's own for the methods that train one, in place of their setting
            `net`: a module, or a function from the shape of a sample and the number of outputs
            to one.
    """

    def __init__(
        self,
        extractor: str | None = None,
        settings: Mapping[str, Any] | None = None,
        cache: Path | None = None,
        watch: Watch = unwatched,
        module: nn.Module | Callable[[tuple[int, ...], int], nn.Module] | None = None,
    ) -> None:
        self.extractor, self.settings, self.cache = extractor, settings, cache
        self.watch, self.module = watch, module
        self._features: dict[tuple[str, int, int | None], Features] = {}
        self._system: tuple[tuple[str, str, str, bool], KernelSystem | IterativeSystem] | None = (
            None
        )

    def features(
        self,
        data: Dataset,
        *,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int | None = None,
    ) -> Features:
        """Return the vectors of `data`, one row per sample.

        Args:
            fitted_on: the extractor learns from so many first samples; None: from all.
        """
        key = (data.fingerprint, seed, fitted_on)
        if key not in self._features:
            made = features.extract(
                data,
                self.extractor,
                settings=self.settings,
                seed=seed,
                device=device,
                cache=self.cache,
                fitted_on=fitted_on,
                progress=progress,
            )
            # The data alone, and the data joined with a trusted set: other keys are past ones.
            self._features = {**dict(list(self._features.items())[-1:]), key: made}
        return self._features[key]

    def pictures(
        self, data: Dataset, progress: Progress, fitted_on: int | None = None
    ) -> NDArray[np.float32]:
        """Return the images of `data`, (n, channels, height, width) in [0, 1].

        Args:
            fitted_on: their shape is chosen for so many first ones; None: for all.
        """
        source = pictures(data, None, fitted_on=fitted_on)
        shape = source.shape
        out = np.empty((len(data), shape.channels, shape.height, shape.width), dtype=np.float32)
        for start, block in source.batches():
            out[start : start + len(block)] = block.transpose(0, 3, 1, 2)
            progress(start / len(data), "Reading pictures")
        out /= 255
        return out

    def tokens(self, data: Dataset, fitted_on: int | None = None) -> NDArray[np.int64]:
        """Return the words of the text columns of `data` as codes, (n, length), 0 for padding.

        Args:
            fitted_on: the words are those of so many first samples; None: of all.
        """
        return tokens(data, fitted_on=fitted_on)

    def system(
        self,
        vectors: NDArray[np.floating],
        precision: str,
        device: str,
        *,
        iterative: bool = False,
    ) -> KernelSystem | IterativeSystem:
        """Return the kernel system of `vectors`, the same one for the same content."""
        key = (_digest(vectors), precision, device, iterative)
        if self._system is None or self._system[0] != key:
            self._system = None  # release the old factor before the next is made
            make = kernels.IterativeSystem if iterative else kernels.KernelSystem
            self._system = (key, make(vectors, precision, device))
        return self._system[1]


def _digest(vectors: NDArray[np.floating]) -> str:
    contiguous = np.ascontiguousarray(vectors)
    return hashlib.sha256(contiguous.data).hexdigest()
