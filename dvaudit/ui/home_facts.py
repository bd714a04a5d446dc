"""What the home page says of a dataset, read once and kept under strings that change with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Kind
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import frames
from dvaudit.ui.components.gallery import Card
from dvaudit.ui.sample_facts import text_or_none

PICTURES, ROWS, COLUMNS = 5, 3, 5
_COUNTED_FOR = 30  # seconds that a size is kept
_OWN = ("position", "id", "label", "group", "hash")


@dataclass(frozen=True)
class Standing:
    """How far the review of an audit is.

    Attributes:
        flagged: samples above the cut-off.
        left: those of them without a verdict.
        rate: estimated share of wrong labels, None where there is no estimate; `how` it was made.
    """

    flagged: int
    left: int
    rate: float | None
    how: str


def standing(ws: Workspace, run: RunRecord, decided: Sequence[str]) -> Standing:
    """Return how far the review of a finished audit is; `decided` are ids with a verdict."""
    flagged = _flagged(ws, run)
    rate = audits.error_rate(ws, run, summary=frames.summary(ws, run))
    return Standing(len(flagged), len(flagged.difference(decided)), rate.rate, rate.how)


def dataset_bytes(ws: Workspace, record: DatasetRecord) -> int:
    """Return what a dataset's own files and exports take up."""
    return _dataset_bytes(ws, str(ws.root), record.id, record.fingerprint or record.status.value)


def run_bytes(ws: Workspace, run: RunRecord) -> int:
    """Return what a run's results and log take up."""
    return _run_bytes(ws, str(ws.root), run.id, f"{run.attempt}/{run.status}")


def cards(ws: Workspace, record: DatasetRecord) -> list[Card]:
    """Return PICTURES samples of a ready image dataset, evenly over its order."""
    return _cards(ws, str(ws.root), record.id, record.fingerprint or "")


def first_rows(ws: Workspace, record: DatasetRecord) -> pd.DataFrame:
    """Return label and first feature columns of the first samples of a ready table."""
    return _first_rows(ws, str(ws.root), record.id, record.fingerprint or "")


def finished_audit(runs: Sequence[RunRecord]) -> RunRecord | None:
    """Return the newest finished audit of `runs`, which are newest first."""
    return next((run for run in runs if run.kind == "audit" and run.status is RunStatus.DONE), None)


def _flagged(ws: Workspace, run: RunRecord) -> frozenset[str]:
    cut = ws.cut_off(run.id)
    return _flagged_ids(ws, str(ws.root), f"{run.id}/{run.attempt}/{run.finished}/{cut}", run)


@st.cache_resource(max_entries=32, show_spinner=False)
def _flagged_ids(_ws: Workspace, root: str, stamp: str, _run: RunRecord) -> frozenset[str]:
    found = _ws.run_samples(_run.id)
    return frozenset(found["id"][flags(found, _ws.cut_off(_run.id))].astype(str))


@st.cache_data(max_entries=1000, ttl=_COUNTED_FOR, show_spinner=False)
def _dataset_bytes(_ws: Workspace, root: str, dataset_id: str, stamp: str) -> int:
    return _ws.dataset_size(dataset_id)


@st.cache_data(max_entries=5000, ttl=_COUNTED_FOR, show_spinner=False)
def _run_bytes(_ws: Workspace, root: str, run_id: str, stamp: str) -> int:
    return _ws.run_size(run_id)


@st.cache_resource(max_entries=200, show_spinner=False)
def _cards(_ws: Workspace, root: str, dataset_id: str, fingerprint: str) -> list[Card]:
    samples = _ws.samples(dataset_id)
    positions = np.unique(np.linspace(0, len(samples) - 1, PICTURES).round().astype(int))
    return [
        Card(
            int(at),
            text_or_none(samples["label"].iat[at]) or "no label",
            name=str(samples["id"].iat[at]),
        )
        for at in positions
    ]


@st.cache_resource(max_entries=200, show_spinner=False)
def _first_rows(_ws: Workspace, root: str, dataset_id: str, fingerprint: str) -> pd.DataFrame:
    head = _ws.first_samples(dataset_id, ROWS)
    own = head[["label"]] if head["label"].notna().any() else head[[]]
    features = head[[name for name in head.columns if name not in _OWN][:COLUMNS]]
    return pd.concat([own, features], axis=1)


def is_pictures(record: DatasetRecord) -> bool:
    """True for a dataset whose samples have thumbnails."""
    return record.kind is Kind.IMAGE
