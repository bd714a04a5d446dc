"""Questions to an audit: a person's own samples, against the samples that the audit knew."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from threadpoolctl import threadpool_limits

from dvaudit import answering, audits, jobs
from dvaudit.audits import questions
from dvaudit.core.errors import DvauditError, NotFoundError, SettingsError, UnsuitableDataError
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.valuators.trained import net_inputs

CLASSES = ("hill", "vale")
FAST = {"dvemb": {"epochs": 2, "batch": 8, "projection": 64, "components": 12}}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@dataclass(frozen=True)
class Given:
    """A workspace with an audit, and files of samples that it may be asked about."""

    ws: Workspace
    audit: str
    folder: Path


def _picture(code: int, rng: np.random.Generator) -> bytes:
    pixels = rng.integers(0, 120, (12, 12), dtype=np.uint8)
    pixels[6 * code : 6 * code + 6] += 100
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _pictures(each: int, seed: int) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {
        f"{name}/{at:02d}.png": _picture(code, rng)
        for code, name in enumerate(CLASSES)
        for at in range(each)
    }


def _table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    codes = np.arange(rows) % 2
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows) + 2 * codes,
            "c": rng.choice(["a", "b", "c"], rows),
            "note": rng.choice(["one word", "two words here", "no"], rows),
            "height": 170 + 5 * codes + rng.normal(size=rows),
            "label": np.array(CLASSES)[codes],
        }
    )


def _import(ws: Workspace, path: Path, **given: object) -> str:
    run = audits.start_import(ws, path, name=path.stem, **given)  # type: ignore[arg-type]
    jobs.work_here(ws, run)
    return ws.run(run).dataset_id


def _audit(ws: Workspace, dataset: str, trusted: str | None = None, **more: object) -> str:
    settings = {"dvemb": {**FAST["dvemb"], **more}}
    run = audits.start_audit(ws, dataset, ["dvemb"], settings=settings, trusted=trusted)
    jobs.work_here(ws, run)
    assert ws.run(run).status is RunStatus.DONE, ws.run(run).error
    return run


ROLES = {"x": "numeric", "c": "categorical", "note": "text", "height": "numeric", "label": "label"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """Pictures with a trusted set of pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    with Workspace(folder / "home") as ws:
        data = _import(ws, _zip(folder / "data.zip", _pictures(15, 0)))
        trusted = _import(ws, _zip(folder / "clean.zip", _pictures(4, 1)))
        yield Given(ws, _audit(ws, data, trusted), folder)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """A table without a trusted set, valued in two halves."""
    folder = tmp_path_factory.mktemp("table")
    with Workspace(folder / "home") as ws:
        _table(41, 0).to_csv(folder / "data.csv", index=False)
        yield Given(ws, _audit(ws, _import(ws, folder / "data.csv", roles=ROLES)), folder)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """A table for regression with a trusted set."""
    folder = tmp_path_factory.mktemp("numbers")
    with Workspace(folder / "home") as ws:
        _table(40, 0).to_csv(folder / "data.csv", index=False)
        _table(6, 1).to_csv(folder / "clean.csv", index=False)
        roles = {**ROLES, "height": "label", "label": "categorical"}
        both = [
            _import(ws, folder / name, roles=roles, task="regression")
            for name in ("data.csv", "clean.csv")
        ]
        yield Given(ws, _audit(ws, *both), folder)


def _work(given: Given, run_id: str) -> RunRecord:
    jobs.work_here(given.ws, run_id)
    return given.ws.run(run_id)


def _ask(given: Given, path: Path | None = None, **more: str) -> str:
    run = _work(given, questions.ask(given.ws, given.audit, path, **more))
    assert run.status is RunStatus.DONE, run.error
    return run.id


def _refused(given: Given, path: Path, **more: str) -> str:
    asked = questions.ask(given.ws, given.audit, path, **more)
    with pytest.raises(DvauditError):
        jobs.work_here(given.ws, asked)
    run = given.ws.run(asked)
    assert run.status is RunStatus.FAILED
    assert run.error
    return run.error


def _csv(given: Given, frame: pd.DataFrame, name: str = "own.csv") -> Path:
    frame.to_csv(given.folder / name, index=False)
    return given.folder / name


def _same(found: np.ndarray, picked: np.ndarray) -> None:
    """Where picking answers, the question answers the same."""
    known = np.isfinite(picked)
    assert known.any()
    size = np.abs(picked[known]).max()
    np.testing.assert_allclose(found[known], picked[known], rtol=1e-5, atol=1e-5 * size)


# The same answers as for samples that the audit knew


