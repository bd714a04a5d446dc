"""Features of a dataset: which extractor, and whether they are already in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.progress import Progress, silent
from dvaudit.core.settings import parse
from dvaudit.features import registry
from dvaudit.features.base import Features, rows_fitted
from dvaudit.features.cache import FeatureCache, content_key
from dvaudit.features.fitted import Fitted
from dvaudit.features.pictures import FittedPictures
from dvaudit.features.tokens import FittedTokens

_CHOSEN = {Kind.IMAGE: "patches", Kind.TABULAR: "tabular", Kind.VECTOR: "vectors"}


def learned_kinds() -> tuple[type[Fitted], ...]:
    """Return all that may be learned from samples: by extractors, and for nets that need none."""
    of_extractors = (extractor.Learns for extractor in registry.extractors().values())
    return (*of_extractors, FittedPictures, FittedTokens)


def automatic_for(kind: Kind) -> str:
    """Return the name of the extractor that is chosen for data of this kind."""
    return _CHOSEN[kind]


def automatic(data: Dataset) -> str:
    """Return the name of the extractor that is chosen for `data`."""
    return automatic_for(data.kind)


def extract(
    data: Dataset,
    extractor: str | None = None,
    *,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "cpu",
    cache: Path | None = None,
    fitted_on: int | None = None,
    fitted: bool = False,
    progress: Progress = silent,
) -> Features:
    """Return one vector per sample of `data`.

    Args:
        extractor: a registered name; None chooses by the kind of data.
        settings: the extractor's own, by name; text is converted.
        seed: of everything random; the same seed gives the same vectors.
        cache: folder where vectors are kept by content; None keeps none.
        fitted_on: the extractor learns from so many first samples and describes all; None learns
            from all.
        fitted: return what was learned, too. Where the cache has the vectors without it, they are
            made again.

    Raises:
        SettingsError: no such extractor or setting, or a value out of bounds.
        UnsuitableDataError: the extractor does not work on this data.
        MissingDependencyError: a library or file that the extractor needs is not usable.
    """
    chosen = registry.get(extractor or automatic(data))
    given = dict(settings or {})
    if cache is None or not chosen.cached:
        made = chosen.extract(
            data,
            settings=given,
            seed=seed,
            device=device,
            fitted_on=fitted_on,
            progress=progress,
        )
        progress(1.0, "Features are ready")
        return made if fitted else replace(made, fitted=None)
    chosen.check(data)
    parsed = parse(chosen.Settings, given, chosen.name)
    store = FeatureCache(cache)
    first = rows_fitted(data, fitted_on)
    key = content_key(data, chosen.name, chosen.version, asdict(parsed), seed, first)
    found, problem = store.load(key, len(data))
    learned = store.fitted(key, learned_kinds())[0] if fitted else None
    if found is not None and (learned is not None or not fitted):
        progress(1.0, "Features are in the cache")
        return replace(found, fitted=learned)
    made = chosen.extract(
        data, settings=given, seed=seed, device=device, fitted_on=first, progress=progress
    )
    notes = (*made.notes, problem) if problem else made.notes
    if made.fitted is not None:
        store.save_fitted(key, made.fitted)
    store.save(key, made)
    progress(1.0, "Features are ready")
    # What was learned from texts is as large as the vectors; who keeps these need not keep it.
    return replace(made, notes=notes, key=key, fitted=made.fitted if fitted else None)
