"""Home: datasets in every state, where work goes on, renaming and deleting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import streamlit as st
from appview import add_audit, add_table, figures, open_page, texts, write_table
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from dvaudit import audits, readers, sample
from dvaudit.store import DatasetStatus, RunKind, RunStatus, Workspace
from dvaudit.ui import home_cards, home_runs


def add_importing(ws: Workspace, folder: Path, status: RunStatus, error: str | None = None) -> str:
    """Add a dataset whose import is in this status; return its id."""
    path = write_table(folder / "trees.csv")
    dataset = ws.add_dataset("trees", path, copy=False, roles={}, task=None)
    run = ws.add_run(dataset, RunKind.IMPORT, {"function": "none:none"})
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.queue.report(run, 0.4, "Reading rows", 60.0)
    if status is not RunStatus.RUNNING:
        ws.queue.finish(run, begun.attempt, status, error)
    return dataset


def links(app: AppTest) -> dict[str, str]:
    """The label and the query of every link of the page to another."""
    found = {}
    for element in app.main:
        if element.type == "page_link":
            found[element.proto.label] = f"{element.proto.page}?{element.proto.query_string}"
    return found


def button(app: AppTest, label: str) -> Button:
    return next(one for one in app.button if one.label == label)


def press(app: AppTest, label: str) -> AppTest:
    return button(app, label).click().run()


def test_the_first_visit_offers_own_data_and_the_sample(ws: Workspace) -> None:
    app = open_page("home")
    assert not app.exception
    assert "No dataset yet" in texts(app)
    assert {"Add a dataset", "Try the sample"} <= {button.label for button in app.button}
    press(app, "Add a dataset")
    assert app.title[0].value == "Add a dataset"


def test_the_sample_is_left_to_a_worker(ws: Workspace) -> None:
    app = press(open_page("home"), "Try the sample")
    (record,) = ws.datasets()
    assert (record.name, record.status) == (sample.NAME, DatasetStatus.IMPORTING)
    (run,) = ws.runs(record.id)
    assert run.params["function"] == "dvaudit.audits:execute_sample"
    assert "waiting for its turn" in texts(app)
    assert audits.start_sample(ws) == record.id
    assert len(ws.datasets()) == 1


def test_a_ready_dataset_is_described_and_leads_to_its_audit(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = open_page("home")
    assert "30 samples" in texts(app)
    assert "2 classes" in texts(app)
    assert "No finished audit yet" in texts(app)
    assert links(app)["Audit it"].endswith(f"dataset={dataset}")
    assert list(app.dataframe[0].value.columns) == ["label", "width", "height"]
    assert len(app.dataframe[0].value) == 3


def test_an_import_is_followed(ws: Workspace, tmp_path: Path) -> None:
    add_importing(ws, tmp_path, RunStatus.RUNNING)
    app = open_page("home")
    assert "Import: Reading rows" in texts(app)
    assert "40% done" in texts(app).replace("\\", "")
    assert "Cancel" in [button.label for button in app.button]


def test_a_failed_import_says_why_and_leads_on(ws: Workspace, tmp_path: Path) -> None:
    add_importing(ws, tmp_path, RunStatus.FAILED, "no feature column")
    app = open_page("home")
    assert "no feature column" in app.error[0].value
    assert "Try again" in [button.label for button in app.button]
    assert "again=" in links(app)["Change the set-up"]


def test_a_dataset_that_failed_without_a_run_says_why(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    ws.fail_dataset(ws.add_dataset("t", path, copy=False, roles={}, task=None), "no *disk*")
    assert "no \\*disk\\*" in open_page("home").error[0].value


def test_an_audited_dataset_says_what_is_left(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    for sample_id in ("0", "7"):  # the first is flagged, the other is not
        ws.decide(dataset, sample_id, "keep")
    app = open_page("home")
    assert figures(app) == {"Flagged": "3", "Verdicts": "2", "Labels wrong, about": "10%"}
    assert f"run={run}" in links(app)["Review, 2 left"]
    assert {"Samples", "Export", "Audit again"} <= set(links(app))
    for sample_id in ("1", "2"):
        ws.decide(dataset, sample_id, "drop")
    assert "Review, none left" in links(app.run())


def test_the_newest_finished_audit_counts_and_the_live_one_is_followed(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    add_audit(ws, dataset, RunStatus.RUNNING)
    add_audit(ws, dataset, RunStatus.FAILED, "no memory")
    app = open_page("home")
    assert f"run={run}" in links(app)["Review, 3 left"]
    assert "kernel-loo: factorising" in texts(app).replace("\\", "")
    assert "1 at work or waiting" in texts(app)


@pytest.mark.parametrize("add", [add_audited_pictures, add_audited_numbers])
def test_pictures_and_numbers_have_cards_too(ws: Workspace, tmp_path: Path, add: object) -> None:
    add(ws, tmp_path)  # type: ignore[operator]
    app = open_page("home")
    assert not app.exception
    assert ("images" in texts(app)) == (add is add_audited_pictures)
    assert ("numbers to predict" in texts(app)) == (add is add_audited_numbers)


def test_an_unlabelled_dataset_is_sent_to_audit_too(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    roles = {"kind": "categorical"}
    dataset = ws.add_dataset("t", path, copy=True, roles=roles, task="unsupervised")
    data = readers.load(path, roles=roles, task="unsupervised")
    ws.finish_dataset(dataset, data)
    app = open_page("home")
    assert "no labels" in texts(app)
    assert "Audit it" in links(app)


def test_runs_are_listed_when_they_are_opened(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    add_audit(ws, dataset, RunStatus.FAILED, "no memory")
    app = open_page("home")
    assert "no memory" not in texts(app)
    app.session_state[f"runs_{dataset}"] = True
    app.run()
    assert "failed: no memory" in texts(app)
    assert f"Audit {int(run[1:])}" in links(app)
    assert "/samples" in "/" + links(app)[f"Audit {int(run[1:])}"]


def _audits(app: AppTest) -> list[str]:
    """The labels of the links to audits, such as "Audit 3"."""
    return [label for label in links(app) if re.fullmatch(r"Audit \d+", label)]


def test_many_runs_are_cut_and_counted(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    for _ in range(home_runs.MOST + 3):
        add_audit(ws, dataset, RunStatus.CANCELLED)
    app = open_page("home")
    app.session_state[f"runs_{dataset}"] = True
    app.run()
    assert len(_audits(app)) == home_runs.MOST
    press(app, "Show 3 more")
    assert len(_audits(app)) == home_runs.MOST + 3


def test_renaming(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = press(open_page("home"), "Rename")
    app.text_input(key=f"name_{dataset}").set_value("  Old   trees ")
    press_last(app, "Rename")
    assert ws.dataset(dataset).name == "Old trees"
    assert "Old trees" in texts(app)
    app = press(app, "Rename")
    app.text_input(key=f"name_{dataset}").set_value(" ")
    press_last(app, "Rename")
    assert "Old trees keeps its name" in app.error[0].value
    assert ws.dataset(dataset).name == "Old trees"


def press_last(app: AppTest, label: str) -> AppTest:
    """Press the last button of this name: the one of a dialog is drawn after the page's."""
    return [button for button in app.button if button.label == label][-1].click().run()


