"""The state of a dataset's review, kept once per process and brought up to date when asked for."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.places import places_of
from dvaudit.findings.board import Board
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames


def review_board(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> Board:
    """Return what the verdicts on a dataset amount to now; `run` is any finished audit of it."""
    created = dataset.created.timestamp()
    board = _board(
        str(ws.root), dataset.id, created, dataset.fingerprint or "", frames.findings(ws, run)
    )
    return audits.bring_up_to_date(ws, dataset.id, board)


@st.cache_resource(max_entries=4, show_spinner=False)
def _board(
    root: str, dataset_id: str, created: float, fingerprint: str, _frame: pd.DataFrame
) -> Board:
    return Board(places_of(_frame))
