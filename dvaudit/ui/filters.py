"""The one filter that all views of an audit share, kept in the address of the page.

A link opens the same view. Widgets show what the address says and change it in callbacks, with one
update each: every change of the address is a step of the browser's Back button.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.core.decisions import Decision
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui.addressed import in_address
from dvaudit.ui.filter_address import KEYS, Known, address_of, read_address
from dvaudit.ui.filter_columns import columns_of
from dvaudit.ui.map_data import map_names, points_of
from dvaudit.ui.ranking import Columns, Filter, select, sort_columns

PAGE, SAMPLE = "page", "sample"


def current(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord
) -> tuple[Filter, tuple[str, ...]]:
    """Return the filter of the address, and in words what of the address had to be ignored."""
    columns = columns_of(ws, dataset, run)
    given = {key: st.query_params.get_all(key) for key in KEYS}
    return read_address(given, known_names(ws, dataset, run, columns))


def known_names(ws: Workspace, dataset: DatasetRecord, run: RunRecord, columns: Columns) -> Known:
    """Return what a filter can name in an audit."""
    return Known(
        classes=(*dataset.class_names, *columns.suggested.names),
        groups=columns.groups.names,
        splits=() if columns.splits is None else columns.splits.names,
        columns=sort_columns(columns.frame, labelled=columns.labelled),
        maps=map_names(ws, dataset, run),
    )


def selected_positions(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, frame: pd.DataFrame
) -> NDArray[np.int64]:
    """Return the positions of the samples that pass the filter of the address, in its order.

    Args:
        frame: the findings of `run`.
    """
    wanted, _ = current(ws, dataset, run)
    return selected(ws, dataset, run, wanted).positions


@dataclass(frozen=True, eq=False)
class Selected:
    """The samples that pass a filter.

    Attributes:
        positions: of the samples, in the order of the filter.
        flagged: (n,) which of all samples lie above the cut-off.
        decisions: the standing verdicts by id.
        judged: (n,) of Columns.judged.
    """

    wanted: Filter
    positions: NDArray[np.int64]
    flagged: NDArray[np.bool_]
    decisions: Mapping[str, Decision]
    judged: NDArray[np.int8]


def selected(ws: Workspace, dataset: DatasetRecord, run: RunRecord, wanted: Filter) -> Selected:
    """Return the samples that pass a filter, with what it looked at."""
    columns, decisions = columns_of(ws, dataset, run), audits.decisions(ws, dataset.id)
    flagged, judged = flags(columns.frame, ws.cut_off(run.id)), columns.judged(decisions)
    points = None if wanted.lasso is None else points_of(ws, run, wanted.lasso.map)
    positions = select(columns, flagged, wanted, judged, points)
    return Selected(wanted, positions, flagged, decisions, judged)


def change(wanted: Filter) -> None:
    """Put a filter into the address, on its first page, in one step; for callbacks."""
    parts = address_of(wanted)
    in_address({key: parts.get(key, []) for key in (*KEYS, PAGE, SAMPLE)})


def amend(ws: Workspace, dataset: DatasetRecord, run: RunRecord, **parts: Any) -> None:
    """Change parts of the filter that the address has now, in one step; for callbacks."""
    wanted, _ = current(ws, dataset, run)
    change(replace(wanted, **parts))


def clear(wanted: Filter) -> None:
    """Take all filters away; the order stays."""
    change(Filter(column=wanted.column, least=wanted.least))


def linked(wanted: Filter) -> dict[str, Sequence[str]]:
    """Return the address of this dataset and audit with a filter, for a link to another page."""
    return {**_others(), **address_of(wanted)}


def is_filtered(wanted: Filter) -> bool:
    """Return whether a filter leaves anything out."""
    return replace(wanted, column=Filter.column, least=False) != Filter()


def _others() -> Mapping[str, Sequence[str]]:
    """Return what else the address says, without the place in the list."""
    own = {*KEYS, PAGE, SAMPLE}
    return {key: st.query_params.get_all(key) for key in st.query_params if key not in own}
