"""Influence: a person's own samples, uploaded, followed, answered and found again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from appview import add_audit, add_table, in_address, texts
from audited import add_audited_numbers, add_audited_pictures, add_audited_table
from influence_page import asked_line, button_of, influence_table, open_influence
from influential import add_influence, add_question
from PIL import Image
from streamlit.testing.v1 import AppTest

from dvaudit import answering, describing
from dvaudit.jobs.expecting import Expected, expected
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.ui import frames, influence_data

ROWS = pd.DataFrame({"width": [1.5, 2.5, 3.5], "height": [9.0, 8.0, 7.0]})
OWN = {"0": "elm", "1": "oak", "2": "elm"}


@pytest.fixture
def audit(ws: Workspace, tmp_path: Path) -> str:
    """A finished audit of a table of 30 that can be asked about new samples."""
    _, run = add_audited_table(ws, tmp_path)
    return add_influence(ws, run)[0]


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 20, 20)).save(file, "PNG")
    return file.getvalue()


def _upload(app: AppTest, name: str, content: bytes) -> AppTest:
    (uploader,) = app.file_uploader
    app = uploader.upload(name, content, "application/octet-stream").run()
    assert not app.exception
    return app


# Asking


def test_the_choice_of_an_own_sample_is_kept_in_the_address(ws: Workspace, audit: str) -> None:
    app = open_influence()
    assert not app.file_uploader
    app = app.segmented_control(key="influence_way").set_value("own").run()
    assert not app.exception
    assert in_address(app, "question") == "new"
    assert "Upload a few rows and say what the right label is" in texts(app)
    assert "Helped most" not in texts(app)
    app = app.segmented_control(key="influence_way").set_value("known").run()
    assert in_address(app, "question") is None
    assert asked_line(app).startswith("On ")


def test_a_worker_gets_ready_where_the_form_is_seen(ws: Workspace, audit: str) -> None:
    open_influence()
    assert expected(ws.root) is None
    assert "About 1 s; about 5 s where this form was only just opened" in texts(
        open_influence(question="new")
    )
    assert expected(ws.root) == Expected(RunKind.QUERY, "dvaudit.warming:load_for_questions")


def test_a_first_question_that_learns_once_more_says_so(
    ws: Workspace, audit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = {"record": {**ws.run_summary(audit)["record"], "features": {"seconds": 35.0}}}
    monkeypatch.setattr(frames, "summary", lambda *_: summary)
    said = texts(open_influence(question="new"))
    assert "About 40 s for the first question" in said
    assert "learned from 30 samples" in said


def test_a_table_is_asked_about_with_the_label_chosen(ws: Workspace, audit: str) -> None:
    app = open_influence(question="new")
    assert button_of(app, "Ask").disabled
    app = _upload(app, "own.csv", ROWS.to_csv(index=False).encode())
    assert app.selectbox(key=f"question_label_{audit}").options == ["elm", "oak"]
    app = app.selectbox(key=f"question_label_{audit}").set_value("oak").run()
    app = button_of(app, "Ask").click().run()
    assert not app.exception
    (asked,) = ws.runs(kind=RunKind.QUERY)
    assert asked.params["label"] == "oak"
    assert asked.params["audit"] == audit
    (kept,) = (ws.run_dir(asked.id) / answering.FOLDER).iterdir()
    assert kept.name == "own.csv"
    assert pd.read_csv(kept).equals(ROWS)
    assert not list(ws.uploads.iterdir())
    assert in_address(app, "question") == asked.id
    assert "Question: waiting for its turn" in texts(app)


def test_a_single_picture_waits_for_its_label(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_pictures(ws, tmp_path, each=8)
    audit, _ = add_influence(ws, run)
    app = _upload(open_influence(question="new"), "mine.png", _png())
    assert button_of(app, "Ask").disabled
    assert "a single picture has none of its own" in texts(app)
    app = app.selectbox(key=f"question_label_{audit}").set_value("elm").run()
    assert not button_of(app, "Ask").disabled
    app = _upload(open_influence(question="new"), "many.zip", b"PK")
    assert not button_of(app, "Ask").disabled


def test_a_number_is_the_label_of_regression(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_numbers(ws, tmp_path)
    audit, _ = add_influence(ws, run)
    app = _upload(open_influence(question="new"), "own.csv", b"width,kind\n1,elm\n")
    app = app.number_input(key=f"question_number_{audit}").set_value(12.5).run()
    app = button_of(app, "Ask").click().run()
    assert not app.exception
    assert ws.runs(kind=RunKind.QUERY)[0].params["label"] == "12.5"


def test_an_audit_of_an_older_version_says_to_run_it_again(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    older, _ = add_influence(ws, run, end=False)
    asked, _ = add_question(ws, older, OWN, rows=ROWS)
    app = open_influence(question="new")
    assert "This audit takes no new questions" in texts(app)
    assert "made before dvaudit kept the end of a run; run it again" in texts(app)
    assert not app.file_uploader
    assert "Go to Audit" in [button.label for button in app.button]
    assert asked_line(open_influence(question=asked)).startswith("On **0**")


# Answers


@pytest.mark.parametrize("halves", [False, True])
def test_an_answer_shows_the_strongest_samples(ws: Workspace, tmp_path: Path, halves: bool) -> None:
    _, run = add_audited_table(ws, tmp_path)
    audit, arrays = add_influence(ws, run, halves=halves)
    asked, vectors = add_question(ws, audit, OWN, rows=ROWS, halves=halves)
    parts = arrays["part"][:, 0].astype(int) if halves else np.zeros(30, dtype=int)
    app = open_influence(question=asked)
    assert ("both runs are asked" in texts(app)) is halves
    app = app.selectbox(key="question_row").set_value(1).run()
    exact = np.einsum("nk,nk->n", arrays["embeddings"], vectors[parts, 1])
    helped = [at for at in np.argsort(-exact) if exact[at] > 0][:12]
    hurt = [at for at in np.argsort(exact) if exact[at] < 0][:12]
    assert influence_table(app, "helped")["Id"].tolist() == [str(at) for at in helped]
    assert influence_table(app, "hurt")["Id"].tolist() == [str(at) for at in hurt]
    assert asked_line(app) == "On **1**, label **oak**"
    shown = next(item.value for item in app.dataframe if "This sample" in item.value)
    assert shown.set_index("Column")["This sample"].astype(float).to_dict() == {
        "width": 2.5,
        "height": 8.0,
    }


def test_several_samples_are_answered_by_their_mean(ws: Workspace, audit: str) -> None:
    asked, vectors = add_question(ws, audit, OWN, rows=ROWS)
    embeddings = ws.run_array(audit, "dvemb-embeddings")
    for of, rows, said in (
        ("class", [0, 2], "On class **elm**: mean over its 2 samples of your own"),
        ("all", [0, 1, 2], "Mean over all 3 samples of your own"),
    ):
        app = open_influence(question=asked)
        assert "All of these" in app.segmented_control(key="of").options
        app = app.segmented_control(key="of").set_value(of).run()
        assert asked_line(app) == said
        exact = embeddings @ vectors[0, rows].mean(0)
        assert influence_table(app, "helped")["Id"].iat[0] == str(int(np.nanargmax(exact)))


def test_a_picture_is_shown_with_its_answer(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_pictures(ws, tmp_path, each=8)
    audit, _ = add_influence(ws, run)
    asked, _ = add_question(
        ws, audit, {"a_b.png": "elm"}, pictures=[_png()], unreadable=[["bad.png", "damaged"]]
    )
    app = open_influence(question=asked)
    assert len(app.image) == 1
    said = texts(app)
    assert r"On **a\_b\.png**, label **elm**" in said
    assert r"1 entry of the file could not be read: bad\.png\: damaged" in said
    assert "of" not in [item.key for item in app.segmented_control]
    assert "Helped most" in said


def test_what_a_person_should_know_of_the_features_is_said(ws: Workspace, audit: str) -> None:
    asked, _ = add_question(ws, audit, OWN, rows=ROWS, notes=["Categories (c) are unknown."])
    assert r"Categories \(c\) are unknown\." in texts(open_influence(question=asked))


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (RunStatus.RUNNING, "Question: working"),
        (RunStatus.FAILED, "Question failed at 0%"),
        (RunStatus.CANCELLED, "Question was cancelled"),
    ],
)
def test_a_question_without_an_answer_says_why(
    ws: Workspace, audit: str, status: RunStatus, said: str
) -> None:
    asked, _ = add_question(ws, audit, OWN, status=status, error="own lacks 2 columns: a, b")
    app = open_influence(question=asked)
    everything = "\n".join([texts(app), *(item.value for item in app.error)])
    assert said in everything
    assert ("own lacks 2 columns" in everything) is (status is RunStatus.FAILED)
    assert "Helped most" not in everything
    if status is RunStatus.FAILED:
        app = button_of(app, "Change the set-up").click().run()
        assert in_address(app, "question") == "new"


# Earlier questions


def test_earlier_questions_are_reopened_and_deleted(ws: Workspace, audit: str) -> None:
    first, _ = add_question(ws, audit, {"first.csv": "elm"}, rows=ROWS.iloc[:1])
    second, _ = add_question(ws, audit, {"second.csv": "oak"}, rows=ROWS.iloc[:1])
    app = open_influence(question="new")
    earlier = app.selectbox(key="question_earlier")
    assert [text.split(":")[1].split(",")[0] for text in earlier.options] == [
        " second.csv",
        " first.csv",
    ]
    app = earlier.set_value(first).run()
    assert in_address(app, "question") == first
    assert asked_line(app) == r"On **first\.csv**, label **elm**"
    app = button_of(app, "Delete this question").click().run()
    assert not app.exception
    assert in_address(app, "question") == "new"
    assert [run.id for run in ws.runs(kind=RunKind.QUERY)] == [second]


@pytest.mark.parametrize("named", ["r9999", "x", "r0001"])
def test_an_address_without_a_question_offers_a_new_one(
    ws: Workspace, audit: str, named: str
) -> None:
    app = open_influence(question=named)
    assert in_address(app, "question") == "new"
    assert f"does not have: question '{named}'" in app.warning[0].value
    assert app.file_uploader


def test_answers_stay_when_the_trusted_set_is_gone(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    trusted = add_table(ws, tmp_path, "clean", rows=6)
    audit, _ = add_influence(ws, run, trusted=trusted)
    asked, _ = add_question(ws, audit, OWN, rows=ROWS)
    asked_of = {"dataset": ws.run(audit).dataset_id, "run": audit}
    assert open_influence(**asked_of, question="new").file_uploader
    ws.delete_dataset(trusted)
    app = open_influence(**asked_of, question=asked)
    assert asked_line(app).startswith("On **0**")
    assert len(influence_table(app, "helped"))
    app = open_influence(**asked_of, question="new")
    assert "This audit takes no new questions" in texts(app)
    assert "the trusted set is not in the workspace any more" in texts(app).replace("\\", "")
    assert not app.file_uploader
    app = app.selectbox(key="question_earlier").set_value(asked).run()
    assert asked_line(app).startswith("On **0**")


def test_a_question_to_another_audit_is_not_shown(ws: Workspace, audit: str) -> None:
    asked, _ = add_question(ws, audit, OWN, rows=ROWS)
    other, _ = add_influence(ws, audit, halves=True)
    app = open_influence(dataset=ws.run(audit).dataset_id, run=audit, question=asked)
    assert asked_line(app).startswith("On **0**")
    app = app.selectbox(key="choose_run").set_value(other).run()
    assert not app.exception
    assert in_address(app, "question") == "new"
    assert "question" not in " ".join(item.value for item in app.warning)


def test_an_audit_without_influence_names_the_question_it_was_asked(
    ws: Workspace, audit: str
) -> None:
    asked, _ = add_question(ws, audit, OWN, rows=ROWS)
    bare = add_audit(ws, ws.run(audit).dataset_id)
    of = {"dataset": ws.run(audit).dataset_id}
    app = open_influence(**of, run=bare, question=asked)
    assert "This audit has no influence" in texts(app)
    assert f"does not have: question '{asked}'" in app.warning[0].value
    app = open_influence(**of, run=audit, question=asked)
    app = app.selectbox(key="choose_run").set_value(bare).run()
    assert not app.warning
    assert "question" not in app.query_params


def test_what_describes_new_samples_is_kept_while_its_file_is_there(
    ws: Workspace, audit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {**influence_data.record_of(ws, ws.run(audit)), describing.KEY: "k"}
    monkeypatch.setattr(influence_data, "record_of", lambda *_: record)
    assert not influence_data.keeps_terms(ws, ws.run(audit)), "its cache was emptied"
    ws.feature_cache.mkdir(parents=True, exist_ok=True)
    (ws.feature_cache / "k.fitted.npz").touch()
    assert influence_data.keeps_terms(ws, ws.run(audit))
