"""What a question reads of a file, and what it refuses."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from asking import (
    Given,
    ask_about,
    audited_numbers,
    audited_pictures,
    audited_table,
    picture_of,
    pictures_of,
    refusal_of,
    run_audit,
    table_of,
    write_csv,
    write_zip,
)
from PIL import Image
from threadpoolctl import threadpool_limits

from dvaudit import answering
from dvaudit.audits import questions
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError
from dvaudit.store import RunKind
from dvaudit.valuators import dvemb_question
from dvaudit.valuators.dvemb_question import question_gradients


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """Pictures with a trusted set of pictures."""
    with audited_pictures(tmp_path_factory.mktemp("pictures")) as given:
        yield given


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """A table without a trusted set, valued in two halves."""
    with audited_table(tmp_path_factory.mktemp("table")) as given:
        yield given


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """A table for regression with a trusted set."""
    with audited_numbers(tmp_path_factory.mktemp("numbers")) as given:
        yield given


# What is read


def test_folders_that_are_no_classes_are_no_labels(pictures: Given) -> None:
    files = {f"new ones/{at}.png": picture_of(0, np.random.default_rng(at)) for at in range(3)}
    asked = ask_about(pictures, write_zip(pictures.folder / "folder.zip", files), label="hill")
    assert questions.samples_of_question(pictures.ws, asked)["label"].tolist() == ["hill"] * 3


def test_a_label_in_the_file_is_not_replaced(table: Given) -> None:
    own = table_of(4, 5)
    own.loc[1, "label"] = None
    asked = ask_about(table, write_csv(table, own.assign(more=1)), label="vale")
    found = questions.samples_of_question(table.ws, asked)["label"].tolist()
    assert found == ["hill", "vale", "hill", "vale"]


def test_unknown_categories_and_cells_without_a_number_are_said(table: Given) -> None:
    own = table_of(3, 5).assign(c="unheard", x=["1.5", "none at all", "2"])
    notes = table.ws.run_summary(ask_about(table, write_csv(table, own)))["notes"]
    assert len(notes) == 2
    assert "x (1)" in notes[0]
    assert "c (3)" in notes[1]


def test_pictures_are_kept_to_be_shown(pictures: Given) -> None:
    files = dict(list(pictures_of(2, 6).items())[1:3])
    asked = ask_about(pictures, write_zip(pictures.folder / "two.zip", files))
    for row, content in enumerate(files.values()):
        shown = Image.open(io.BytesIO(questions.picture_of_question(pictures.ws, asked, row)))
        assert max(shown.size) == answering.ENLARGED_SIDE // 12 * 12
        own = Image.open(io.BytesIO(content))
        assert np.array_equal(np.asarray(shown.resize(own.size, 0)), np.asarray(own))
    with pytest.raises(NotFoundError, match="no sample 2"):
        questions.picture_of_question(pictures.ws, asked, 2)


def test_what_cannot_be_read_beside_others_is_listed(pictures: Given) -> None:
    files = {"hill/0.png": picture_of(0, np.random.default_rng(1)), "hill/1.png": b"no picture"}
    asked = ask_about(pictures, write_zip(pictures.folder / "broken.zip", files))
    assert questions.samples_of_question(pictures.ws, asked)["id"].tolist() == ["hill/0.png"]
    assert [name for name, _ in pictures.ws.run_summary(asked)["unreadable"]] == ["hill/1.png"]


# Refusals


def test_pictures_that_cannot_be_asked_about_are_refused_with_the_reason(pictures: Given) -> None:
    folder = pictures.folder
    broken = folder / "broken.png"
    broken.write_bytes(b"no picture")
    assert "not a picture" in refusal_of(pictures, broken, label="hill")
    own = folder / "unlabelled.png"
    own.write_bytes(picture_of(0, np.random.default_rng(3)))
    assert "1 of 1 samples have no label: unlabelled.png" in refusal_of(pictures, own)
    strange = write_zip(folder / "strange.zip", {"sea/0.png": own.read_bytes(), "hill/1.png": b""})
    assert "does not know: 'sea'" in refusal_of(pictures, strange)
    assert "broken.csv holds a table" in refusal_of(
        pictures, write_csv(pictures, table_of(2, 0), "broken.csv"), label="hill"
    )
    many = {f"hill/{at}.png": own.read_bytes() for at in range(201)}
    assert "holds 201 samples and a question at most 200" in refusal_of(
        pictures, write_zip(folder / "many.zip", many)
    )


def test_tables_of_other_columns_are_refused(table: Given, pictures: Given) -> None:
    own = write_csv(table, table_of(2, 0).drop(columns=["x", "note"]))
    assert "lacks 2 of the columns that data has: x, note" in refusal_of(table, own)
    picture = table.folder / "own.png"
    picture.write_bytes(picture_of(0, np.random.default_rng(0)))
    assert "own.png holds pictures, and data a table" in refusal_of(table, picture, label="hill")


def test_a_label_that_the_audit_does_not_know_is_refused_at_once(
    pictures: Given, numbers: Given
) -> None:
    before = pictures.ws.runs(kind=RunKind.QUERY)
    own = pictures.folder / "unused.png"
    own.write_bytes(b"")
    with pytest.raises(SettingsError, match="no class 'sea'; choose one of: hill, vale"):
        questions.ask(pictures.ws, pictures.audit, own, label="sea")
    with pytest.raises(SettingsError, match="'tall' is no number"):
        questions.ask(numbers.ws, numbers.audit, own, label="tall")
    with pytest.raises(NotFoundError, match="no file"):
        questions.ask(pictures.ws, pictures.audit, pictures.folder / "absent.png")
    for given in ({}, {"path": own, "dataset": "d0001"}):
        with pytest.raises(SettingsError, match="one of the two"):
            questions.ask(pictures.ws, pictures.audit, **given)  # type: ignore[arg-type]
    assert pictures.ws.runs(kind=RunKind.QUERY) == before


def test_an_audit_that_keeps_no_end_says_what_to_do(
    pictures: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, own = pictures.ws, pictures.folder / "clean.zip"
    data = ws.run(pictures.audit).dataset_id
    bare = run_audit(ws, data, embeddings=False)
    assert "run the audit again" in questions.cannot_ask(ws, bare)
    with pytest.raises(UnsuitableDataError, match="run the audit again"):
        questions.ask(ws, bare, own)
    record = answering.record_of(ws, pictures.audit)
    older = {key: value for key, value in record.items() if not key.startswith("end")}
    monkeypatch.setattr(questions, "record_of", lambda *_: older)
    assert "before dvaudit kept the end" in questions.cannot_ask(ws, pictures.audit)


def test_known_samples_that_come_out_otherwise_are_refused(
    pictures: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        dvemb_question, "question_gradients", lambda *given: 1.5 * question_gradients(*given)
    )
    own = pictures.folder / "shifted.png"
    own.write_bytes(picture_of(1, np.random.default_rng(4)))
    assert "run the audit again" in refusal_of(pictures, own, label="vale")
