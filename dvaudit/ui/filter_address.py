"""A filter as parameters of a page's address, and back; nothing in an address is trusted."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, localcontext
from enum import StrEnum
from typing import TypeVar

from dvaudit.ui.map_regions import Lasso, lasso_text, read_lasso
from dvaudit.ui.ranking import SUSPICION, Filter, Judged, Show

KEYS = (
    *("show", "class", "verdict", "group", "split", "find", "range", "pair", "lasso"),
    *("sort", "order"),
)
LONGEST_TEXT = 200
_BETWEEN = "~"
_Name = TypeVar("_Name", bound=StrEnum)


@dataclass(frozen=True)
class Known:
    """What a filter can name in one audit.

    Attributes:
        columns: to sort by; the first one where the address names none.
        maps: the maps whose points are there.
    """

    classes: Collection[str] = ()
    groups: Collection[str] = ()
    splits: Collection[str] = ()
    columns: Collection[str] = (SUSPICION,)
    maps: Collection[str] = ()


def address_of(wanted: Filter) -> dict[str, list[str]]:
    """Return the parameters of a filter; what is as in Filter() is left out."""
    parts: dict[str, list[str]] = {
        "show": [] if wanted.show is Show.ALL else [wanted.show.value],
        "class": list(wanted.classes),
        "verdict": [verdict.value for verdict in wanted.verdicts],
        "group": list(wanted.groups),
        "split": list(wanted.splits),
        "find": [wanted.find] if wanted.find else [],
        "range": [] if wanted.within is None else [_range_text(wanted.within)],
        "pair": [] if wanted.pair is None else list(wanted.pair),
        "lasso": [] if wanted.lasso is None else [lasso_text(wanted.lasso)],
        "sort": [] if wanted.column == SUSPICION else [wanted.column],
        "order": ["least"] if wanted.least else [],
    }
    return {key: values for key, values in parts.items() if values}


def read_address(
    params: Mapping[str, Sequence[str]], known: Known
) -> tuple[Filter, tuple[str, ...]]:
    """Return the filter that an address asks for, and what of it was ignored, in words.

    Args:
        params: all values of each parameter; others than KEYS are not looked at.
        known: what there is to name; the rest of an address is followed all the same.
    """
    ignored: list[str] = []
    asked = {key: [str(value) for value in params.get(key, ())] for key in KEYS}

    def names(key: str, there: Collection[str], what: str) -> tuple[str, ...]:
        _note(ignored, what, (name for name in asked[key] if name not in there))
        return tuple(dict.fromkeys(name for name in asked[key] if name in there))

    show = _members(Show, asked["show"], "kind", ignored)
    sort = names("sort", known.columns, "order by")
    order = [text.casefold() for text in asked["order"]]
    _note(ignored, "order", (text for text in order if text not in ("least", "most")))
    wanted = Filter(
        show=next(iter(show), Show.ALL),
        classes=names("class", known.classes, "class"),
        verdicts=_members(Judged, asked["verdict"], "verdict", ignored),
        groups=names("group", known.groups, "contributor"),
        splits=names("split", known.splits, "split"),
        find=next(iter(asked["find"]), "").strip()[:LONGEST_TEXT],
        within=_range(asked["range"], known.columns, ignored),
        pair=_pair(asked["pair"], known.classes, ignored),
        lasso=_lasso(asked["lasso"], known.maps, ignored),
        column=next(iter((*sort, *known.columns)), SUSPICION),
        least="least" in order,
    )
    return wanted, tuple(ignored)


def rounded_range(low: float, high: float) -> tuple[float, float]:
    """Return a range in six significant digits that holds the one given, for a short address."""
    return _outward(low, False), _outward(high, True)


def _outward(value: float, up: bool) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    with localcontext(prec=6, rounding=ROUND_CEILING if up else ROUND_FLOOR) as context:
        return float(context.create_decimal(repr(value)))


def _members(
    kind: type[_Name], asked: Iterable[str], what: str, ignored: list[str]
) -> tuple[_Name, ...]:
    values = {member.value for member in kind}
    folded = [text.casefold() for text in asked]
    _note(ignored, what, (text for text in folded if text not in values))
    return tuple(dict.fromkeys(kind(text) for text in folded if text in values))


def _pair(
    asked: Sequence[str], classes: Collection[str], ignored: list[str]
) -> tuple[str, str] | None:
    if not asked:
        return None
    if len(asked) == 2 and all(name in classes for name in asked):
        return asked[0], asked[1]
    _note(ignored, "pair of classes", [" and ".join(asked)])
    return None


def _lasso(asked: Sequence[str], maps: Collection[str], ignored: list[str]) -> Lasso | None:
    if not asked:
        return None
    lasso = read_lasso(asked[0])
    if lasso is not None and lasso.map in maps:
        return lasso
    _note(ignored, "region of a map", [asked[0]])
    return None


def _range_text(within: tuple[str, float, float]) -> str:
    column, low, high = within
    return _BETWEEN.join((column, _number(low), _number(high)))


def _number(value: float) -> str:
    text = repr(float(value))
    return text.removesuffix(".0")


def _range(
    asked: Sequence[str], columns: Collection[str], ignored: list[str]
) -> tuple[str, float, float] | None:
    if not asked:
        return None
    column, *ends = asked[0].rsplit(_BETWEEN, 2)
    try:
        low, high = (float(end) for end in ends)
    except ValueError:
        low, high = math.nan, math.nan
    if column in columns and low < high:
        return column, low, high
    _note(ignored, "range", [asked[0]])
    return None


def _note(ignored: list[str], what: str, texts: Iterable[str]) -> None:
    ignored.extend(f"{what} {text[:40]!r}" for text in texts)
