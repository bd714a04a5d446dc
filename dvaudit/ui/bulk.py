"""One verdict for a whole selection: what it does is said in numbers before it is stored."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.core.dataset import Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import DvauditError
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui.boards import review_board
from dvaudit.ui.filters import SAMPLE
from dvaudit.ui.review_events import checked_label
from dvaudit.ui.reviewer import ask_browser, choose_reviewer, is_known, reviewer
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.words import count, plain

KEY = "bulk"
_STORED, _REFUSED, _UNDONE = f"{KEY}_stored", f"{KEY}_refused", f"{KEY}_undone"


class Bulk(StrEnum):
    """What can be done to a selection."""

    KEEP = "keep"
    ACCEPT = "accept"
    RELABEL = "relabel"
    DROP = "drop"
    UNSURE = "unsure"


_WORDS = {
    Bulk.KEEP: "Keep the labels",
    Bulk.ACCEPT: "Take the suggestions",
    Bulk.RELABEL: "Relabel to one class",
    Bulk.DROP: "Drop the samples",
    Bulk.UNSURE: "Unsure",
}


@dataclass(frozen=True, eq=False)
class Plan:
    """What a bulk verdict would do.

    Attributes:
        positions: the samples that get a verdict.
        judged: samples of the selection that have a verdict, whether left alone or not.
        without: samples left out as they have no suggestion.
    """

    positions: NDArray[np.int64]
    judged: int
    without: int


def plan(
    positions: NDArray[np.int64],
    judged: NDArray[np.bool_],
    suggests: NDArray[np.bool_],
    what: Bulk,
    *,
    again: bool,
) -> Plan:
    """Return what a bulk verdict on `positions` would do.

    Args:
        judged: (n,) samples that have a verdict.
        suggests: (n,) samples that have a suggestion.
        again: also those that have a verdict.
    """
    chosen = positions if again else positions[~judged[positions]]
    able = chosen[suggests[chosen]] if what is Bulk.ACCEPT else chosen
    return Plan(able, int(judged[positions].sum()), len(chosen) - len(able))


def decisions_of(
    frame: pd.DataFrame, positions: NDArray[np.int64], what: Bulk, label: str | None
) -> list[Decision]:
    """Return the verdict on each sample; `label` is for RELABEL only."""
    names = [str(name) for name in frame["id"].iloc[positions]]
    if what is Bulk.ACCEPT:
        labels = [str(text) for text in frame["suggested_label"].iloc[positions]]
        pairs = zip(names, labels, strict=True)
        return [Decision(name, Verdict.RELABEL, text) for name, text in pairs]
    return [Decision(name, Verdict(what.value), label) for name in names]


def bulk_verdicts(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    frame: pd.DataFrame,
    positions: NDArray[np.int64],
) -> None:
    """Draw the bulk verdicts for a selection; nothing is computed until the person opens them.

    Args:
        frame: the findings of `run`.
        positions: the selection.
    """
    told = st.session_state.pop(_STORED, None)
    if told:
        st.toast(told, icon=":material/check:")
    _undo_button(ws, dataset, run)
    box = st.popover(
        f"Judge {count(len(positions), 'sample')}",
        icon=":material/checklist:",
        disabled=not len(positions),
        key=f"{KEY}_open",
        on_change="rerun",
    )
    if box.open and len(positions):
        with box:
            _controls(ws, dataset, run, frame, positions)


@st.fragment
def _undo_button(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Draw a button that takes this person's last action back, where that was one on many."""
    if st.session_state.pop(_UNDONE, False):
        st.rerun()
    board = review_board(ws, dataset, run)
    if not is_known():
        if SAMPLE not in st.query_params and board.standing().any():  # its dialog asks too
            ask_browser(board.spelled, place=f"_{KEY}_undo")
        return
    together, rows = board.last_action(reviewer())
    if together is not None:
        st.button(
            f"Undo {count(rows, 'verdict')}",
            icon=":material/undo:",
            key=f"{KEY}_undo",
            on_click=_undo,
            args=(ws, dataset),
            help="Take back your last action, which judged these samples together.",
        )


