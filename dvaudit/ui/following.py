"""Following a run while it works: stage, time left, cancel; and what to do when it stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from dvaudit import audits
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.ui import dialogs
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.words import duration, plain

POLL_SECONDS = 2.0
QUICK_SECONDS, QUICK_FOR = 0.15, 12.0  # between looks at a run that may be done in a moment
BEGUN_WITHIN, DONE_WITHIN, GLANCE = 0.4, 1.5, 0.02  # seconds; see `awaited`
_QUICK = (RunKind.QUERY,)
WHAT = {
    RunKind.IMPORT: "Import",
    RunKind.AUDIT: "Audit",
    RunKind.CONTRIBUTORS: "Valuation",
    RunKind.TRAINING: "Training",
    RunKind.SELFTEST: "Self-test",
    RunKind.PRUNING: "Pruning",
    RunKind.MAP: "Map",
    RunKind.QUERY: "Question",
}
_ENDED = {
    RunStatus.DONE: "is done",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "was cancelled",
    RunStatus.INTERRUPTED: "was interrupted",
}


def follow(ws: Workspace, run: RunRecord, change: Callable[[], None] | None = None) -> None:
    """Show a run that works or waits, kept up to date, or why it stopped; nothing if it is done.

    `change` leads to where the run's settings can be changed before another attempt.
    """
    if run.status.is_live:
        quick = _is_quick(run)
        poll = QUICK_SECONDS if quick else POLL_SECONDS
        st.fragment(_live, run_every=poll)(ws, run.id, run.status, quick)
    elif run.status.is_resumable:
        _stopped(ws, run, change)


def awaited(ws: Workspace, run: RunRecord) -> RunRecord:
    """Return a run that was just submitted as it is in a moment, where it may be done by then.

    It has to be begun within BEGUN_WITHIN, so that nobody waits before an unchanged page for a
    worker that is still to load, and is waited for until DONE_WITHIN.
    """
    pause, start = threading.Event(), time.monotonic()
    while run.status.is_live and _is_quick(run):
        waited = time.monotonic() - start
        begun = run.status is RunStatus.RUNNING
        if waited > (DONE_WITHIN if begun else BEGUN_WITHIN):
            break
        pause.wait(GLANCE)
        run = ws.run(run.id)
    return run


def _is_quick(run: RunRecord) -> bool:
    age = (datetime.now(UTC) - run.created).total_seconds()
    return run.kind in _QUICK and age < QUICK_FOR


def _live(ws: Workspace, run_id: str, drawn: RunStatus, quick: bool) -> None:
    run = ws.run(run_id)
    # The whole page names the status elsewhere too, and shows the result at the end. What may be
    # done in a moment is not worth drawing it for each step on the way.
    changed = not (run.status.is_live and _is_quick(run)) if quick else run.status is not drawn
    if changed and not dialogs.is_open():
        st.rerun()
    with st.container(border=True):
        if not run.status.is_live:
            st.markdown(f"**{_name(run)} {_ENDED[run.status]}**")
            return
        st.markdown(f"**{_name(run)}: {_stage(run)}**")
        st.progress(min(max(run.fraction, 0.0), 1.0))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(left_text(run), width="stretch")
            st.button(
                "Cancelling" if run.cancelling else "Cancel",
                key=f"cancel_{run.id}",
                icon=":material/close:",
                disabled=run.cancelling,
                on_click=_cancel,
                args=(ws, run.id),
            )


def _name(run: RunRecord) -> str:
    # Several audits can be on one page.
    return plain(run.title) if run.kind is RunKind.AUDIT else WHAT[run.kind]


def _stage(run: RunRecord) -> str:
    if run.status is RunStatus.QUEUED:
        return "waiting for its turn"
    if run.status is RunStatus.STARTING:
        return "starting"
    return plain(run.stage) or "working"


def left_text(run: RunRecord) -> str:
    """Return how far a run is, in words: "45 % done, about 3 min left"."""
    if run.status is not RunStatus.RUNNING:
        return "You can leave this page: the work goes on, and this shows it when you come back."
    done = f"{run.fraction:.0%} done"
    if run.eta is None:
        return done
    return f"{done}, {'' if run.eta < 1 else 'about '}{duration(run.eta)} left"


def _cancel(ws: Workspace, run_id: str) -> None:
    with refusals_shown():
        audits.cancel(ws, run_id)


def _resume(ws: Workspace, run_id: str) -> None:
    with refusals_shown():
        audits.resume(ws, run_id)


def _stopped(ws: Workspace, run: RunRecord, change: Callable[[], None] | None) -> None:
    with st.container(border=True):
        headline = f"{_name(run)} {_ENDED[run.status]} at {run.fraction:.0%}"
        if run.status is RunStatus.CANCELLED:
            st.markdown(f"**{headline}**")
        else:
            st.error(
                f"**{headline}.** {plain(run.error or 'No reason was recorded.')}",
                icon=":material/error:",
            )
        with st.container(horizontal=True):
            if change is not None:
                st.button(
                    "Change the set-up",
                    key=f"change_{run.id}",
                    type="primary",
                    icon=":material/edit:",
                    on_click=change,
                )
            st.button(
                "Try again" if run.status is RunStatus.FAILED else "Start again",
                key=f"resume_{run.id}",
                icon=":material/refresh:",
                on_click=_resume,
                args=(ws, run.id),
            )
