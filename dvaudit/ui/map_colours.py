"""What colours the points of a map: a number in a palette for each sample, and a legend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvaudit.findings import atypical
from dvaudit.ui.components.map import Legend
from dvaudit.ui.ranking import JUDGED, Columns, numbers, value_columns
from dvaudit.ui.sample_facts import number_text

LABEL, FLAGGED, VERDICT = "label", "flagged", "verdict"
HIDDEN = 0x80  # marks a sample that is not among those chosen
MOST_CLASSES = 10
# Paul Tol's schemes for colour-blind readers (technical note SRON/EPS/TN/09-002), lighter on dark.
_CLASSES = (
    *("#4477aa", "#ee6677", "#228833", "#b8a130", "#3aa5d1", "#aa3377", "#ee7733", "#332288"),
    *("#882255", "#2f9e8f"),
)
_CLASSES_ON_DARK = (
    *("#77aadd", "#ff8899", "#4fbf6b", "#eedd88", "#99ddff", "#dd77bb", "#ffaa66", "#9988ee"),
    *("#cc6688", "#66ccbb"),
)
_REST, _REST_ON_DARK = "#8a94a0", "#7b8694"
_NONE, _NONE_ON_DARK = "#b6bec8", "#4f5b6b"
# Viridis without the end that the background swallows.
_RISING = (
    *("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725"),
)


@dataclass(frozen=True, eq=False)
class Coloured:
    """codes: (n,) uint8 numbers in `palette`; `legend` in the order to show."""

    codes: NDArray[np.uint8]
    palette: tuple[str, ...]
    legend: tuple[Legend, ...]


def colourings(columns: Columns) -> list[str]:
    """Return what the samples of an audit can be coloured by: LABEL, FLAGGED, VERDICT, columns."""
    labelled = [LABEL, FLAGGED, VERDICT] if bool(columns.frame["given_label"].notna().any()) else []
    distances = numbers(columns.frame, "outlier_score")
    more = ["outlier_score"] if np.isfinite(distances).any() else []
    return [*labelled, *value_columns(columns.frame), *more]


def coloured(
    columns: Columns,
    by: str,
    flagged: NDArray[np.bool_],
    judged: NDArray[np.int8],
    *,
    dark: bool,
) -> Coloured:
    """Return the colours of all samples by one of `colourings`."""
    if by == LABEL and columns.classes.names:
        return _by_class(columns, dark=dark)
    if by == FLAGGED:
        codes = flagged.astype(np.uint8)
        codes[atypical(columns.frame, flagged)] = 2
        found = ("#fbbf24", "#4fbf6b") if dark else ("#d97706", "#228833")
        said = ("not flagged", "flagged", "atypical")
        return _named(codes, said, (_NONE_ON_DARK if dark else _NONE, *found))
    if by == VERDICT:
        # In the order of JUDGED: none, kept, relabelled, dropped, unsure.
        light = ("#0f766e", "#1d4ed8", "#be123c", "#b45309")
        shades = ("#2dd4bf", "#60a5fa", "#fb7185", "#fbbf24") if dark else light
        names = ("not reviewed", *(item.value for item in JUDGED[1:]))
        return _named(judged.astype(np.uint8), names, (_NONE_ON_DARK if dark else _NONE, *shades))
    return _by_number(numbers(columns.frame, "given_label" if by == LABEL else by), dark=dark)


def hidden_but(codes: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return codes in which all samples but those at `positions` are marked as not chosen."""
    marked = codes | np.uint8(HIDDEN)
    marked[positions] = codes[positions]
    return marked


def _by_class(columns: Columns, *, dark: bool) -> Coloured:
    """The most frequent classes have a colour each, the others share one."""
    given = columns.classes
    sizes = np.bincount(given.codes[given.codes >= 0], minlength=len(given.names))
    own = np.argsort(-sizes, kind="stable")[:MOST_CLASSES]
    own = own[np.argsort(np.array(given.names, dtype=object)[own].astype(str), kind="stable")]
    # The last two numbers are for the other classes and for samples without a label.
    table = np.full(len(given.names) + 1, len(own), dtype=np.uint8)
    table[own] = np.arange(len(own))
    table[-1] = len(own) + 1
    shades = (_CLASSES_ON_DARK if dark else _CLASSES)[: len(own)]
    rest, none = (_REST_ON_DARK, _NONE_ON_DARK) if dark else (_REST, _NONE)
    others = len(given.names) - len(own)
    names = (*(given.names[at] for at in own), f"{others:,} other classes", "no label")
    return _named(table[given.codes], names, (*shades, rest, none))


def _by_number(values: NDArray[np.float64], *, dark: bool) -> Coloured:
    """Groups of about the same size, from low to high; missing values have a colour of their own.

    Equal groups show the order of values however skewed they are.
    """
    shades = _RISING[1:] if dark else _RISING[:-1]
    finite = np.isfinite(values)
    none = _NONE_ON_DARK if dark else _NONE
    codes = np.full(len(values), len(shades), dtype=np.uint8)
    if not finite.any():
        return _named(codes, ("no value",), (none,) * (len(shades) + 1), first=len(shades))
    known = values[finite]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, len(shades) + 1)))
    group = np.searchsorted(edges[1:-1], known, side="right")
    # Few distinct values make fewer groups: they take shades over the whole range.
    spread = np.linspace(0, len(shades) - 1, max(len(edges) - 1, 1)).round().astype(np.uint8)
    codes[finite] = spread[group]
    words = {}
    for at in np.flatnonzero(np.bincount(group)):
        inside = known[group == at]
        ends = number_text(float(inside.min())), number_text(float(inside.max()))
        words[int(spread[at])] = ends[0] if ends[0] == ends[1] else " to ".join(ends)
    names = [words.get(code, "") for code in range(len(shades))]
    return _named(codes, (*names, "no value"), (*shades, none))


def _named(
    codes: NDArray[np.uint8], names: Sequence[str], palette: Sequence[str], first: int = 0
) -> Coloured:
    """Return colours with a legend of those that occur."""
    sizes = np.bincount(codes, minlength=len(palette))
    legend = tuple(
        Legend(code, name, f"{sizes[code]:,}")
        for code, name in enumerate(names, first)
        if sizes[code]
    )
    return Coloured(np.asarray(codes, dtype=np.uint8), tuple(palette), legend)
