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
from dvaudit.features.cache import FeatureCache, content_key
from dvaudit.features.fitted import Fitted
from dvaudit.features.pictures import FittedPictures, pictures
from dvaudit.features.tokens import FittedTokens, tokens_and_words

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
        self._keys: dict[str, str] = {}
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
        self._keys[data.fingerprint] = self._features[key].key
        return self._features[key]

    def fitted_features(
        self, data: Dataset, *, seed: int, device: str, progress: Progress
    ) -> Fitted:
        """Return what the extractor learned from `data`, made again where it is not kept."""
        made = features.extract(
            data,
            self.extractor,
            settings=self.settings,
            seed=seed,
            device=device,
            cache=self.cache,
            fitted=True,
            progress=progress,
        )
        assert made.fitted is not None
        self._keys[data.fingerprint] = made.key
        return made.fitted

    def kept_as(self, data: Dataset) -> str:
        """Return under what key of the cache is kept what described `data` last; "" for nothing."""
        return self._keys.get(data.fingerprint, "")

    def pictures(
        self, data: Dataset, progress: Progress, fitted_on: int | None = None
    ) -> NDArray[np.float32]:
        """Return the images of `data`, (n, channels, height, width) in [0, 1].

        Args:
            fitted_on: their shape is chosen for so many first ones; None: for all.
        """
        return self.fitted_pictures(data, fitted_on).describe(data, progress=progress)[0]

    def fitted_pictures(self, data: Dataset, fitted_on: int | None = None) -> FittedPictures:
        """Return the shape that `pictures` have."""
        learned = FittedPictures(pictures(data, None, fitted_on=fitted_on).shape)
        self._keep(data, learned, fitted_on)
        return learned

    def tokens(self, data: Dataset, fitted_on: int | None = None) -> NDArray[np.int64]:
        """Return the words of the text columns of `data` as codes, (n, length), 0 for padding.

        Args:
            fitted_on: the words are those of so many first samples; None: of all.
        """
        codes, learned = tokens_and_words(data, fitted_on=fitted_on)
        self._keep(data, learned, fitted_on)
        return codes

    def fitted_tokens(self, data: Dataset) -> FittedTokens:
        """Return the words that `tokens` have codes for."""
        _, learned = tokens_and_words(data)
        self._keep(data, learned, None)
        return learned

    def _keep(self, data: Dataset, learned: Fitted, fitted_on: int | None) -> None:
        """Keep what was learned from the first samples of `data`, where there is a cache."""
        if self.cache is None:
            return
        store = FeatureCache(self.cache)
        key = content_key(data, learned.name, learned.version, {}, 0, fitted_on)
        if store.fitted(key, [type(learned)])[0] is None:
            store.save_fitted(key, learned)
        self._keys[data.fingerprint] = key

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
