"""What filters look at, made once for an audit and kept: a rerun only slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.ranking import Codes, Columns, numbers

SPLIT_NAMES = ("split", "subset", "partition", "fold")
MOST_SPLITS = 24


def columns_of(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> Columns:
    """Return the columns of a finished audit that filters look at; shared, not to be changed."""
    stamp = f"{run.attempt}/{run.finished}"
    return _columns(ws, str(ws.root), run.id, stamp, dataset, run)


@st.cache_resource(max_entries=3, show_spinner="Reading the samples")
def _columns(
    _ws: Workspace,
    root: str,
    run_id: str,
    stamp: str,
    _dataset: DatasetRecord,
    _run: RunRecord,
) -> Columns:
    frame, own = frames.findings(_ws, _run), frames.features(_ws, _dataset)
    nothing = Codes((), np.full(len(frame), -1, dtype=np.int32))
    classes = _dataset.task is Task.CLASSIFICATION

    def search(text: str) -> NDArray[np.bool_]:
        return _found(_ws, root, run_id, stamp, text.casefold(), _dataset, _run)

    return Columns(
        frame=frame,
        classes=Codes.of(frame["given_label"]) if classes else nothing,
        suggested=Codes.of(frame["suggested_label"]) if classes else nothing,
        groups=Codes.of(frames.groups(_ws, _dataset)),
        splits=_splits(own),
        search=search,
        labelled=_dataset.task is not Task.UNSUPERVISED,
    )


def _splits(own: pd.DataFrame) -> Codes | None:
    """Return the column that says which part of the data a row belongs to, if one does."""
    for name in own.columns:
        if str(name).casefold() in SPLIT_NAMES:
            codes = Codes.of(own[name])
            if 1 < len(codes.names) <= MOST_SPLITS:
                return codes
    return None


@st.cache_resource(max_entries=24, show_spinner="Searching")
def _found(
    _ws: Workspace,
    root: str,
    run_id: str,
    stamp: str,
    text: str,
    _dataset: DatasetRecord,
    _run: RunRecord,
) -> NDArray[np.bool_]:
    frame = frames.findings(_ws, _run)
    given = frame["given_label"]
    if _dataset.task is Task.REGRESSION:
        given = pd.Series(numbers(frame, "given_label"))
    found = _texts(frame["id"])(text) | cell_search(given)(text)
    for look in _cells(_ws, root, _dataset.id, _dataset.fingerprint or "", _dataset):
        found |= look(text)
    return found


@st.cache_resource(max_entries=3, show_spinner="Reading the table")
def _cells(
    _ws: Workspace, root: str, dataset_id: str, fingerprint: str, _dataset: DatasetRecord
) -> list[Callable[[str], NDArray[np.bool_]]]:
    own = frames.features(_ws, _dataset)
    return [cell_search(own[name]) for name in own.columns]


def cell_search(column: pd.Series) -> Callable[[str], NDArray[np.bool_]]:
    """Return the search in a column: text holds what is looked for, a number equals it."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return _equal(column)
    return _texts(column)


def _equal(column: pd.Series) -> Callable[[str], NDArray[np.bool_]]:
    def look(text: str) -> NDArray[np.bool_]:
        try:
            wanted = float(text)
        except ValueError:
            return np.zeros(len(column), dtype=bool)
        return np.asarray(column.to_numpy(dtype=float, na_value=np.nan) == wanted)

    return look


def _texts(column: pd.Series) -> Callable[[str], NDArray[np.bool_]]:
    """Each distinct text is looked at once."""
    codes, found = pd.factorize(column)
    lower: Any = pc.utf8_lower(pa.array(found.astype(str), type=pa.string()))

    def look(text: str) -> NDArray[np.bool_]:
        hit = pc.match_substring(lower, text).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(hit, False)[codes])

    return look
