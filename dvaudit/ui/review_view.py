"""The review of one sample at a time: window for the browser, and verdicts at once."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Kind as DataKind
from dvaudit.core.dataset import Task
from dvaudit.core.decisions import Decision
from dvaudit.core.errors import NotFoundError
from dvaudit.findings import reason_of
from dvaudit.findings.board import Board
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.boards import review_board
from dvaudit.ui.components.review import Item, Lost, Near, Window, review, shortcuts
from dvaudit.ui.earned_view import earned_panel
from dvaudit.ui.links import image_url, pack_url
from dvaudit.ui.names import shown
from dvaudit.ui.pace import pace_words
from dvaudit.ui.queue_choice import basis_of, empty_words
from dvaudit.ui.review_events import By, Overtaken, Progress, apply
from dvaudit.ui.review_keys import FIXED, class_scores, likeliest, short_names
from dvaudit.ui.review_queue import BLIND, Kind, Queue, State, shown_verdict, state_of
from dvaudit.ui.reviewer import reviewer, said_in_session
from dvaudit.ui.sample_facts import (
    cells,
    feature_names,
    given_label,
    number_text,
    suggested_label,
    verdict_text,
)
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import plain

BEHIND, AHEAD = 6, 50
PICTURES, ROWS = 5, 3


class _Verdicts:
    """The verdicts of one dataset."""

    def __init__(self, ws: Workspace, dataset_id: str, board: Board, *, blind: bool) -> None:
        self._ws, self._dataset_id, self._board, self._blind = ws, dataset_id, board, blind

    def decide(self, position: int, decision: Decision, by: By) -> str | None:
        resolves = by.resolves and (by.seen is not None or self._board.in_conflict(position))
        audits.decide(
            self._ws,
            self._dataset_id,
            decision.sample_id,
            decision.verdict,
            decision.label,
            reviewer=by.reviewer,
            resolves=resolves,
            event=by.event,
            seen=by.seen,
            senders=by.senders,
        )
        if by.seen is None or self._blind or resolves:
            return None
        return _differing(decision, self._board.said_since(by.seen, position, by.reviewer))

    def undo(self, by: By) -> tuple[Decision, ...]:
        return audits.undo(self._ws, self._dataset_id, reviewer=by.reviewer, event=by.event)

    def position(self, sample_id: str) -> int | None:
        found = int(self._board.places.find([sample_id])[0])
        return None if found < 0 else found


@st.fragment
def review_samples(ws: Workspace, dataset: DatasetRecord, run: RunRecord, queue: Queue) -> None:
    """Draw the review; a verdict reruns only this part of the page."""
    gone = _gone(ws, dataset, run)
    if gone:
        st.error(gone, icon=":material/error:")
        if st.button("Go on with what there is", type="primary"):
            st.rerun()
        return
    if queue.basis != basis_of(ws, run):
        st.rerun()  # the page, where the queue is made
    board = review_board(ws, dataset, run)
    who = board.spelled(reviewer())
    progress = _opened(run.id, queue.opening(who))
    state = state_of(queue, board, who, progress.here)
    window = _window(ws, dataset, run, queue, state, board, progress, who)
    # With nothing to show, too: an undo from before a reload may still wait in the browser.
    review(window, key=_key(run.id), on_events=lambda: _apply(ws, dataset, run, queue))
    if not len(state.order):
        empty_state(*empty_words(queue, state.total, _own(queue, board, who)))
    elif window.done == window.total > 0:
        st.page_link(
            "pages/export.py", label="Export the corrected data", icon=":material/download:"
        )
    words = pace_words(board.pace(who, time.time()), state.total - state.done)
    if words:
        st.caption(words)
    earned_panel(ws, dataset, run)


def _gone(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> str | None:
    """Return what to say where dataset or audit were removed while this page was open."""
    name = plain(dataset.name)
    try:
        held = ws.dataset(dataset.id)
    except NotFoundError:
        return (
            f"{name} was removed while it was reviewed here. Verdicts given since then are not "
            "stored."
        )
    try:
        ws.run(run.id)
    except NotFoundError:
        return (
            f"The audit {plain(run.id)} of {plain(held.name)} was removed while it was reviewed "
            "here. Verdicts are the dataset's and stay; those still on their way are stored when "
            "another audit of it is reviewed."
        )
    return None


def _apply(ws: Workspace, dataset: DatasetRecord, run: RunRecord, queue: Queue) -> None:
    if _gone(ws, dataset, run):  # nothing is acknowledged: the browser keeps what was typed
        return
    reported = st.session_state.get(_key(run.id))
    if reported is None:  # the person has left the page; the browser sends them again later
        return
    st.session_state[_progress_key(run.id)] = apply(
        reported["events"],
        _progress(run.id),
        frames.findings(ws, run),
        dataset.class_names,
        _Verdicts(ws, dataset.id, review_board(ws, dataset, run), blind=queue.kind in BLIND),
        reviewer(),
    )


def _key(run_id: str) -> str:
    """Each audit has a component of its own: the events of one never reach another."""
    return f"review_{run_id}"


def _progress_key(run_id: str) -> str:
    return f"{_key(run_id)}_progress"


def _progress(run_id: str) -> Progress:
    """Return where this tab's review of an audit stands."""
    held: Progress = st.session_state.get(_progress_key(run_id), Progress())
    return held