def test_a_copy_of_a_trusted_picture_is_answered_as_by_picking_it(pictures: Given) -> None:
    name, content = list(_pictures(4, 1).items())[5]
    own = pictures.folder / "my own.png"
    own.write_bytes(content)
    asked = _ask(pictures, own, label="vale")
    picked = audits.queries_of(pictures.ws, pictures.audit)
    row = picked.index[picked["id"] == name][0]
    _same(
        questions.influence_of_question(pictures.ws, asked, [0]),
        audits.influence_on(pictures.ws, pictures.audit, row),
    )
    assert questions.samples_of_question(pictures.ws, asked).to_dict("list") == {
        "id": ["my own.png"],
        "label": ["vale"],
    }
    assert own.exists()  # what does not lie among the uploads is copied


def test_a_zip_of_the_trusted_pictures_is_answered_as_by_picking_them(pictures: Given) -> None:
    asked = _ask(pictures, _zip(pictures.folder / "again.zip", _pictures(4, 1)))
    picked = audits.queries_of(pictures.ws, pictures.audit)
    own = questions.samples_of_question(pictures.ws, asked)
    assert own["id"].tolist() == picked["id"].tolist()
    assert own["label"].tolist() == picked["label"].tolist()
    for rows in ([2], [0, 3, 7]):
        _same(
            questions.influence_of_question(pictures.ws, asked, rows),
            audits.mean_influence(pictures.ws, pictures.audit, rows),
        )


def test_rows_of_the_data_are_answered_in_both_halves(table: Given) -> None:
    asked = _ask(table, _csv(table, _table(41, 0).iloc[[3, 20]]))
    picked = audits.queries_of(table.ws, table.audit)
    for row, position in enumerate((3, 20)):
        found = questions.influence_of_question(table.ws, asked, [row])
        query = picked.index[picked["position"] == position][0]
        _same(found, audits.influence_on(table.ws, table.audit, query))
        assert np.isfinite(found).all()  # the other half answers too: it was not trained on either
    shown = questions.rows_of_question(table.ws, asked)
    assert list(shown) == ["x", "c", "note", "height"]
    assert shown["c"].tolist() == _table(41, 0)["c"].iloc[[3, 20]].tolist()


def test_numbers_are_answered_as_by_picking_them(numbers: Given) -> None:
    own = _table(6, 1)
    asked = _ask(numbers, _csv(numbers, own))
    _same(
        questions.influence_of_question(numbers.ws, asked, [4]),
        audits.influence_on(numbers.ws, numbers.audit, 4),
    )
    target = repr(float(own["height"].iloc[2]))
    alone = own.drop(columns="height").iloc[[2]]
    asked = _ask(numbers, _csv(numbers, alone, "alone.csv"), label=target)
    _same(
        questions.influence_of_question(numbers.ws, asked, [0]),
        audits.influence_on(numbers.ws, numbers.audit, 2),
    )


def test_another_label_is_another_question(pictures: Given) -> None:
    own = pictures.folder / "either.png"
    own.write_bytes(_picture(0, np.random.default_rng(9)))
    hill, vale = (
        questions.influence_of_question(pictures.ws, _ask(pictures, own, label=label), [0])
        for label in CLASSES
    )
    assert np.corrcoef(hill, vale)[0, 1] < 0


def test_a_dataset_of_the_workspace_may_be_asked_about(pictures: Given) -> None:
    trusted = pictures.ws.run(pictures.audit).params["trusted"]
    asked = _ask(pictures, dataset=trusted)
    _same(
        questions.influence_of_question(pictures.ws, asked, [6]),
        audits.influence_on(pictures.ws, pictures.audit, 6),
    )


# What is read


def test_folders_that_are_no_classes_are_no_labels(pictures: Given) -> None:
    files = {f"new ones/{at}.png": _picture(0, np.random.default_rng(at)) for at in range(3)}
    asked = _ask(pictures, _zip(pictures.folder / "folder.zip", files), label="hill")
    assert questions.samples_of_question(pictures.ws, asked)["label"].tolist() == ["hill"] * 3


def test_a_label_in_the_file_is_not_replaced(table: Given) -> None:
    own = _table(4, 5)
    own.loc[1, "label"] = None
    asked = _ask(table, _csv(table, own.assign(more=1)), label="vale")
    found = questions.samples_of_question(table.ws, asked)["label"].tolist()
    assert found == ["hill", "vale", "hill", "vale"]


def test_unknown_categories_and_cells_without_a_number_are_said(table: Given) -> None:
    own = _table(3, 5).assign(c="unheard", x=["1.5", "none at all", "2"])
    notes = table.ws.run_summary(_ask(table, _csv(table, own)))["notes"]
    assert len(notes) == 2
    assert "x (1)" in notes[0]
    assert "c (3)" in notes[1]


