"""Values over training of a finished audit, read and summed up once per process.

Cached as in `frames`: under strings that change when the content does; what comes back is shared,
and callers do not change it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.core.cut_off import CutOff
from dvaudit.dynamics import StoredTrace
from dvaudit.findings import flags
from dvaudit.store import RunRecord, Workspace
from dvaudit.ui import dynamics_maths as maths
from dvaudit.ui import frames
from dvaudit.ui.ranking import numbers


def methods(ws: Workspace, run: RunRecord) -> list[str]:
    """Return the methods of an audit that followed a training."""
    return _methods(ws, str(ws.root), run.id, _stamp(run))


def trace(ws: Workspace, run: RunRecord, method: str) -> StoredTrace:
    """Return the values over the training of a method."""
    return _trace(ws, str(ws.root), run.id, _stamp(run), method)


def spread(ws: Workspace, run: RunRecord, method: str, cut: CutOff) -> pd.DataFrame:
    """Return `dynamics_maths.spread` of a method, flagged by this cut-off."""
    return _spread(ws, str(ws.root), run.id, _stamp(run), method, repr(cut), run, cut)


def band(ws: Workspace, run: RunRecord, method: str, label: str | None) -> pd.DataFrame:
    """Return `dynamics_maths.band` of the samples with this given label, None for all."""
    return _band(ws, str(ws.root), run.id, _stamp(run), method, label, run)


def lowest_first(ws: Workspace, run: RunRecord, method: str) -> NDArray[np.int64]:
    """Return the positions of the samples that a method valued, lowest value first."""
    return _lowest_first(ws, str(ws.root), run.id, _stamp(run), method, run)


def phases(ws: Workspace, run: RunRecord) -> pd.DataFrame | None:
    """Return dvemb's influence by epoch; None where it was not run."""
    return _phases(ws, str(ws.root), run.id, _stamp(run))


def _stamp(run: RunRecord) -> str:
    """A resumed run keeps its identifier; the time it finished tells its results apart."""
    return f"{run.attempt}/{run.finished}"


@st.cache_resource(max_entries=16, show_spinner=False)
def _methods(_ws: Workspace, root: str, run_id: str, stamp: str) -> list[str]:
    return audits.traced(_ws, run_id)


@st.cache_resource(max_entries=8, show_spinner=False)
def _trace(_ws: Workspace, root: str, run_id: str, stamp: str, method: str) -> StoredTrace:
    return audits.trace_of(_ws, run_id, method)


@st.cache_resource(max_entries=16, show_spinner="Reading the values over training")
def _spread(
    _ws: Workspace,
    root: str,
    run_id: str,
    stamp: str,
    method: str,
    cut_text: str,
    _run: RunRecord,
    _cut: CutOff,
) -> pd.DataFrame:
    flagged = flags(frames.findings(_ws, _run), _cut)
    return maths.spread(trace(_ws, _run, method), flagged)


@st.cache_resource(max_entries=64, show_spinner=False)
def _band(
    _ws: Workspace,
    root: str,
    run_id: str,
    stamp: str,
    method: str,
    label: str | None,
    _run: RunRecord,
) -> pd.DataFrame:
    rows = None
    if label is not None:
        given = frames.findings(_ws, _run)["given_label"]
        rows = np.flatnonzero((given == label).fillna(False).to_numpy(dtype=bool))
    return maths.band(trace(_ws, _run, method), rows)


@st.cache_resource(max_entries=8, show_spinner=False)
def _lowest_first(
    _ws: Workspace, root: str, run_id: str, stamp: str, method: str, _run: RunRecord
) -> NDArray[np.int64]:
    values = numbers(frames.findings(_ws, _run), f"{method}.value")
    valued = np.flatnonzero(np.isfinite(values))
    return valued[np.argsort(values[valued], kind="stable")]


@st.cache_resource(max_entries=8, show_spinner=False)
def _phases(_ws: Workspace, root: str, run_id: str, stamp: str) -> pd.DataFrame | None:
    return audits.phases_of(_ws, run_id)
