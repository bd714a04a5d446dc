"""The feature extractors by name."""

from __future__ import annotations

from difflib import get_close_matches

from dvaudit.core.errors import SettingsError
from dvaudit.features.base import Extractor

_REGISTERED: dict[str, Extractor] = {}


def register(extractor: Extractor) -> Extractor:
    """Add an extractor under its name; a taken name is refused."""
    if extractor.name in _REGISTERED:
        raise ValueError(f"a feature extractor named {extractor.name!r} is already registered")
    _REGISTERED[extractor.name] = extractor
    return extractor


def names() -> tuple[str, ...]:
    """Return the names of all extractors, in order of registration."""
    return tuple(_REGISTERED)


def extractors() -> dict[str, Extractor]:
    """Return all extractors by name, in order of registration."""
    return dict(_REGISTERED)


def get(name: str) -> Extractor:
    """Return the extractor registered under `name`.

    Raises:
        SettingsError: no such extractor.
    """
    if name not in _REGISTERED:
        close = get_close_matches(name, _REGISTERED, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names())}."
        raise SettingsError(f"There is no feature extractor {name!r}; {hint}")
    return _REGISTERED[name]
