"""What the Compare page reads of an audit: the methods' values beside each other.

Cached as in `frames`: under strings that change when the content does; what comes back is shared,
and callers do not change it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import findings, valuators
from dvaudit.core.errors import SettingsError
from dvaudit.findings import RankIntervals, flags
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.ui import frames
from dvaudit.ui.ranking import SUSPICION, numbers, value_columns

CONSENSUS = "consensus"
MOST_REPEATS = 5
LEAST_SHARE = 0.1  # of the samples, compared where nothing is flagged

Floats = NDArray[np.float64]


def methods(frame: pd.DataFrame) -> list[str]:
    """Return the methods of a findings table, in its order."""
    return [str(name).removesuffix(".value") for name in value_columns(frame)]


def rankings(frame: pd.DataFrame) -> list[str]:
    """Return the methods, and the consensus where it is made of more than one."""
    found = methods(frame)
    return [*found, CONSENSUS] if len(detectors(frame)) > 1 else found


def detectors(frame: pd.DataFrame) -> list[str]:
    """Return the methods that the consensus is made of: those that detect mislabels."""
    return [name for name in methods(frame) if _detects_mislabels(name)]


def _detects_mislabels(name: str) -> bool:
    try:
        return valuators.lookup(name).detects_mislabels
    except SettingsError:  # of an older version
        return False


def values_of(frame: pd.DataFrame, name: str) -> Floats:
    """Return (n,) values of a method or the consensus, higher = more useful."""
    return numbers(frame, SUSPICION if name == CONSENSUS else f"{name}.value")


def usual_k(ws: Workspace, run: RunRecord) -> int:
    """Return how many of the first samples to compare: as many as are flagged, else a tenth."""
    frame = frames.findings(ws, run)
    flagged = int(flags(frame, ws.cut_off(run.id)).sum())
    return min(max(flagged or round(LEAST_SHARE * len(frame)), 1), len(frame))


def correlations(ws: Workspace, run: RunRecord) -> pd.DataFrame:
    """Return the rank correlations of all rankings of an audit."""
    return _correlations(ws, str(ws.root), run.id, _stamp(run), run)


def overlaps(ws: Workspace, run: RunRecord, k: int) -> pd.DataFrame:
    """Return the shares of the k most suspicious samples that rankings have in common."""
    return _overlaps(ws, str(ws.root), run.id, _stamp(run), k, run)


def differences(ws: Workspace, run: RunRecord, one: str, other: str) -> Floats:
    """Return (n,) how much later `one` ranks a sample than `other`, as a share of all."""
    return _differences(ws, str(ws.root), run.id, _stamp(run), one, other, run)


def shares(ws: Workspace, run: RunRecord, name: str) -> Floats:
    """Return (n,) where a ranking places samples: 0 = most suspicious, 1 = least."""
    return _shares(ws, str(ws.root), run.id, _stamp(run), name, run)


def intervals(ws: Workspace, run: RunRecord, method: str) -> RankIntervals:
    """Return the rank intervals of a method with standard errors."""
    return _intervals(ws, str(ws.root), run.id, _stamp(run), method, run)


def repeats(ws: Workspace, run: RunRecord, method: str) -> pd.DataFrame:
    """Return how a method agrees with its other runs on this data that differ in the seed alone.

    Columns audit, seed, correlation; the newest few, newest first.
    """
    rows: list[dict[str, float]] = []
    for other in ws.runs(run.dataset_id, RunKind.AUDIT):
        if len(rows) == MOST_REPEATS or not _repeats(run, other, method):
            continue
        if method not in rankings(frames.findings(ws, other)):  # it failed there
            continue
        column = values_of(frames.findings(ws, other), method)
        if len(column) == len(frames.findings(ws, run)):
            both = {"this": values_of(frames.findings(ws, run), method), "other": column}
            found = findings.rank_correlations(both)
            rows.append(
                {
                    "audit": int(other.id[1:]),
                    "seed": int(other.params.get("seed", 0)),
                    "correlation": float(found.to_numpy()[0, 1]),
                }
            )
    return pd.DataFrame(rows, columns=["audit", "seed", "correlation"])


def same_but_seed(ws: Workspace, run: RunRecord) -> list[RunRecord]:
    """Return the other audits of this data that were started like this one, with other seeds."""

    def others(one: RunRecord) -> list[object]:
        keys = ("valuators", "settings", "extractor", "extractor_settings", "trusted")
        return [one.params.get(key) or None for key in keys]

    return [
        one
        for one in ws.runs(run.dataset_id, RunKind.AUDIT)
        if one.id != run.id
        and others(one) == others(run)
        and one.params.get("seed", 0) != run.params.get("seed", 0)
    ]


def _repeats(run: RunRecord, other: RunRecord, method: str) -> bool:
    """True where another audit ran a method in the same way with another seed."""

    def asked(one: RunRecord) -> list[object]:
        params = one.params
        extractor = [params.get("extractor"), params.get("extractor_settings") or {}]
        return [params.get("settings", {}).get(method), params.get("trusted"), *extractor]

    return (
        other.id != run.id
        and other.status is RunStatus.DONE
        and method in other.params.get("valuators", ())
        and other.params.get("seed", 0) != run.params.get("seed", 0)
        and asked(other) == asked(run)
    )


def _stamp(run: RunRecord) -> str:
    """A resumed run keeps its identifier; the time it finished tells its results apart."""
    return f"{run.attempt}/{run.finished}"


def _columns(ws: Workspace, run: RunRecord) -> dict[str, Floats]:
    frame = frames.findings(ws, run)
    return {name: values_of(frame, name) for name in rankings(frame)}


@st.cache_resource(max_entries=8, show_spinner=False)
def _correlations(
    _ws: Workspace, root: str, run_id: str, stamp: str, _run: RunRecord
) -> pd.DataFrame:
    return findings.rank_correlations(_columns(_ws, _run))


@st.cache_resource(max_entries=32, show_spinner=False)
def _overlaps(
    _ws: Workspace, root: str, run_id: str, stamp: str, k: int, _run: RunRecord
) -> pd.DataFrame:
    return findings.overlaps(_columns(_ws, _run), k)


@st.cache_resource(max_entries=8, show_spinner=False)
def _differences(
    _ws: Workspace, root: str, run_id: str, stamp: str, one: str, other: str, _run: RunRecord
) -> Floats:
    return shares(_ws, _run, one) - shares(_ws, _run, other)


@st.cache_resource(max_entries=16, show_spinner=False)
def _shares(
    _ws: Workspace, root: str, run_id: str, stamp: str, name: str, _run: RunRecord
) -> Floats:
    return findings.rank_shares(values_of(frames.findings(_ws, _run), name))


@st.cache_resource(max_entries=8, show_spinner=False)
def _intervals(
    _ws: Workspace, root: str, run_id: str, stamp: str, method: str, _run: RunRecord
) -> RankIntervals:
    frame = frames.findings(_ws, _run)
    return findings.rank_intervals(values_of(frame, method), numbers(frame, f"{method}.std_error"))
