"""Audit: what is offered, what it will cost, what is started, and how it is followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import (
    add_audit,
    add_table,
    findings_of,
    in_address,
    open_page,
    texts,
    write_table,
)
from audited import add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit import audits, readers, valuators
from dvaudit.core.machine import Cost, Machine
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui import dialogs
from dvaudit.ui.auditing import total_cost
from dvaudit.ui.following import left_text
from dvaudit.ui.history import headline, share_text
from dvaudit.ui.words import duration


def _button(app: AppTest, label: str) -> object:
    return next(button for button in app.button if button.label == label)


def _labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_every_method_that_fits_is_offered_and_the_defaults_are_chosen(
    ws: Workspace, tmp_path: Path
) -> None:
    add_table(ws, tmp_path)
    app = open_page("audit")
    assert not app.exception
    chosen = {box.key: box.value for box in app.checkbox}
    assert chosen == {
        f"method_{name}": name in audits.DEFAULT_VALUATORS
        for name in valuators.names(valuators.Level.SAMPLE)
    }
    assert {metric.label for metric in app.metric} == {"Time, about", "Memory, at most"}


def test_an_audit_starts_with_the_form_as_it_is(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = open_page("audit")
    app.checkbox(key="method_cg-score").uncheck()
    app.number_input(key="set.kernel-loo.ridge").set_value(0.5)
    app.number_input(key="audit_seed").set_value(7)
    app.selectbox(key="extractor_tabular").select("tabular")
    app.run()
    _button(app, "Start audit").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    run = ws.runs(dataset, RunKind.AUDIT)[0]
    assert run.status is RunStatus.QUEUED
    assert run.params["valuators"] == ["kernel-loo"]
    assert run.params["settings"] == {"kernel-loo": {"ridge": 0.5}}
    assert (run.params["seed"], run.params["extractor"]) == (7, "tabular")
    assert in_address(app, "run") == run.id
    assert "waiting for its turn" in texts(app)


def test_untouched_settings_are_not_stored(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = open_page("audit")
    _button(app, "Start audit").click().run()  # type: ignore[attr-defined]
    params = ws.runs(dataset, RunKind.AUDIT)[0].params
    assert (params["settings"], params["extractor_settings"]) == ({}, {})
    assert params["extractor"] is None


def test_without_a_method_nothing_can_start(ws: Workspace, tmp_path: Path) -> None:
    add_table(ws, tmp_path)
    app = open_page("audit")
    for box in app.checkbox:
        if not box.disabled:
            box.uncheck()
    app.run()
    assert "Choose at least one method." in texts(app)
    assert "Start audit" not in _labels(app)


def test_a_method_that_measures_against_trusted_samples_asks_for_them(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_table(ws, tmp_path)
    other = add_table(ws, tmp_path, "checked")
    app = open_page("audit", {"dataset": dataset})
    assert "Trusted set" not in [box.label for box in app.selectbox]
    app.checkbox(key="method_dvgs").check().run()
    assert "Each half of the data is measured against the other" in app.warning[0].value
    app.selectbox(key=f"trusted_of_{dataset}").select(other).run()
    assert not app.warning
    _button(app, "Start audit").click().run()  # type: ignore[attr-defined]
    assert not app.exception
    params = ws.runs(dataset, RunKind.AUDIT)[0].params
    assert (params["trusted"], params["valuators"][-1]) == (other, "dvgs")


def test_a_need_for_more_memory_than_there_is_is_said(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_table(ws, tmp_path)
    monkeypatch.setattr("dvaudit.ui.auditing.available_memory", lambda: 10)
    assert "more memory than is free" in open_page("audit").warning[0].value


def test_a_running_audit_shows_stage_and_time_left_and_can_be_cancelled(
    ws: Workspace, tmp_path: Path
) -> None:
    run = add_audit(ws, add_table(ws, tmp_path), RunStatus.RUNNING)
    app = open_page("audit")
    assert "factorising" in texts(app)
    assert "40% done, about 2 min left" in texts(app)
    _button(app, "Cancel").click().run()  # type: ignore[attr-defined]
    assert ws.run(run).cancelling
    assert _button(app, "Cancelling").disabled  # type: ignore[attr-defined]


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
    _button(app, "Cancel").click().run()  # type: ignore[attr-defined]
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
    following._live(*st.session_state.given, RunStatus.QUEUED)


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
        _button(app, label).click().run()  # type: ignore[attr-defined]
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
    _button(app, label).click().run()  # type: ignore[attr-defined]
    assert ws.run(run).status is RunStatus.QUEUED


def test_a_finished_audit_shows_what_it_found(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("audit")
    assert not app.exception
    assert "**3 of 30 samples to check**; about 10% of the labels are estimated" in texts(app)


def test_the_headline_tells_flags_from_wrong_labels() -> None:
    assert headline(2540, 6000, 0.144) == (
        "**2,540 of 6,000 samples to check**; about 14% of the labels are estimated to be wrong"
    )
    assert headline(0, 1, None).endswith("how many labels are wrong could not be estimated")
    shares = (0.0, 0.0004, 0.023, 0.0996, 0.5)
    assert [share_text(share) for share in shares] == ["0%", "less than 0.1%", "2.3%", "10%", "50%"]


def test_the_time_counts_more_than_the_methods(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "this_machine", lambda: Machine(2, 1 << 34, 1e11))
    dataset = add_table(ws, tmp_path)
    rest = audits.estimate_rest(ws, dataset)
    assert rest.seconds > audits.START_SECONDS
    assert rest.plan == "reading, features, neighbours"
    app = open_page("audit")
    assert "**Everything else**: 4 s, reading, features, neighbours" in texts(app)
    methods = audits.estimate(ws, dataset, audits.DEFAULT_VALUATORS)
    total = total_cost({**methods, "": rest})
    shown = next(metric.value for metric in app.metric if metric.label == "Time, about")
    assert shown == duration(total.seconds)


def test_an_extractor_that_was_not_measured_comes_on_top(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvaudit.features.extraction_seconds", lambda *_: None)
    assert audits.estimate_rest(ws, add_table(ws, tmp_path)).plan.endswith("come on top")


def test_the_history_lists_every_audit_and_choosing_one_shows_it(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset = add_table(ws, tmp_path)
    first = add_audit(ws, dataset)
    add_audit(ws, dataset, RunStatus.FAILED, "no luck")
    app = open_page("audit")
    table = app.dataframe[0].value
    assert table["Status"].tolist() == ["failed", "done"]
    assert table["Reason"].tolist() == ["no luck", ""]
    assert in_address(app, "run") == first


def test_data_without_labels_is_audited_for_samples_unlike_the_rest(
    ws: Workspace, tmp_path: Path
) -> None:
    path = write_table(tmp_path / "trees.csv")
    roles = {"kind": "categorical"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="unsupervised"))
    app = open_page("audit")
    assert "Without labels there are no wrong ones to find" in texts(app)
    assert "labels may be wrong" not in texts(app)
    assert "label" not in str(app.selectbox(key=f"trusted_of_{dataset}").help)
    assert "to see its outliers and duplicates" in texts(open_page("samples"))
    assert app.checkbox(key="method_dvgs_unlabelled").value
    _button(app, "Start audit").click().run()
    assert not app.exception
    assert ws.runs(dataset, RunKind.AUDIT)[0].params["valuators"] == ["dvgs"]


def test_methods_run_one_after_another() -> None:
    total = total_cost({"a": Cost(10, 500, "x"), "b": Cost(5, 900, "y")})
    assert (total.seconds, total.bytes) == (15, 900)


def test_time_left_is_only_claimed_when_it_is_known(ws: Workspace, tmp_path: Path) -> None:
    run = add_audit(ws, add_table(ws, tmp_path), RunStatus.RUNNING)
    ws.queue.report(run, 0.25, "x", None)
    assert left_text(ws.run(run)) == "25% done"
    ws.queue.report(run, 0.75, "x", 0.4)
    assert left_text(ws.run(run)) == "75% done, less than 1 s left"
