"""Which samples a person sees, and in which order: filters on arrays."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.places import places_of
from dvaudit.findings import atypical
from dvaudit.ui.map_regions import Lasso, inside

SUSPICION, OUTLIER_SCORE = "suspicion_rank", "outlier_score"
# Where a high number is the suspicious end.
HIGH_IS_SUSPICIOUS = ("margin", OUTLIER_SCORE)


class Show(StrEnum):
    """Which kind of finding to show."""

    ALL = "all"
    FLAGGED = "flagged"
    ATYPICAL = "atypical"
    REVIEWED = "reviewed"
    DUPLICATES = "duplicates"
    CONFLICTS = "conflicts"
    OUTLIERS = "outliers"


class Judged(StrEnum):
    """What was decided about a sample."""

    NONE = "none"
    KEPT = "kept"
    RELABELLED = "relabelled"
    DROPPED = "dropped"
    UNSURE = "unsure"


JUDGED = tuple(Judged)
_CODES = {
    Verdict.KEEP: JUDGED.index(Judged.KEPT),
    Verdict.RELABEL: JUDGED.index(Judged.RELABELLED),
    Verdict.DROP: JUDGED.index(Judged.DROPPED),
    Verdict.UNSURE: JUDGED.index(Judged.UNSURE),
}


@dataclass(frozen=True)
class Filter:
    """What to show, and in which order. An empty choice means all; parts are joined by "and".

    Attributes:
        classes: given labels.
        verdicts: what was decided.
        groups: contributors.
        splits: parts of the data, such as train and test.
        find: part of an id or of a cell, in any case.
        within: a column and the [low, high) range of its values.
        pair: given and suggested label.
        lasso: a region of an embedding map.
        column: sorts, the suspicious end first unless `least`.
    """

    show: Show = Show.ALL
    classes: tuple[str, ...] = ()
    verdicts: tuple[Judged, ...] = ()
    groups: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    find: str = ""
    within: tuple[str, float, float] | None = None
    pair: tuple[str, str] | None = None
    lasso: Lasso | None = None
    column: str = SUSPICION
    least: bool = False

    @property
    def descending(self) -> bool:
        """Whether the highest numbers come first."""
        return (self.column in HIGH_IS_SUSPICIOUS) != self.least


@dataclass(frozen=True, eq=False)
class Codes:
    """A column of names as numbers: `codes` (n,) index `names`, -1 where it is missing."""

    names: tuple[str, ...]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, column: pd.Series) -> Codes:
        """Number the distinct texts of a column in order of appearance; empty ones are missing."""
        codes, found = pd.factorize(column)
        names = tuple(str(name) for name in found)
        numbered = codes.astype(np.int32)
        if "" in names:
            numbered[codes == names.index("")] = -1
        return cls(names, numbered)

    def among(self, wanted: Collection[str]) -> NDArray[np.bool_]:
        """Return (n,) which entries are one of `wanted`."""
        # The last entry answers for -1.
        answer = np.array([name in wanted for name in self.names] + [False], dtype=bool)
        return np.asarray(answer[self.codes])


@dataclass(frozen=True, eq=False)
class Columns:
    """What filters look at, of n samples in dataset order; made once for an audit.

    Attributes:
        frame: the findings.
        classes, suggested: labels of a classification; no names otherwise.
        groups: contributors; no names where there are none.
        splits: parts of the data; None where no column tells them.
        search: returns (n,) which samples hold a text in their id or a cell, in any case.
        labelled: whether the data has labels.
    """

    frame: pd.DataFrame
    classes: Codes
    suggested: Codes
    groups: Codes
    splits: Codes | None
    search: Callable[[str], NDArray[np.bool_]]
    labelled: bool = True
    _orders: dict[tuple[str, bool], NDArray[np.int64]] = field(default_factory=dict, repr=False)

    @cached_property
    def ranked(self) -> bool:
        """Whether samples have a rank of suspicion; not where no method ranks them."""
        return _any_finite(self.frame, SUSPICION)

    def order(self, column: str, descending: bool) -> NDArray[np.int64]:
        """Return all positions sorted by a column; missing values last, ties in input order.

        Where there are no ranks, the first method's values take their place.
        """
        known = self._orders.get((column, descending))
        if known is None:
            unranked = column == SUSPICION and not self.ranked
            first = value_columns(self.frame)[:1] if unranked else []
            values = numbers(self.frame, first[0] if first else column)
            known = _ordered(-values if descending else values)
            self._orders[column, descending] = known
        return known

    def judged(self, decisions: Mapping[str, Decision]) -> NDArray[np.int8]:
        """Return (n,) what was decided of each sample, as an index into JUDGED."""
        found = np.zeros(len(self.frame), dtype=np.int8)
        if decisions:
            at = places_of(self.frame).find(list(decisions))
            codes = [_CODES[decision.verdict] for decision in decisions.values()]
            found[at[at >= 0]] = np.array(codes, dtype=np.int8)[at >= 0]
        return found


def _ordered(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the stable order of values, NaN last; ranks 1, 2, ... are only put in their places."""
    there = np.flatnonzero(np.isfinite(values))
    places = values[there].astype(np.int64) - 1
    missing = np.flatnonzero(np.isnan(values))
    within = len(there) and places.min() >= 0 and places.max() < len(there)
    if (
        not within
        or len(there) + len(missing) < len(values)
        or (places + 1 != values[there]).any()
        or (np.bincount(places) != 1).any()
    ):
        return np.argsort(values, kind="stable")
    known = np.empty(len(values), dtype=np.int64)
    known[places], known[len(there) :] = there, missing
    return known


def numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return (n,) a column as floats, NaN where it is missing or the table has no such column."""
    if column not in frame:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def select(
    columns: Columns,
    flagged: NDArray[np.bool_],
    wanted: Filter,
    judged: NDArray[np.int8],
    points: NDArray[Any] | None = None,
) -> NDArray[np.int64]:
    """Return the positions to show, in order; ties and missing values keep input order, last.

    Args:
        flagged: (n,) which samples lie above the cut-off.
        judged: (n,) of Columns.judged.
        points: (n, 2) the map that the lasso was drawn on; needed where there is one.
    """
    frame = columns.frame
    keep = _shown(frame, flagged, wanted.show, judged)
    named = (
        (columns.classes, wanted.classes),
        (columns.groups, wanted.groups),
        (columns.splits, wanted.splits),
    )
    for codes, names in named:
        if names and codes is not None:
            keep &= codes.among(names)
    if wanted.verdicts:
        keep &= np.isin(judged, [JUDGED.index(verdict) for verdict in wanted.verdicts])
    if wanted.pair is not None:
        given, suggested = wanted.pair
        keep &= columns.classes.among((given,)) & columns.suggested.among((suggested,))
    if wanted.find:
        keep &= columns.search(wanted.find)
    if wanted.within is not None:
        column, low, high = wanted.within
        values = numbers(frame, column)
        keep &= (values >= low) & (values < high)
    if wanted.lasso is not None and points is not None:
        keep &= inside(points, wanted.lasso.polygon)
    order = columns.order(wanted.column, wanted.descending)
    return np.asarray(order[keep[order]])


def _shown(
    frame: pd.DataFrame, flagged: NDArray[np.bool_], show: Show, judged: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Return (n,) which samples are of a kind, in an array of its own."""
    if show is Show.FLAGGED:
        return flagged.copy()
    if show is Show.ATYPICAL:
        return atypical(frame, flagged)
    if show is Show.REVIEWED:
        return judged > 0
    if show is Show.DUPLICATES:
        return np.array(frame["duplicate_group"].notna(), dtype=bool)
    column = {Show.CONFLICTS: "duplicate_conflict", Show.OUTLIERS: "outlier"}.get(show)
    if column is None:
        return np.ones(len(frame), dtype=bool)
    return np.array(frame[column].fillna(False), dtype=bool)


def value_columns(frame: pd.DataFrame) -> list[str]:
    """Return the value column of each method in a findings table, in its order."""
    return [name for name in frame.columns if str(name).endswith(".value")]


def sort_columns(frame: pd.DataFrame, *, labelled: bool = True) -> list[str]:
    """Return the columns that samples can be sorted by and filtered by a range of.

    The first one is the order at first: suspicion; without labels the distance to others, since
    outliers and duplicates are what such an audit finds, and a method's order says nothing of them.
    """
    high = [name for name in HIGH_IS_SUSPICIOUS if _any_finite(frame, name)]
    if not labelled and OUTLIER_SCORE in high:
        return [OUTLIER_SCORE, *value_columns(frame)]
    return [SUSPICION, *value_columns(frame), *high]


def _any_finite(frame: pd.DataFrame, column: str) -> bool:
    return bool(np.isfinite(numbers(frame, column)).any())
