"""Audit: how a run is followed, and what is said when it stops."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import (
    add_audit,
    add_table,
    button,
    findings_of,
    in_address,
    open_page,
    texts,
)
from audited import add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit.store import RunStatus, Workspace
from dvaudit.ui import dialogs
from dvaudit.ui.following import left_text


def test_a_running_audit_shows_stage_and_time_left_and_can_be_cancelled(
    ws: Workspace, tmp_path: Path
) -> None:
    run = add_audit(ws, add_table(ws, tmp_path), RunStatus.RUNNING)
    app = open_page("audit")
    assert "factorising" in texts(app)
    assert "40% done, about 2 min left" in texts(app)
    button(app, "Cancel").click().run()
    assert ws.run(run).cancelling
    assert button(app, "Cancelling").disabled


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.QUEUED])
def test_an_audit_at_work_is_shown_beside_an_older_finished_one(
    ws: Workspace, tmp_path: Path, status: RunStatus
) -> None:
    dataset, done = add_audited_table(ws, tmp_path)
    live = add_audit(ws, dataset, status)
    app = open_page("audit", {"dataset": dataset})
    assert not app.exception
    said = texts(app).replace("\\", "")
    assert f"Audit {int(live[1:])}: " in said
    assert said.index(f"Audit {int(live[1:])}: ") < said.index("3 of 30 samples to check")
    assert in_address(app, "run") == done
    button(app, "Cancel").click().run()
    assert ws.run(live).cancelling or ws.run(live).status is RunStatus.CANCELLED


def test_an_audit_that_ends_while_it_is_watched_becomes_the_chosen_one(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, done = add_audited_table(ws, tmp_path)
    live = add_audit(ws, dataset, RunStatus.RUNNING)
    app = open_page("audit", {"dataset": dataset, "run": done})
    ws.save_findings(live, findings_of(ws, dataset), {}, ws.run_summary(done), {})
    assert ws.queue.finish(live, ws.run(live).attempt, RunStatus.DONE)
    app.run()
    assert not app.exception
    assert in_address(app, "run") == live


def test_the_newest_audit_that_stopped_says_so_beside_an_older_finished_one(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    add_audit(ws, dataset, RunStatus.FAILED, "not enough memory")
    app = open_page("audit", {"dataset": dataset})
    assert "not enough memory" in app.error[0].value
    assert "3 of 30 samples to check" in texts(app)


def follow_once() -> None:
    """The fragment of a run whose page was drawn while it waited."""
    import streamlit as st

    from dvaudit.store import RunStatus
    from dvaudit.ui import dialogs, following

    if st.session_state.dialog:
        dialogs.opened()
    following._live(*st.session_state.given, RunStatus.QUEUED, quick=False)


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.DONE, RunStatus.CANCELLED])
@pytest.mark.parametrize("dialog", [True, False])
def test_a_run_that_goes_on_leaves_an_open_dialog_alone(
    ws: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: RunStatus,
    dialog: bool,
) -> None:
    run = add_audit(ws, add_table(ws, tmp_path), status)
    drawn_anew: list[bool] = []
    monkeypatch.setattr("streamlit.rerun", lambda: drawn_anew.append(True))
    app = AppTest.from_function(follow_once, default_timeout=20)
    app.session_state.dialog, app.session_state.given = dialog, (ws, run)
    app.run()
    assert not app.exception
    assert bool(drawn_anew) is not dialog


def test_a_dialog_counts_as_open_until_the_page_is_drawn_anew(
    ws: Workspace, tmp_path: Path
) -> None:
    add_table(ws, tmp_path)
    app = open_page("home")
    for label in ("Rename", "Delete"):
        button(app, label).click().run()
        assert dialogs._OPEN in app.session_state
        assert dialogs._OPEN not in app.run().session_state


@pytest.mark.parametrize(
    ("status", "label", "said"),
    [
        (RunStatus.FAILED, "Try again", "not enough memory"),
        (RunStatus.INTERRUPTED, "Start again", "not enough memory"),
        (RunStatus.CANCELLED, "Start again", "was cancelled at 40%"),
    ],
)
def test_an_audit_that_stopped_says_why_and_goes_on(
    ws: Workspace, tmp_path: Path, status: RunStatus, label: str, said: str
) -> None:
    run = add_audit(ws, add_table(ws, tmp_path), status, "not enough memory")
    app = open_page("audit")
    assert said in texts(app)
    button(app, label).click().run()
    assert ws.run(run).status is RunStatus.QUEUED


def test_time_left_is_only_claimed_when_it_is_known(ws: Workspace, tmp_path: Path) -> None:
    run = add_audit(ws, add_table(ws, tmp_path), RunStatus.RUNNING)
    ws.queue.report(run, 0.25, "x", None)
    assert left_text(ws.run(run)) == "25% done"
    ws.queue.report(run, 0.75, "x", 0.4)
    assert left_text(ws.run(run)) == "75% done, less than 1 s left"
