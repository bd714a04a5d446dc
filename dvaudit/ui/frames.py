"""Tables of the workspace, read once per process and shared by all pages.

They are cached under strings that change when the content does, never under a table: Streamlit
hashes large tables by a sample of their rows and returns stale results. What comes back is
shared; callers do not change it.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dvaudit.store import DatasetRecord, RunRecord, Workspace


def findings(ws: Workspace, run: RunRecord) -> pd.DataFrame:
    """Return one row per sample in dataset order, as the audit left them."""
    return _findings(ws, str(ws.root), run.id, _stamp(run))


def summary(ws: Workspace, run: RunRecord) -> dict[str, Any]:
    """Return the audit's record: estimated error rate, notes, settings."""
    return _summary(ws, str(ws.root), run.id, _stamp(run))


def features(ws: Workspace, dataset: DatasetRecord) -> pd.DataFrame:
    """Return the dataset's own columns, one row per sample; no columns for plain images."""
    return _features(ws, str(ws.root), dataset.id, dataset.fingerprint or "")


def _stamp(run: RunRecord) -> str:
    """A resumed run keeps its identifier; the time it finished tells its results apart."""
    return f"{run.attempt}/{run.finished}"


@st.cache_resource(max_entries=4, show_spinner=False)
def _findings(_ws: Workspace, root: str, run_id: str, stamp: str) -> pd.DataFrame:
    return _ws.run_samples(run_id)


@st.cache_resource(max_entries=8, show_spinner=False)
def _summary(_ws: Workspace, root: str, run_id: str, stamp: str) -> dict[str, Any]:
    return _ws.run_summary(run_id)


@st.cache_resource(max_entries=4, show_spinner=False)
def _features(_ws: Workspace, root: str, dataset_id: str, fingerprint: str) -> pd.DataFrame:
    own = {"position", "id", "label", "group", "hash"}
    frame = _ws.samples(dataset_id)
    return frame[[name for name in frame.columns if name not in own]]
