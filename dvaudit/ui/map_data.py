"""The embedding maps of an audit, as the pages need them; read once per process."""

from __future__ import annotations

from typing import Any

import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames

MOST_IDS = 200_000  # names of so many samples are sent to the browser, for hovering


def map_names(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> list[str]:
    """Return the names of the maps of an audit whose points are there."""
    return [made.name for made in audits.maps_of(ws, run)]


def points_of(ws: Workspace, run: RunRecord, name: str) -> NDArray[Any]:
    """Return (n, 2) the places of all samples on a map, in steps; shared, not to be changed."""
    return _points(ws, str(ws.root), run.id, f"{run.attempt}/{run.finished}", name)


def ids_of(ws: Workspace, run: RunRecord) -> bytes | None:
    """Return all ids joined by line ends, None above MOST_IDS."""
    if len(frames.findings(ws, run)) > MOST_IDS:
        return None
    return _ids(ws, str(ws.root), run.id, f"{run.attempt}/{run.finished}", run)


@st.cache_resource(max_entries=4, show_spinner=False)
def _ids(_ws: Workspace, root: str, run_id: str, stamp: str, _run: RunRecord) -> bytes:
    ids = frames.findings(_ws, _run)["id"].astype(str)
    return "\n".join(" ".join(name.split("\n")) for name in ids).encode()


@st.cache_resource(max_entries=8, show_spinner=False)
def _points(_ws: Workspace, root: str, run_id: str, stamp: str, name: str) -> NDArray[Any]:
    return audits.map_points(_ws, run_id, name)
