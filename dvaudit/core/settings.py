"""Settings: one frozen dataclass per method; form, CLI, docs, check and stored JSON all read it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from numbers import Real
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np

from dvaudit.core.errors import SettingsError

S = TypeVar("S")
SEEDS = 2**32  # scikit-learn takes as many


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    label: str | None = None,
) -> Any:
    """Declare a settings field: its default, one sentence of help, bounds or choices.

    Args:
        label: what a form calls it; None makes the name readable.
    """
    about = {"help": help, "low": low, "high": high, "choices": choices, "label": label}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class SettingSpec:
    """Everything a form or a help page needs to know of one setting."""

    name: str
    label: str  # of a form: "ridge_rows" is "Ridge rows", unless it was given one
    type: type[int] | type[float] | type[bool] | type[str]
    optional: bool  # None is allowed, and means what `help` says of empty
    default: Any
    help: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]


def specs(cls: type) -> tuple[SettingSpec, ...]:
    """Return the specs of a settings dataclass in declaration order."""
    hints = get_type_hints(cls)
    out = []
    for item in fields(cls):
        alternatives = get_args(hints[item.name]) or (hints[item.name],)
        base = next(kind for kind in alternatives if kind is not type(None))
        if item.default is MISSING:
            raise TypeError(f"{cls.__qualname__}.{item.name} has no default")
        meta = item.metadata
        out.append(
            SettingSpec(
                item.name,
                meta["label"] or item.name.replace("_", " ").capitalize(),
                base,
                type(None) in alternatives,
                item.default,
                meta["help"],
                meta["low"],
                meta["high"],
                meta["choices"],
            )
        )
    return tuple(out)


def check_seed(seed: int) -> None:
    """Refuse what is no seed.

    Raises:
        SettingsError: not a whole number from 0 to SEEDS - 1.
    """
    whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    if not whole or not 0 <= seed < SEEDS:
        raise SettingsError(f"The seed is {seed!r}; give a whole number from 0 to {SEEDS - 1:,}.")


def parse(cls: type[S], given: Mapping[str, Any], owner: str) -> S:
    """Build settings from names and values (text from a command line is converted).

    Where a setting is no text, "auto" is its default, and "none" or "" is None where it may be.

    Raises:
        SettingsError: an unknown name, a value of another type, or one out of bounds.
    """
    known = {spec.name: spec for spec in specs(cls)}
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(known)}."
            raise SettingsError(f"{owner} has no setting {name!r}; {hint}")
    return cls(**{name: _convert(known[name], value, owner) for name, value in given.items()})


def out_of_bounds(spec: SettingSpec, value: float) -> str:
    """Return why a number is no value of a setting, as a form says it; "" where it is one."""
    try:
        _check_bounds(spec, value, spec.label)
    except SettingsError as refusal:
        return str(refusal)
    return ""


def _convert(spec: SettingSpec, value: Any, owner: str) -> Any:
    where = f"{owner}.{spec.name}"
    written = isinstance(value, str) and spec.type is not str
    word = value.strip().lower() if written else None
    if word == "auto":
        return spec.default
    if value is None or word in ("none", ""):
        if spec.optional:
            return None
        raise SettingsError(f"{where} needs a value of type {spec.type.__name__}; it got none.")
    converted = _as_type(spec, value, where)
    if spec.choices and converted not in spec.choices:
        raise SettingsError(f"{where} is {value!r}; choose one of: {', '.join(spec.choices)}.")
    if spec.type in (int, float):
        _check_bounds(spec, converted, where)
    return converted


def _as_type(spec: SettingSpec, value: Any, where: str) -> Any:
    kind = spec.type
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if str(value).lower() in words:
            return words[str(value).lower()]
        raise SettingsError(f"{where} is {value!r}; give true or false.")
    wanted = f"give a value of type {kind.__name__}{_words_allowed(spec)}."
    if kind is not str and isinstance(value, (bool, np.bool_)):
        raise SettingsError(f"{where} is {value!r}; {wanted}")
    try:
        converted = kind(value)
    except (TypeError, ValueError, OverflowError):
        raise SettingsError(f"{where} is {value!r}; {wanted}") from None
    if kind is int and isinstance(value, Real) and converted != value:
        raise SettingsError(f"{where} is {value!r}; give a whole number.")
    return converted


def _words_allowed(spec: SettingSpec) -> str:
    """Return what an optional setting may be beside a value, to go on a sentence with."""
    if not spec.optional:
        return ""
    if spec.default is None:
        return ", or none (auto is the same)"
    return f", none to leave it empty, or auto for the default, {spec.default}"


def _check_bounds(spec: SettingSpec, value: float, where: str) -> None:
    if not math.isfinite(value):
        raise SettingsError(f"{where} is {value!r}; give a finite number.")
    if spec.low is not None and value < spec.low:
        raise SettingsError(f"{where} is {value!r}; the least allowed is {spec.low:g}.")
    if spec.high is not None and value > spec.high:
        raise SettingsError(f"{where} is {value!r}; the most allowed is {spec.high:g}.")