def _opened(run_id: str, opening: str) -> Progress:
    """Return where the review stands; what was decided before this opening counts as reviewed."""
    held = _progress(run_id)
    if held.opening == opening:
        return held
    anew = Progress(held.ack, jumps=held.jumps, overtaken=held.overtaken, opening=opening)
    st.session_state[_progress_key(run_id)] = anew
    return anew


def _window(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    queue: Queue,
    state: State,
    board: Board,
    progress: Progress,
    who: str,
) -> Window:
    frame = frames.findings(ws, run)
    first, last = window_bounds(state, progress.anchor)
    positions = [int(position) for position in state.order[first:last]]
    pictures = dataset.kind is DataKind.IMAGE
    near = {at: frames.neighbours(ws, run, at, PICTURES if pictures else ROWS) for at in positions}
    table = frames.features(ws, dataset) if not pictures else frame[[]]
    drawn = {*positions, *(other.position for others in near.values() for other in others)}
    ranked = int(np.isfinite(queue.ranks).sum())
    numeric = dataset.task is Task.REGRESSION
    many = not numeric and len(dataset.class_names) > FIXED
    scores = class_scores(ws, dataset, run) if many else None
    items = [
        _item(
            dataset,
            frame,
            at,
            near[at],
            board,
            queue,
            state.counts(at),
            ranked,
            who,
            _keys(dataset, frame, at, near[at], scores) if many else None,
        )
        for at in positions
    ]
    return Window(
        items=items,
        outbox=outbox_name(dataset),
        ack=progress.ack,
        before=first > 0,
        more=last < len(state.order),
        done=state.done,
        total=state.total,
        counts=_counted(queue, state.total),
        classes=None if numeric else dataset.class_names,
        shortcuts=[] if numeric or many else shortcuts(dataset.class_names),
        columns=feature_names(table),
        rows={at: cells(table, at) for at in drawn} if table.shape[1] else None,
        jump=None
        if progress.jump is None
        else {"number": progress.jumps, "position": progress.jump},
        error=progress.error,
        note=progress.note,
        overtaken=[_lost(board, item, who) for item in progress.overtaken],
        undoable=board.can_undo(who),
        reviewer=who,
        named=said_in_session(),
        personal=queue.kind in BLIND,
        queue=queue.name(who),
    )


def _counted(queue: Queue, total: int) -> str:
    if queue.kind is Kind.CONFLICTS:
        return f"conflict{'' if total == 1 else 's'} settled"
    return "reviewed" if queue.counted is None else "flagged reviewed"


def _own(queue: Queue, board: Board, who: str) -> int:
    """Return how many of a queue's samples a reviewer has judged."""
    return int(np.isin(board.judged_by(who), queue.order).sum())


def _differing(decision: Decision, others: list[tuple[str, Decision]]) -> str | None:
    """Return what to say to somebody who judged a sample unlike others who were quicker."""
    said = [f"{shown(who)}: {verdict_text(made)}" for who, made in others if made != decision]
    if not said:
        return None
    return (
        f"{decision.sample_id} was judged otherwise meanwhile ({', '.join(said)}). Your verdict is "
        "stored beside that and in force; settle it under Conflicts to settle."
    )


