"""Questions to an audit are answered as for the samples that the audit knew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from asking import (
    CLASSES,
    ROLES,
    Given,
    ask_about,
    audited_numbers,
    audited_pictures,
    audited_table,
    import_file,
    picture_of,
    pictures_of,
    run_audit,
    table_of,
    write_csv,
    write_zip,
)
from threadpoolctl import threadpool_limits

from dvaudit import audits
from dvaudit.audits import questions
from dvaudit.core.errors import NotFoundError
from dvaudit.store import RunKind, Workspace


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


def _same(found: np.ndarray, picked: np.ndarray) -> None:
    """Where picking answers, the question answers the same."""
    known = np.isfinite(picked)
    assert known.any()
    size = np.abs(picked[known]).max()
    np.testing.assert_allclose(found[known], picked[known], rtol=1e-5, atol=1e-5 * size)


# The same answers as for samples that the audit knew


def test_a_copy_of_a_trusted_picture_is_answered_as_by_picking_it(pictures: Given) -> None:
    name, content = list(pictures_of(4, 1).items())[5]
    own = pictures.folder / "my own.png"
    own.write_bytes(content)
    asked = ask_about(pictures, own, label="vale")
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
    asked = ask_about(pictures, write_zip(pictures.folder / "again.zip", pictures_of(4, 1)))
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
    asked = ask_about(table, write_csv(table, table_of(41, 0).iloc[[3, 20]]))
    picked = audits.queries_of(table.ws, table.audit)
    for row, position in enumerate((3, 20)):
        found = questions.influence_of_question(table.ws, asked, [row])
        query = picked.index[picked["position"] == position][0]
        _same(found, audits.influence_on(table.ws, table.audit, query))
        assert np.isfinite(found).all()  # the other half answers too: it was not trained on either
    shown = questions.rows_of_question(table.ws, asked)
    assert list(shown) == ["x", "c", "note", "height"]
    assert shown["c"].tolist() == table_of(41, 0)["c"].iloc[[3, 20]].tolist()


def test_numbers_are_answered_as_by_picking_them(numbers: Given) -> None:
    own = table_of(6, 1)
    asked = ask_about(numbers, write_csv(numbers, own))
    _same(
        questions.influence_of_question(numbers.ws, asked, [4]),
        audits.influence_on(numbers.ws, numbers.audit, 4),
    )
    target = repr(float(own["height"].iloc[2]))
    alone = own.drop(columns="height").iloc[[2]]
    asked = ask_about(numbers, write_csv(numbers, alone, "alone.csv"), label=target)
    _same(
        questions.influence_of_question(numbers.ws, asked, [0]),
        audits.influence_on(numbers.ws, numbers.audit, 2),
    )


def test_another_label_is_another_question(pictures: Given) -> None:
    own = pictures.folder / "either.png"
    own.write_bytes(picture_of(0, np.random.default_rng(9)))
    hill, vale = (
        questions.influence_of_question(pictures.ws, ask_about(pictures, own, label=label), [0])
        for label in CLASSES
    )
    assert np.corrcoef(hill, vale)[0, 1] < 0


def test_a_dataset_of_the_workspace_may_be_asked_about(pictures: Given) -> None:
    trusted = pictures.ws.run(pictures.audit).params["trusted"]
    asked = ask_about(pictures, dataset=trusted)
    _same(
        questions.influence_of_question(pictures.ws, asked, [6]),
        audits.influence_on(pictures.ws, pictures.audit, 6),
    )


def test_a_class_that_only_trusted_samples_have_may_be_asked_about(tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        clean = table_of(6, 1)
        clean.loc[2, "label"] = "coast"
        table_of(40, 0).to_csv(tmp_path / "data.csv", index=False)
        clean.to_csv(tmp_path / "clean.csv", index=False)
        both = [import_file(ws, tmp_path / name, roles=ROLES) for name in ("data.csv", "clean.csv")]
        given = Given(ws, run_audit(ws, *both), tmp_path)
        assert questions.classes_of(ws, given.audit) == ("hill", "vale", "coast")
        own = write_csv(given, clean.iloc[[2]].drop(columns="label"))
        asked = ask_about(given, own, label="coast")
        _same(
            questions.influence_of_question(ws, asked, [0]),
            audits.influence_on(ws, given.audit, 2),
        )


# Runs


def test_questions_are_listed_newest_first_and_can_be_deleted(pictures: Given) -> None:
    own = pictures.folder / "listed.png"
    own.write_bytes(picture_of(1, np.random.default_rng(4)))
    first, second = (ask_about(pictures, own, label=label) for label in CLASSES)
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
    own.write_bytes(picture_of(1, np.random.default_rng(4)))
    asked = ask_about(pictures, own, label="vale")
    with pytest.raises(NotFoundError, match="it has 1"):
        questions.influence_of_question(pictures.ws, asked, rows)
