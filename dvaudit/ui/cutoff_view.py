"""The adjustable cut-off, shared by the pages that rank and review."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit.ui.ranking import CutBy, CutOff, flags, numbers
from dvaudit.ui.words import count

_WORDS = {CutBy.METHODS: "Methods", CutBy.RANK: "Rank", CutBy.MARGIN: "Margin"}
_STATE = "cut_off"


def cut_off(run_id: str) -> CutOff:
    """Return the cut-off chosen for an audit in this tab; the methods' own flags by default."""
    held = st.session_state.get(_STATE, {})
    if held.get("run") != run_id:
        return CutOff()
    return CutOff(CutBy(held["by"]), int(held["rank"]), float(held["margin"]))


def choose_cut_off(run_id: str, frame: pd.DataFrame) -> CutOff:
    """Draw the cut-off's controls and return what is chosen; it stays while the tab is open."""
    chosen = cut_off(run_id)
    if f"cut_by_{run_id}" not in st.session_state:
        st.session_state[f"cut_by_{run_id}"] = chosen.by
    by = st.segmented_control(
        "Cut-off",
        list(CutBy),
        format_func=lambda way: _WORDS[way],
        key=f"cut_by_{run_id}",
        required=True,
        width="stretch",
        help="What counts as flagged: the methods' own call, the most suspicious ranks, or a "
        "margin by which another label must win.",
    )
    by = CutBy(by or CutBy.METHODS)
    rank, margin = chosen.rank, chosen.margin
    if by is CutBy.RANK:
        rank = _rank(run_id, frame, chosen)
    elif by is CutBy.MARGIN:
        margin = _margin(run_id, frame, chosen)
    now = CutOff(by, rank, margin)
    st.session_state[_STATE] = {
        "run": run_id, "by": by.value, "rank": rank, "margin": margin,
    }  # fmt: skip
    if by is not CutBy.METHODS:
        st.caption(f"{count(int(flags(frame, now).sum()), 'sample')} above the cut-off")
    return now


def _rank(run_id: str, frame: pd.DataFrame, chosen: CutOff) -> int:
    ranked = int(np.isfinite(numbers(frame, "suspicion_rank")).sum())
    if ranked < 2:
        return ranked
    start = chosen.rank or int(flags(frame, CutOff()).sum())
    return int(
        st.slider(
            "Most suspicious samples",
            0,
            ranked,
            min(max(start, 0), ranked),
            key=f"cut_rank_{run_id}",
            persist_state="session",
        )
    )


def _margin(run_id: str, frame: pd.DataFrame, chosen: CutOff) -> float:
    margins = numbers(frame, "margin")
    margins = margins[np.isfinite(margins)]
    if not len(margins) or margins.min() == margins.max():
        st.caption("This audit has no margins to choose by.")
        return 0.0
    low, high = float(margins.min()), float(margins.max())
    return float(
        st.slider(
            "Another label wins by more than",
            low,
            high,
            min(max(chosen.margin, low), high),
            step=(high - low) / 200,
            format="%.3f",
            key=f"cut_margin_{run_id}",
            persist_state="session",
        )
    )