@st.fragment
def _controls(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    frame: pd.DataFrame,
    positions: NDArray[np.int64],
) -> None:
    if _STORED in st.session_state:
        st.rerun()
    board = review_board(ws, dataset, run)
    what = Bulk(
        st.radio(
            "Verdict for all of them",
            [item.value for item in Bulk],
            format_func=lambda item: _WORDS[Bulk(item)],
            key=f"{KEY}_what",
        )
    )
    label = _label(dataset) if what is Bulk.RELABEL else None
    judged = board.standing() > 0
    there = int(judged[positions].sum())
    again = there > 0 and st.checkbox(
        f"Also the {there:,} that {'has' if there == 1 else 'have'} a verdict", key=f"{KEY}_again"
    )
    suggests = frame["suggested_label"].notna().to_numpy(dtype=bool)
    made = plan(positions, judged, suggests, what, again=again)
    st.caption(said(made, again=again))
    choose_reviewer(board.spelled, place=f"_{KEY}", ask=True)
    refused = st.session_state.pop(_REFUSED, None)
    if refused:
        st.error(plain(refused), icon=":material/error:")
    st.button(
        f"Store {count(len(made.positions), 'verdict')}",
        type="primary",
        disabled=not (len(made.positions) and is_known()) or (what is Bulk.RELABEL and not label),
        key=f"{KEY}_store",
        on_click=_store,
        args=(ws, dataset, frame, made.positions, what, label, again),
    )


def said(made: Plan, *, again: bool) -> str:
    """Return in words what a plan would do."""
    parts = [f"{count(len(made.positions), 'sample')} would get this verdict, as one action."]
    if made.judged:
        one = made.judged == 1
        there = f"{made.judged:,} {'has' if one else 'have'} a verdict already and "
        if again:
            parts.append(f"{there}{'gets' if one else 'get'} this one instead.")
        else:
            parts.append(f"{there}{'is' if one else 'are'} left alone.")
    if made.without:
        have, are = ("has", "is") if made.without == 1 else ("have", "are")
        parts.append(f"{made.without:,} {have} no suggestion and {are} left out.")
    return " ".join(parts)


def _label(dataset: DatasetRecord) -> str | None:
    if dataset.task is Task.REGRESSION:
        return st.text_input("New label, a number", key=f"{KEY}_number") or None
    return st.selectbox(
        "New label", list(dataset.class_names), key=f"{KEY}_class", format_func=plain
    )


def _store(
    ws: Workspace,
    dataset: DatasetRecord,
    frame: pd.DataFrame,
    positions: NDArray[np.int64],
    what: Bulk,
    label: str | None,
    again: bool,
) -> None:
    try:
        if what is Bulk.RELABEL:
            classes: Sequence[str] = () if dataset.task is Task.REGRESSION else dataset.class_names
            label = checked_label(label, classes)
        stored = audits.decide_many(
            ws,
            dataset.id,
            decisions_of(frame, positions, what, label),
            reviewer=reviewer(),
            event=uuid.uuid4().hex,
            only_open=not again,
        )
    except DvauditError as refusal:
        st.session_state[_REFUSED] = str(refusal)
        return
    # A popover closes once the selection's verdicts are there: the next one is a new choice.
    st.session_state[f"{KEY}_open"] = False
    st.session_state[_STORED] = f"Stored {count(stored, 'verdict')}."


def _undo(ws: Workspace, dataset: DatasetRecord) -> None:
    with refusals_shown():
        undone = audits.undo(ws, dataset.id, reviewer=reviewer())
        st.session_state[_UNDONE] = True
        st.toast(f"Took back {count(len(undone), 'verdict')}.", icon=":material/undo:")