def _lost(board: Board, item: Overtaken, who: str) -> Lost:
    """Return what to say of a verdict that was not stored, and what it takes to repeat it."""
    by = "by you, in another place" if board.spelled(item.by) == who else f"by {shown(item.by)}"
    now = verdict_text(item.newer)
    state = f"is {now} since, {by}" if now else f"has no verdict any more, taken back {by}"
    return Lost(
        item.position,
        f"{item.decision.sample_id} {state}. Your verdict ({verdict_text(item.decision)}) is not "
        "stored.",
        item.decision.verdict.value,
        item.decision.label,
        item.version,
        item.resolves,
    )


def _keys(
    dataset: DatasetRecord,
    frame: pd.DataFrame,
    at: int,
    near: list[frames.Neighbour],
    scores: np.ndarray | None,
) -> list[tuple[str, str]]:
    """Return the classes that the number keys stand for on one sample, in full and for the eye."""
    names = likeliest(
        dataset.class_names,
        given_label(frame, at),
        suggested_label(frame, at),
        None if scores is None else scores[at],
        [other.label for other in sorted(near, key=lambda other: other.angle)],
    )
    return list(zip(names, short_names(names), strict=True))


def outbox_name(dataset: DatasetRecord) -> str:
    """Name a dataset in the browser's storage, which all workspaces of an address share.

    Every audit of a dataset counts its samples alike, so events of one may be sent by another.
    """
    created = int(dataset.created.timestamp() * 1e6)
    return f"{dataset.id}-{created}-{(dataset.fingerprint or '')[:16]}"


def window_bounds(state: State, anchor: int | None) -> tuple[int, int]:
    """Return first and last (exclusive) index of the queue's part around the person's place.

    The place is the anchor, where it is in the queue, else the first sample to judge.
    """
    found = np.flatnonzero(state.order == anchor) if anchor is not None else state.order[:0]
    if len(found):
        place = int(found[0])
    else:
        waiting = ~state.judged[state.order]
        place = int(waiting.argmax()) if waiting.any() else 0
    return max(0, place - BEHIND), min(len(state.order), place + AHEAD)


def _item(
    dataset: DatasetRecord,
    frame: pd.DataFrame,
    at: int,
    near: list[frames.Neighbour],
    board: Board,
    queue: Queue,
    counted: bool,
    ranked: int,
    who: str,
    keys: list[tuple[str, str]] | None,
) -> Item:
    decision = shown_verdict(queue, board, who, at)
    flagged, pictures = bool(queue.flagged[at]), dataset.kind is DataKind.IMAGE
    return Item(
        position=at,
        version=board.version(at),
        keys=keys,
        name=str(frame["id"].iat[at]),
        given=given_label(frame, at),
        suggestion=suggested_label(frame, at),
        reason=reason_of(frame, at, flagged=flagged),
        rank=f"Rank {number_text(frame['suspicion_rank'].iat[at])} of {ranked:,}",
        verdict=None
        if decision is None
        else {"verdict": decision.verdict.value, "label": decision.label},
        counted=counted,
        conflict=board.in_conflict(at) and queue.kind is Kind.CONFLICTS,
        opinions=_opinions(board, queue, at, who),
        neighbours=[Near(other.position, other.id, other.label, other.same) for other in near],
        image=image_url(dataset.id, at) if pictures else None,
        pack=pack_url(dataset.id, [other.position for other in near])
        if pictures and near
        else None,
    )


def _opinions(board: Board, queue: Queue, at: int, who: str) -> str | None:
    """Return who said what of a sample, where somebody else did and it may be shown."""
    said = board.opinions_on(at)
    if all(name == who for name, _, _ in said):
        return None
    if queue.kind in BLIND and board.opinion(who, at) is None:
        return None
    parts = [
        f"{shown(name)}: {verdict_text(decision)}{' (settled it)' if settles else ''}"
        for name, decision, settles in said
    ]
    text = " · ".join(parts)
    if board.in_conflict(at):
        standing = verdict_text(board.in_force(at)) or "no verdict"
        return f"{text}. Reviewers differ; the newest is in force: {standing}."
    return text
