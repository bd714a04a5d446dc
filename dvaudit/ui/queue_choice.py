"""Choosing what to review; the choice is kept in the address of the page."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit.core.cut_off import CutOff
from dvaudit.findings import flags
from dvaudit.findings.board import Board
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import filters, frames
from dvaudit.ui.addressed import asked, in_address, mirrored, misread, not_followed
from dvaudit.ui.filters import selected_positions
from dvaudit.ui.review_queue import (
    Kind,
    Positions,
    Queue,
    by_disagreement,
    by_suspicion,
    ranks_of,
)
from dvaudit.ui.reviewer import reviewer
from dvaudit.ui.samples_controls import filter_words
from dvaudit.ui.words import count

QUEUE, CLASS, EVERY, REVIEWED = "queue", "queue_class", "review_every", "review_reviewed"
_CHOSEN = "queue_chosen"
_OFF, _ON = _SWITCH = ("off", "on")
_NAMED = {QUEUE: "queue", CLASS: "class", EVERY: EVERY, REVIEWED: REVIEWED}

WORDS = {
    Kind.SUSPICION: "Most suspicious",
    Kind.DISAGREEMENT: "Methods disagree",
    Kind.CLASS: "One class",
    Kind.SELECTION: "Selection on Samples",
    Kind.AUDIT: "Random audit sample",
    Kind.MINE: "My part",
    Kind.SECOND: "Second opinion",
    Kind.CONFLICTS: "Conflicts to settle",
}
SAID = {
    Kind.SUSPICION: "Flagged samples, the most suspicious first.",
    Kind.DISAGREEMENT: "Samples whose ranks by the methods lie furthest apart come first.",
    Kind.CLASS: "Flagged samples of one given class, the most suspicious first.",
    Kind.SELECTION: "The samples that the filters on the Samples page let through, in its order.",
    Kind.AUDIT: "Samples drawn at random, which speak for the whole dataset.",
    Kind.MINE: "What was shared out to you. What others say of a sample shows after your verdict.",
    Kind.SECOND: "Samples that others have judged and you have not. What they say shows after "
    "your verdict.",
    Kind.CONFLICTS: "Samples on which reviewers differ. Your verdict settles them; until then the "
    "newest one is in force.",
}


def said(ws: Workspace, dataset: DatasetRecord, run: RunRecord, kind: Kind) -> str:
    """Return what a queue holds, in Markdown, with the filters that the selection follows."""
    if kind is not Kind.SELECTION:
        return SAID[kind]
    words = filter_words(filters.current(ws, dataset, run)[0])
    return f"{SAID[kind]} {f'Filters: {words}.' if words else 'No filter is active.'}"


def choose_queue(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    board: Board,
) -> Queue:
    """Draw the choice of the queue and return it, opened."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = _choose_kind(board)
        chosen = _choose_class(dataset) if kind is Kind.CLASS else ""
        every = kind in (Kind.SUSPICION, Kind.CLASS) and _switch(
            "Go on past the flagged",
            EVERY,
            "After the flagged samples, go on with the rest in order of suspicion.",
        )
        again = kind is not Kind.CONFLICTS and _switch("Show reviewed", REVIEWED)
    not_followed([*_ignored(dataset), *filters.current(ws, dataset, run)[1]])
    return open_queue(ws, dataset, run, board, kind, chosen, every=every, reviewed=again)


def _switch(label: str, key: str, help: str | None = None) -> bool:
    """Draw a switch that the address turns on."""
    st.session_state[key] = asked(key, _SWITCH) == _ON

    def turn() -> None:
        in_address({key: [_ON] if st.session_state[key] else []})

    return st.toggle(label, key=key, on_change=turn, help=help)


def _ignored(dataset: DatasetRecord) -> list[str]:
    """Return what of the address names no queue, class or state of a switch."""
    known = {
        QUEUE: tuple(kind.value for kind in Kind),
        CLASS: dataset.class_names,
        EVERY: _SWITCH,
        REVIEWED: _SWITCH,
    }
    return [one for key, options in known.items() for one in misread(key, options, _NAMED[key])]


def _choose_kind(board: Board) -> Kind:
    """Draw the choice of where the queue comes from; the address decides."""
    kind = Kind(asked(QUEUE, list(Kind)))
    st.session_state[_CHOSEN] = kind.value

    def choose() -> None:
        go_to(Kind(st.session_state[_CHOSEN]))

    st.selectbox(
        "Queue",
        [kind.value for kind in Kind],
        format_func=lambda item: _words(Kind(item), board),
        key=_CHOSEN,
        on_change=choose,
        width=230,
    )
    return kind


def go_to(kind: Kind) -> None:
    """Put a queue into the address; for callbacks."""
    st.query_params[QUEUE] = kind.value


def _words(kind: Kind, board: Board) -> str:
    if kind is Kind.CONFLICTS:
        return f"{WORDS[kind]} ({len(board.conflicts()):,})"
    return WORDS[kind]


def _choose_class(dataset: DatasetRecord) -> str:
    names = list(dataset.class_names) or [""]
    follow = mirrored(CLASS, names)
    return (
        st.selectbox(
            "Given class",
            names,
            key=CLASS,
            on_change=follow,
            width=200,
            disabled=not dataset.class_names,
        )
        or ""
    )


