"""Which samples a person sees, and in which order: filters on arrays."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.decisions import Decision
from dvaudit.findings import atypical

SUSPICION = "suspicion_rank"


class Show(StrEnum):
    """Which kind of finding to show."""

    ALL = "all"
    FLAGGED = "flagged"
    ATYPICAL = "atypical"
    REVIEWED = "reviewed"
    DUPLICATES = "duplicates"
    CONFLICTS = "conflicts"
    OUTLIERS = "outliers"


@dataclass(frozen=True)
class Filter:
    """What to show. `column` sorts, lowest first unless `descending`.

    `classes` empty means all; `find` is part of an id, in any case; `within` is a column and the
    [low, high) range of its values.
    """

    show: Show = Show.ALL
    classes: tuple[str, ...] = ()
    find: str = ""
    column: str = SUSPICION
    descending: bool = False
    within: tuple[str, float, float] | None = None


def numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return (n,) a column as floats, NaN where it is missing or the table has no such column."""
    if column not in frame:
        return np.full(len(frame), np.nan)
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def select(
    frame: pd.DataFrame,
    flagged: NDArray[np.bool_],
    wanted: Filter,
    decided: Collection[str] = (),
) -> NDArray[np.int64]:
    """Return the positions to show, in order; ties and missing values keep input order, last."""
    keep = _shown(frame, flagged, wanted.show, decided)
    if wanted.classes:
        keep = keep & frame["given_label"].isin(wanted.classes).to_numpy(dtype=bool)
    if wanted.find:
        text = frame["id"].astype(str).str
        keep = keep & text.contains(wanted.find, case=False, regex=False).to_numpy(dtype=bool)
    if wanted.within is not None:
        column, low, high = wanted.within
        values = numbers(frame, column)
        keep = keep & (values >= low) & (values < high)
    positions = np.flatnonzero(keep)
    order = numbers(frame, wanted.column)[positions]
    return positions[np.argsort(-order if wanted.descending else order, kind="stable")]


def _shown(
    frame: pd.DataFrame, flagged: NDArray[np.bool_], show: Show, decided: Collection[str]
) -> NDArray[np.bool_]:
    if show is Show.FLAGGED:
        return flagged.copy()
    if show is Show.ATYPICAL:
        return atypical(frame, flagged)
    if show is Show.REVIEWED:
        return frame["id"].isin(list(decided)).to_numpy(dtype=bool)
    if show is Show.DUPLICATES:
        return frame["duplicate_group"].notna().to_numpy(dtype=bool)
    column = {Show.CONFLICTS: "duplicate_conflict", Show.OUTLIERS: "outlier"}.get(show)
    if column is None:
        return np.ones(len(frame), dtype=bool)
    return frame[column].fillna(False).to_numpy(dtype=bool)


def value_columns(frame: pd.DataFrame) -> list[str]:
    """Return the value column of each method in a findings table, in its order."""
    return [name for name in frame.columns if str(name).endswith(".value")]


def review_queue(
    frame: pd.DataFrame,
    flagged: NDArray[np.bool_],
    decisions: Mapping[str, Decision],
    *,
    every: bool = False,
    reviewed: bool = False,
    here: Collection[str] = (),
) -> NDArray[np.int64]:
    """Return the positions to review, flagged ones first, each part most suspicious first.

    Args:
        every: go on with the samples that are not flagged; unlabelled ones are never asked about.
        reviewed: also those with a verdict already.
        here: ids decided since the queue was opened: they stay, so that one can go back to them.
    """
    ranks = numbers(frame, SUSPICION)
    keep = np.isfinite(ranks) & (flagged | every)
    if not reviewed:
        done = frame["id"].isin(set(decisions) - set(here)).to_numpy(dtype=bool)
        keep &= ~done
    positions = np.flatnonzero(keep)
    return positions[np.lexsort((ranks[positions], ~flagged[positions]))]
