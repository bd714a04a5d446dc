"""The valuators by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from dvaudit.core.dataset import Task
from dvaudit.core.errors import SettingsError
from dvaudit.core.settings import SettingSpec, specs
from dvaudit.valuators.base import Level, Method

V = TypeVar("V", bound=type[Method])

_REGISTERED: dict[str, type[Method]] = {}


def register(cls: V) -> V:
    """Add a valuator class under its name; a taken name is refused."""
    if cls.name in _REGISTERED:
        raise ValueError(f"a valuator named {cls.name!r} is already registered")
    _REGISTERED[cls.name] = cls
    return cls


def names(level: Level | None = None) -> tuple[str, ...]:
    """Return the names of all valuators, or of those of one level, in order of registration."""
    return tuple(name for name, cls in _REGISTERED.items() if level in (None, cls.level))


def lookup(name: str) -> type[Method]:
    """Return the class registered under `name`.

    Raises:
        SettingsError: no such valuator.
    """
    if name not in _REGISTERED:
        close = get_close_matches(name, _REGISTERED, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names())}."
        raise SettingsError(f"There is no valuator {name!r}; {hint}")
    return _REGISTERED[name]


def get(name: str, settings: Mapping[str, Any] | None = None) -> Method:
    """Return the valuator `name` with these settings, checked."""
    return lookup(name)(settings)


def measures_hardness(name: str) -> bool:
    """Return whether `name` is a valuator whose low values are samples hard to learn."""
    return name in _REGISTERED and _REGISTERED[name].measures_hardness


@dataclass(frozen=True)
class ValuatorInfo:
    """A valuator as a form, a help page or a listing shows it."""

    name: str
    title: str
    summary: str
    use: str
    draws: str
    reference: str
    tasks: frozenset[Task]
    level: Level
    needs: frozenset[str]
    detects_mislabels: bool
    measures_hardness: bool
    baseline: bool
    requires: str | None
    settings: tuple[SettingSpec, ...]


def describe() -> tuple[ValuatorInfo, ...]:
    """Return every valuator with its texts and settings, in order of registration."""
    return tuple(
        ValuatorInfo(
            name=cls.name,
            title=cls.title,
            summary=cls.summary,
            use=cls.use,
            draws=cls.draws,
            reference=cls.reference,
            tasks=cls.tasks,
            level=cls.level,
            needs=cls.needs,
            detects_mislabels=cls.detects_mislabels,
            measures_hardness=cls.measures_hardness,
            baseline=cls.baseline,
            requires=cls.requires,
            settings=specs(cls.Settings),
        )
        for cls in _REGISTERED.values()
    )