def open_queue(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    board: Board,
    kind: Kind,
    given: str,
    *,
    every: bool,
    reviewed: bool,
) -> Queue:
    """Return a queue; `given` is the class of Kind.CLASS."""
    frame, basis = frames.findings(ws, run), basis_of(ws, run)
    cut = basis[0]
    stamp = f"{ws.root}/{run.id}/{run.attempt}/{run.finished}"
    ranks, flagged = _ranks(stamp, frame), _flagged(stamp, cut, frame)
    counted = None
    order = np.zeros(0, dtype=np.int64)
    if kind is Kind.SUSPICION:
        order = _suspicion(stamp, cut, every, frame)
        counted = flagged if flagged[order].any() else None  # all, where none is flagged
    elif kind is Kind.DISAGREEMENT:
        order = _disagreement(stamp, frame)
    elif kind is Kind.CLASS:
        order = _suspicion(stamp, cut, every, frame)
        same = (frame["given_label"] == given).to_numpy(dtype=bool, na_value=False)
        order = order[same[order]]
    elif kind is Kind.SELECTION:
        order = selected_positions(ws, dataset, run, frame)
    elif kind is Kind.AUDIT:
        drawn = ws.audit_sample(run.id)
        order = np.array(() if drawn is None else drawn.positions, dtype=np.int64)
    elif kind is Kind.MINE:
        order = _mine(ws, dataset, board)
    return Queue(kind, order, ranks, flagged, counted, reviewed, every, given, basis)


def basis_of(ws: Workspace, run: RunRecord) -> tuple[CutOff, int]:
    """Return what queues of an audit are made of now: Queue.basis."""
    drawn = ws.audit_sample(run.id)
    return ws.cut_off(run.id), 0 if drawn is None else len(drawn.positions)


def _mine(ws: Workspace, dataset: DatasetRecord, board: Board) -> Positions:
    made = ws.assignment(dataset.id)
    names = () if made is None else made.of(reviewer())
    if not names:
        return np.zeros(0, dtype=np.int64)
    found = board.places.find(names)
    return found[found >= 0]


@st.cache_resource(max_entries=4, show_spinner=False)
def _ranks(stamp: str, _frame: pd.DataFrame) -> NDArray[np.float64]:
    return ranks_of(_frame)


@st.cache_resource(max_entries=4, show_spinner=False)
def _flagged(stamp: str, cut: CutOff, _frame: pd.DataFrame) -> NDArray[np.bool_]:
    return flags(_frame, cut)


@st.cache_resource(max_entries=4, show_spinner=False)
def _suspicion(stamp: str, cut: CutOff, every: bool, _frame: pd.DataFrame) -> Positions:
    return by_suspicion(_ranks(stamp, _frame), _flagged(stamp, cut, _frame), every=every)


@st.cache_resource(max_entries=4, show_spinner=False)
def _disagreement(stamp: str, _frame: pd.DataFrame) -> Positions:
    return by_disagreement(_frame, _ranks(stamp, _frame))


def empty_words(queue: Queue, total: int, own: int) -> tuple[str, str, str, str]:
    """Return title, text, page and its name of what to say where nothing is left to review.

    Args:
        total: samples that the queue's progress counts.
        own: those of them that this reviewer has judged.
    """
    samples, export = ("pages/samples.py", "Go to Samples"), ("pages/export.py", "Go to Export")
    if queue.kind is Kind.CONFLICTS:
        return ("No conflicts", "Reviewers agree wherever several have judged a sample.", *export)
    if queue.kind is Kind.SECOND:
        return (
            "Nothing waits for a second opinion",
            "You have judged every sample that others have judged, or nobody else has judged any.",
            *samples,
        )
    if queue.kind is Kind.MINE and not total:
        who = f"{reviewer()} has" if reviewer() else "You have given no name, so you have"
        return (
            "Nothing is shared out to you",
            f"{who} no part in this dataset. Share a queue out under Team.",
            *samples,
        )
    if queue.kind is Kind.AUDIT and not total:
        return (
            "No audit sample is drawn",
            "Draw one below: samples drawn at random say how many labels are wrong in all.",
            *samples,
        )
    if queue.kind is Kind.DISAGREEMENT and not total:
        return (
            "The methods do not disagree",
            "This takes an audit with two methods or more. Run one with several.",
            "pages/audit.py",
            "Go to Audit",
        )
    if queue.kind is Kind.SELECTION and not total:
        return (
            "No sample fits the filters",
            "Take a filter away on the Samples page, or choose another queue.",
            *samples,
        )
    if not total:
        return (
            "Nothing is flagged",
            "No sample lies above the cut-off. Move the cut-off on the Samples page, or go on with "
            "the most suspicious ones with the switch above.",
            *samples,
        )
    if queue.kind is Kind.SUSPICION and not queue.every:
        return (
            "All flagged samples are reviewed",
            f"You have judged {_all_or_some(own, total)}. Export the corrected data, or go on past "
            "the flagged ones with the switch above.",
            *export,
        )
    return (
        "Every sample of this queue is reviewed",
        "Export the corrected data, choose another queue, or show the reviewed ones with the "
        "switch above.",
        *export,
    )


def _all_or_some(own: int, total: int) -> str:
    flagged = count(total, "flagged sample")
    if own >= total:
        return flagged
    return f"{own:,} of {flagged}, others the rest" if own else f"none of {flagged}, others all"