def test_deleting_a_dataset_says_what_is_lost_and_does_it(ws: Workspace, tmp_path: Path) -> None:
    kept = add_table(ws, tmp_path, "kept")
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", "keep")
    app = open_page("home", {"dataset": dataset})
    app.button(key=f"Delete_{dataset}").click().run()
    said = texts(app).replace("\\", "")
    assert "1 run goes, with all results: 1 audit" in said
    assert "The log of 1 verdict stays" in said
    assert "cannot be undone" in said
    assert len(ws.datasets()) == 2
    press(app, "Delete the dataset")
    assert [record.id for record in ws.datasets()] == [kept]
    assert not app.warning
    assert "trees" not in texts(app)


def test_a_dataset_at_work_is_not_deleted(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    run = add_audit(ws, dataset, RunStatus.RUNNING)
    app = press(open_page("home"), "Delete")
    said = app.warning[0].value.replace("\\", "")
    assert f"Audit {int(run[1:])} is at work" in said
    assert button(app, "Delete the dataset").disabled
    press(app, f"Cancel Audit {int(run[1:])}")
    assert ws.run(run).cancelling
    assert ws.queue.finish(run, ws.run(run).attempt, RunStatus.CANCELLED)
    app = press(open_page("home"), "Delete")
    assert not app.warning
    press(app, "Delete the dataset")
    assert ws.datasets() == ()


def test_work_on_other_data_that_uses_a_dataset_keeps_it(ws: Workspace, tmp_path: Path) -> None:
    trusted = add_table(ws, tmp_path, "clean")
    dataset = add_table(ws, tmp_path)
    user = ws.add_run(dataset, RunKind.AUDIT, {"trusted": trusted})
    app = open_page("home")
    app.button(key=f"Delete_{trusted}").click().run()
    said = texts(app).replace("\\", "")
    assert f"Audit {int(user[1:])}, of other data, uses it and waits for its turn" in said
    assert button(app, "Delete the dataset").disabled


def test_work_that_begins_while_the_dialog_is_open_refuses(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    app = press(open_page("home"), "Delete")
    run = add_audit(ws, dataset, RunStatus.RUNNING)
    press(app, "Delete the dataset")
    said = app.error[0].value.replace("\\", "")
    assert f"trees has work going on: Audit {int(run[1:])}" in said
    assert run not in said
    assert len(ws.datasets()) == 1


def test_the_dialog_counts_the_runs_that_the_card_counts(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_importing(ws, tmp_path, RunStatus.DONE)
    ws.fail_dataset(dataset, "made up")
    audit = add_audit(ws, dataset, RunStatus.CANCELLED)
    add_audit(ws, dataset, RunStatus.CANCELLED)
    question = ws.add_run(dataset, RunKind.QUERY, {"audit": audit})
    ws.queue.cancel(question)
    app = open_page("home")
    assert "4 runs" in [opened.label.split(",")[0] for opened in app.expander]
    press(app, "Delete")
    said = texts(app).replace("\\", "")
    assert "4 runs go, with all results: 1 question, 2 audits, 1 import" in said


def test_deleting_a_run_keeps_the_verdicts(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", "keep")
    app = open_page("home", {"dataset": dataset, "run": run})
    app.session_state[f"runs_{dataset}"] = True
    app.run()
    app.button(key=f"delete_run_{run}").click().run()
    said = texts(app).replace("\\", "")
    assert "Its ranking, flags, cut-off, log and exports go" in said
    assert "Verdicts stay (1 of the dataset)" in said
    press(app, "Delete the run")
    assert ws.runs(dataset) == ()
    assert len(ws.decisions(dataset)) == 1
    assert not app.warning
    assert "No finished audit yet" in texts(app)


def draw_dialog_again() -> None:
    """The body of a dialog alone, as the browser runs it after a click within."""
    import streamlit as st

    from dvaudit.ui import home_removal

    getattr(home_removal, st.session_state.dialog)(*st.session_state.given)


def test_the_dialog_is_not_drawn_of_a_dataset_that_is_gone(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    monkeypatch.setattr("streamlit.rerun", st.stop)  # what draws the page anew closes the dialog
    app = AppTest.from_function(draw_dialog_again, default_timeout=20)
    app.session_state.dialog = "delete_run"
    app.session_state.given = (ws, ws.run(run), "Audit")
    press(app.run(), "Delete the run")
    assert not app.exception
    assert ws.runs(dataset) == ()
    app.session_state.dialog = "delete_dataset"
    app.session_state.given = (ws, ws.dataset(dataset))
    press(app.run(), "Delete the dataset")
    assert not app.exception
    assert ws.datasets() == ()
    app.run()  # a click in a dialog of what another tab has deleted
    assert not app.exception


def test_deleting_a_trusted_set_names_the_audits_that_use_it(ws: Workspace, tmp_path: Path) -> None:
    trusted = add_table(ws, tmp_path, "clean")
    dataset, _ = add_audited_table(ws, tmp_path)
    user = ws.add_run(dataset, RunKind.AUDIT, {"trusted": trusted})
    app = open_page("home")
    app.button(key=f"Delete_{trusted}").click().run()
    said = texts(app).replace("\\", "")
    name = ws.dataset(dataset).name
    assert (
        f"1 run on other data used this as trusted samples: Audit {int(user[1:])} of {name}" in said
    )
    assert "can no longer be asked about the trusted samples" in said
    app = open_page("home")
    app.button(key=f"Delete_{dataset}").click().run()
    assert "used this as trusted samples" not in texts(app)


def test_deleting_an_audit_names_what_goes_with_it(ws: Workspace, tmp_path: Path) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    made = ws.add_run(dataset, RunKind.PRUNING, {"audit": run})
    app = open_page("home")
    app.session_state[f"runs_{dataset}"] = True
    app.run()
    assert "\n-\n" not in texts(app)
    app.button(key=f"delete_run_{run}").click().run()
    assert f"1 run made from it goes with it: Pruning {int(made[1:])}" in texts(app).replace(
        "\\", ""
    )
    press(app, "Delete the run")
    assert ws.runs(dataset) == ()


def test_a_run_at_work_cannot_be_deleted(ws: Workspace, tmp_path: Path) -> None:
    dataset = add_table(ws, tmp_path)
    run = add_audit(ws, dataset, RunStatus.RUNNING)
    app = open_page("home")
    app.session_state[f"runs_{dataset}"] = True
    assert app.run().button(key=f"delete_run_{run}").disabled


def test_two_hundred_datasets_are_paged_and_found(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    for number in range(200):
        name = f"set {number:03d}"
        dataset = ws.add_dataset(name, path, copy=False, roles={}, task=None)
        ws.fail_dataset(dataset, "made up")
    app = open_page("home")
    assert not app.exception
    assert "1 to 8 of 200 datasets" in texts(app)
    headings = [text.value for text in app.markdown if text.value.startswith("## ")]
    assert headings[0] == "## set 199"
    assert len(headings) == home_cards.PER_PAGE
    app.session_state[home_cards.PAGE] = 25
    assert "193 to 200 of 200 datasets" in texts(app.run())
    app.text_input(key=home_cards.FIND).set_value("T 04").run()
    assert "1 to 8 of 10 datasets" in texts(app)
    app.text_input(key=home_cards.FIND).set_value("*none*").run()
    assert "No dataset has **\\*none\\*** in its name" in texts(app)


def test_datasets_worked_on_last_come_first(ws: Workspace, tmp_path: Path) -> None:
    old = add_table(ws, tmp_path, "old")
    new = add_table(ws, tmp_path, "new")
    assert [item.record.id for item in home_cards.by_activity(ws)] == [new, old]
    add_audit(ws, old)
    assert [item.record.id for item in home_cards.by_activity(ws)] == [old, new]


def test_names_of_datasets_are_shown_as_written(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    name = "![x](http://evil.example/x.png) :red[a]"
    ws.add_dataset(name, path, copy=False, roles={}, task=None)
    app = press(open_page("home"), "Delete")
    assert "![x](" not in texts(app)
    assert ":red[" not in texts(app)
