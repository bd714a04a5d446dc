"""The adjustable cut-off. It is kept with the audit, so that every page and file follows it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.findings import CutBy, CutOff, flags
from dvaudit.store import RunRecord, Workspace
from dvaudit.ui.ranking import numbers
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.words import count

_WORDS = {CutBy.METHODS: "Methods", CutBy.RANK: "Rank", CutBy.MARGIN: "Margin"}


def choose_cut_off(ws: Workspace, run: RunRecord, frame: pd.DataFrame) -> CutOff:
    """Draw the cut-off's controls and return what is chosen; a change is stored at once."""
    cut = ws.cut_off(run.id)
    # The widgets show what is stored, and change it in callbacks: another tab may have moved it.
    st.session_state[_key(CutBy.METHODS, run.id)] = cut.by.value
    st.segmented_control(
        "Cut-off",
        [way.value for way in CutBy],
        format_func=lambda way: _WORDS[CutBy(way)],
        key=_key(CutBy.METHODS, run.id),
        on_change=_switch,
        args=(ws, run.id, frame),
        required=True,
        width="stretch",
        help="What counts as flagged: the methods' own call, the most suspicious ranks, or a "
        "margin by which another label must win. It applies to every page and every file.",
    )
    if cut.by is CutBy.RANK:
        _rank(ws, run.id, frame, cut)
    elif cut.by is CutBy.MARGIN:
        _margin(ws, run.id, frame, cut)
    if cut.by is not CutBy.METHODS:
        st.caption(f"{count(int(flags(frame, cut).sum()), 'sample')} above the cut-off")
    return cut


def _key(by: CutBy, run_id: str) -> str:
    """Return the key of a widget: `METHODS` for the choice of the rule, else its slider."""
    return f"cut_{by.value}_{run_id}"


def _switch(ws: Workspace, run_id: str, frame: pd.DataFrame) -> None:
    """Take another rule, starting where the methods' own flags end."""
    by = CutBy(st.session_state[_key(CutBy.METHODS, run_id)])
    start = int(flags(frame, CutOff()).sum())
    with refusals_shown():
        audits.set_cut_off(ws, run_id, CutOff(by, rank=start if by is CutBy.RANK else 0))


def _move(ws: Workspace, run_id: str, by: CutBy) -> None:
    place = st.session_state[_key(by, run_id)]
    cut = CutOff(by, rank=int(place)) if by is CutBy.RANK else CutOff(by, margin=float(place))
    with refusals_shown():
        audits.set_cut_off(ws, run_id, cut)


def _rank(ws: Workspace, run_id: str, frame: pd.DataFrame, cut: CutOff) -> None:
    ranked = int(np.isfinite(numbers(frame, "suspicion_rank")).sum())
    if ranked < 2:
        return
    st.session_state[_key(CutBy.RANK, run_id)] = min(max(cut.rank, 0), ranked)
    st.slider(
        "Most suspicious samples",
        0,
        ranked,
        key=_key(CutBy.RANK, run_id),
        on_change=_move,
        args=(ws, run_id, CutBy.RANK),
    )


def _margin(ws: Workspace, run_id: str, frame: pd.DataFrame, cut: CutOff) -> None:
    margins = numbers(frame, "margin")
    margins = margins[np.isfinite(margins)]
    if not len(margins) or margins.min() == margins.max():
        st.caption("This audit has no margins to choose by.")
        return
    low, high = float(margins.min()), float(margins.max())
    st.session_state[_key(CutBy.MARGIN, run_id)] = min(max(cut.margin, low), high)
    st.slider(
        "Another label wins by more than",
        low,
        high,
        step=(high - low) / 200,
        format="%.3f",
        key=_key(CutBy.MARGIN, run_id),
        on_change=_move,
        args=(ws, run_id, CutBy.MARGIN),
    )