def test_pictures_are_kept_to_be_shown(pictures: Given) -> None:
    files = dict(list(_pictures(2, 6).items())[1:3])
    asked = _ask(pictures, _zip(pictures.folder / "two.zip", files))
    for row, content in enumerate(files.values()):
        shown = Image.open(io.BytesIO(questions.picture_of_question(pictures.ws, asked, row)))
        assert max(shown.size) == answering.ENLARGED_SIDE // 12 * 12
        own = Image.open(io.BytesIO(content))
        assert np.array_equal(np.asarray(shown.resize(own.size, 0)), np.asarray(own))
    with pytest.raises(NotFoundError, match="no sample 2"):
        questions.picture_of_question(pictures.ws, asked, 2)


def test_what_cannot_be_read_beside_others_is_listed(pictures: Given) -> None:
    files = {"hill/0.png": _picture(0, np.random.default_rng(1)), "hill/1.png": b"no picture"}
    asked = _ask(pictures, _zip(pictures.folder / "broken.zip", files))
    assert questions.samples_of_question(pictures.ws, asked)["id"].tolist() == ["hill/0.png"]
    assert [name for name, _ in pictures.ws.run_summary(asked)["unreadable"]] == ["hill/1.png"]


# Refusals


def test_pictures_that_cannot_be_asked_about_are_refused_with_the_reason(pictures: Given) -> None:
    folder = pictures.folder
    broken = folder / "broken.png"
    broken.write_bytes(b"no picture")
    assert "not a picture" in _refused(pictures, broken, label="hill")
    own = folder / "unlabelled.png"
    own.write_bytes(_picture(0, np.random.default_rng(3)))
    assert "1 of 1 samples have no label: unlabelled.png" in _refused(pictures, own)
    strange = _zip(folder / "strange.zip", {"sea/0.png": own.read_bytes(), "hill/1.png": b""})
    assert "does not know: 'sea'" in _refused(pictures, strange)
    assert "broken.csv holds a table" in _refused(
        pictures, _csv(pictures, _table(2, 0), "broken.csv"), label="hill"
    )
    many = {f"hill/{at}.png": own.read_bytes() for at in range(201)}
    assert "holds 201 samples and a question at most 200" in _refused(
        pictures, _zip(folder / "many.zip", many)
    )


def test_tables_of_other_columns_are_refused(table: Given, pictures: Given) -> None:
    own = _csv(table, _table(2, 0).drop(columns=["x", "note"]))
    assert "lacks 2 of the columns that data has: x, note" in _refused(table, own)
    picture = table.folder / "own.png"
    picture.write_bytes(_picture(0, np.random.default_rng(0)))
    assert "own.png holds pictures, and data a table" in _refused(table, picture, label="hill")


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
    bare = _audit(ws, data, embeddings=False)
    assert "run the audit again" in questions.cannot_ask(ws, bare)
    with pytest.raises(UnsuitableDataError, match="run the audit again"):
        questions.ask(ws, bare, own)
    record = answering.record_of(ws, pictures.audit)
    older = {key: value for key, value in record.items() if not key.startswith("end")}
    monkeypatch.setattr(questions, "record_of", lambda *_: older)
    assert "before dvaudit kept the end" in questions.cannot_ask(ws, pictures.audit)


def test_features_that_come_out_otherwise_are_refused(
    pictures: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "net_inputs", lambda *a, **k: 1.5 * net_inputs(*a, **k) + 0.1)
    own = pictures.folder / "shifted.png"
    own.write_bytes(_picture(1, np.random.default_rng(4)))
    assert "run the audit again" in _refused(pictures, own, label="vale")


# Runs


def test_questions_are_listed_newest_first_and_can_be_deleted(pictures: Given) -> None:
    own = pictures.folder / "listed.png"
    own.write_bytes(_picture(1, np.random.default_rng(4)))
    first, second = (_ask(pictures, own, label=label) for label in CLASSES)
    listed = [run.id for run in questions.questions_of(pictures.ws, pictures.audit)]
    assert listed[:2] == [second, first]
    assert pictures.ws.run(second).kind is RunKind.QUERY
    folder = pictures.ws.run_dir(first)
    pictures.ws.delete_run(first)
    assert not folder.exists()
    assert first not in [run.id for run in questions.questions_of(pictures.ws, pictures.audit)]


@pytest.mark.parametrize("rows", [[-1], [1], []])
def test_rows_that_are_not_there_are_named(pictures: Given, rows: list[int]) -> None:
    own = pictures.folder / "one.png"
    own.write_bytes(_picture(1, np.random.default_rng(4)))
    asked = _ask(pictures, own, label="vale")
    with pytest.raises(NotFoundError, match="it has 1"):
        questions.influence_of_question(pictures.ws, asked, rows)
