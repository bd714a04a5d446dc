"""Tables of the workspace, read once per process and shared by all pages.

They are cached under strings that change when the content does, never under a table: Streamlit
hashes large tables by a sample of their rows and returns stale results. What comes back is
shared; callers do not change it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui.sample_facts import text_or_none


def findings(ws: Workspace, run: RunRecord) -> pd.DataFrame:
    """Return one row per sample in dataset order, as the audit left them."""
    return _findings(ws, str(ws.root), run.id, _stamp(run))


def summary(ws: Workspace, run: RunRecord) -> dict[str, Any]:
    """Return the audit's record: estimated error rate, notes, settings."""
    return _summary(ws, str(ws.root), run.id, _stamp(run))


def features(ws: Workspace, dataset: DatasetRecord) -> pd.DataFrame:
    """Return the dataset's own columns, one row per sample; no columns for plain images."""
    return _features(ws, str(ws.root), dataset.id, dataset.fingerprint or "")


def tables(ws: Workspace, run: RunRecord, name: str) -> pd.DataFrame:
    """Return one of the audit's further tables: classes, confusions, duplicates."""
    return _tables(ws, str(ws.root), run.id, _stamp(run), name)


def samples(ws: Workspace, dataset: DatasetRecord) -> pd.DataFrame:
    """Return the dataset as imported, one row per sample: id, label and more."""
    return _dataset(ws, str(ws.root), dataset.id, dataset.fingerprint or "")


def groups(ws: Workspace, dataset: DatasetRecord) -> pd.Series:
    """Return the contributor of each sample, missing where there is none."""
    return _dataset(ws, str(ws.root), dataset.id, dataset.fingerprint or "")["group"]


@dataclass(frozen=True)
class Neighbour:
    """A sample near another one; `angle` in radians, `same` when it has the same given label."""

    position: int
    id: str
    label: str | None
    angle: float
    same: bool


def neighbours(ws: Workspace, run: RunRecord, position: int, most: int) -> list[Neighbour]:
    """Return the `most` nearest samples with the same label, then the `most` with other labels.

    For regression, where labels do not form classes, the nearest of all count as the same.
    """
    return _neighbours(ws, str(ws.root), run.id, _stamp(run), position, most, run)


@st.cache_resource(max_entries=5000, show_spinner=False)
def _neighbours(
    _ws: Workspace, root: str, run_id: str, stamp: str, position: int, most: int, _run: RunRecord
) -> list[Neighbour]:
    rows = _ws.run_neighbours(run_id, position)
    frame = findings(_ws, _run)
    found = []
    for side in ("same", "other"):
        pairs = zip(rows[f"{side}_index"], rows[f"{side}_distance"], strict=True)
        for at, angle in list(pairs)[:most]:
            if at >= 0:
                label = text_or_none(frame["given_label"].iat[at])
                name = str(frame["id"].iat[at])
                found.append(Neighbour(int(at), name, label, float(angle), side == "same"))
    return found


def _stamp(run: RunRecord) -> str:
    """A resumed run keeps its identifier; the time it finished tells its results apart."""
    return f"{run.attempt}/{run.finished}"


@st.cache_resource(max_entries=4, show_spinner=False)
def _findings(_ws: Workspace, root: str, run_id: str, stamp: str) -> pd.DataFrame:
    return _ws.run_samples(run_id)


@st.cache_resource(max_entries=8, show_spinner=False)
def _summary(_ws: Workspace, root: str, run_id: str, stamp: str) -> dict[str, Any]:
    return _ws.run_summary(run_id)


@st.cache_resource(max_entries=12, show_spinner=False)
def _tables(_ws: Workspace, root: str, run_id: str, stamp: str, name: str) -> pd.DataFrame:
    return _ws.run_table(run_id, name)


@st.cache_resource(max_entries=4, show_spinner=False)
def _features(_ws: Workspace, root: str, dataset_id: str, fingerprint: str) -> pd.DataFrame:
    own = {"position", "id", "label", "group", "hash"}
    frame = _dataset(_ws, root, dataset_id, fingerprint)
    return frame[[name for name in frame.columns if name not in own]]


@st.cache_resource(max_entries=4, show_spinner=False)
def _dataset(_ws: Workspace, root: str, dataset_id: str, fingerprint: str) -> pd.DataFrame:
    return _ws.samples(dataset_id)
