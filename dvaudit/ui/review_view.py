"""The review of one sample at a time: queue, window for the browser, and verdicts at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings import flags, reason_of
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.components.review import Item, Near, Window, review, shortcuts
from dvaudit.ui.links import image_url, pack_url
from dvaudit.ui.ranking import numbers, review_queue
from dvaudit.ui.review_events import Progress, apply
from dvaudit.ui.sample_facts import (
    cells,
    feature_names,
    given_label,
    number_text,
    suggested_label,
)
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count

BEHIND, AHEAD = 6, 50
PICTURES, ROWS = 6, 3


class _Verdicts:
    """The verdicts of one dataset."""

    def __init__(self, ws: Workspace, dataset_id: str) -> None:
        self._ws, self._dataset_id = ws, dataset_id

    def decide(self, sample_id: str, verdict: Verdict, label: str | None, event: str) -> None:
        self._ws.decide(self._dataset_id, sample_id, verdict, label, event=event)

    def undo(self, event: str) -> Decision | None:
        return self._ws.undo(self._dataset_id, event=event)


def choose_queue(run_id: str) -> tuple[bool, bool]:
    """Draw the queue's two choices: also the samples that are not flagged, also reviewed ones."""
    with st.container(horizontal=True, width="content", vertical_alignment="center"):
        every = st.toggle(
            "Go on past the flagged",
            key="review_every",
            persist_state="session",
            on_change=_reopen,
            args=(run_id,),
            help="After the flagged samples, go on with the rest in order of suspicion.",
        )
        reviewed = st.toggle(
            "Show reviewed",
            key="review_reviewed",
            persist_state="session",
            on_change=_reopen,
            args=(run_id,),
        )
    return every, reviewed


@st.fragment
def review_samples(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, every: bool, reviewed: bool
) -> None:
    """Draw the review; a verdict reruns only this part of the page."""
    frame = frames.findings(ws, run)
    flagged = flags(frame, ws.cut_off(run.id))
    decisions = audits.decisions(ws, dataset.id)
    progress = _progress(run.id)
    queue = review_queue(
        frame, flagged, decisions, every=every, reviewed=reviewed, here=progress.here
    )
    window = _window(ws, dataset, run, frame, queue, flagged, decisions, progress)
    # With nothing to show, too: an undo from before a reload may still wait in the browser.
    review(window, key=_key(run.id), on_events=lambda: _apply(ws, dataset, run))
    if not len(queue):
        _nothing_left(int(flagged.sum()), every)
    elif window.done == window.total > 0:
        st.page_link(
            "pages/export.py", label="Export the corrected data", icon=":material/download:"
        )


def _apply(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    reported = st.session_state.get(_key(run.id))
    if reported is None:  # the person has left the page; the browser sends them again later
        return
    st.session_state[_progress_key(run.id)] = apply(
        reported["events"],
        _progress(run.id),
        frames.findings(ws, run),
        dataset.class_names,
        _Verdicts(ws, dataset.id),
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


def _reopen(run_id: str) -> None:
    """Open the queue anew: what was decided in it so far counts as reviewed."""
    held = _progress(run_id)
    st.session_state[_progress_key(run_id)] = Progress(ack=held.ack, jumps=held.jumps)


def _window(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    frame: pd.DataFrame,
    queue: NDArray[np.int64],
    flagged: NDArray[np.bool_],
    decisions: dict[str, Decision],
    progress: Progress,
) -> Window:
    first, last = window_bounds(queue, progress.anchor, frame["id"], decisions)
    positions = [int(position) for position in queue[first:last]]
    pictures = dataset.kind is Kind.IMAGE
    near = {at: frames.neighbours(ws, run, at, PICTURES if pictures else ROWS) for at in positions}
    table = frames.features(ws, dataset) if not pictures else frame[[]]
    shown = {*positions, *(other.position for others in near.values() for other in others)}
    ranked = int(np.isfinite(numbers(frame, "suspicion_rank")).sum())
    items = [
        _item(dataset.id, frame, at, near[at], decisions, bool(flagged[at]), ranked, pictures)
        for at in positions
    ]
    ids = frame["id"].to_numpy(dtype=object)
    numeric = dataset.task is Task.REGRESSION
    return Window(
        items=items,
        outbox=outbox_name(dataset),
        ack=progress.ack,
        before=first > 0,
        more=last < len(queue),
        done=sum(1 for name in ids[flagged] if name in decisions),
        total=int(flagged.sum()),
        classes=None if numeric else dataset.class_names,
        shortcuts=[] if numeric else shortcuts(dataset.class_names),
        columns=feature_names(table),
        rows={at: cells(table, at) for at in shown} if table.shape[1] else None,
        jump=None
        if progress.jump is None
        else {"number": progress.jumps, "position": progress.jump},
        error=progress.error,
        undoable=bool(decisions),
    )


def outbox_name(dataset: DatasetRecord) -> str:
    """Name a dataset in the browser's storage, which all workspaces of an address share.

    Every audit of a dataset counts its samples alike, so events of one may be sent by another.
    """
    created = int(dataset.created.timestamp() * 1e6)
    return f"{dataset.id}-{created}-{(dataset.fingerprint or '')[:16]}"


def window_bounds(
    queue: NDArray[np.int64],
    anchor: int | None,
    ids: pd.Series[str],
    decisions: dict[str, Decision],
) -> tuple[int, int]:
    """Return first and last (exclusive) index of the queue's part around the person's place.

    The place is the anchor, where it is in the queue, else the first sample without a verdict.
    """
    found = np.flatnonzero(queue == anchor) if anchor is not None else np.zeros(0, dtype=int)
    if len(found):
        place = int(found[0])
    else:
        waiting = (at for at, row in enumerate(queue) if str(ids.iat[row]) not in decisions)
        place = next(waiting, 0)
    return max(0, place - BEHIND), min(len(queue), place + AHEAD)


def _item(
    dataset_id: str,
    frame: pd.DataFrame,
    at: int,
    near: list[frames.Neighbour],
    decisions: dict[str, Decision],
    counted: bool,
    ranked: int,
    pictures: bool,
) -> Item:
    name = str(frame["id"].iat[at])
    decision = decisions.get(name)
    return Item(
        position=at,
        name=name,
        given=given_label(frame, at),
        suggestion=suggested_label(frame, at),
        reason=reason_of(frame, at, flagged=counted),
        rank=f"Rank {number_text(frame['suspicion_rank'].iat[at])} of {ranked:,}",
        verdict=None
        if decision is None
        else {"verdict": decision.verdict.value, "label": decision.label},
        counted=counted,
        neighbours=[Near(other.position, other.id, other.label, other.same) for other in near],
        image=image_url(dataset_id, at) if pictures else None,
        pack=pack_url(dataset_id, [other.position for other in near])
        if pictures and near
        else None,
    )


def _nothing_left(flagged: int, every: bool) -> None:
    if flagged and not every:
        empty_state(
            "All flagged samples are reviewed",
            f"You have judged {count(flagged, 'flagged sample')}. Export the corrected data, or go "
            "on past the flagged ones with the switch above.",
            "pages/export.py",
            "Go to Export",
        )
    elif flagged or every:
        empty_state(
            "Every sample is reviewed",
            "Export the corrected data, or show the reviewed ones with the switch above.",
            "pages/export.py",
            "Go to Export",
        )
    else:
        empty_state(
            "Nothing is flagged",
            "No sample lies above the cut-off. Move the cut-off on the Samples page, or go on with "
            "the most suspicious ones with the switch above.",
            "pages/samples.py",
            "Go to Samples",
        )
