"""Data: from a file to a dataset, and the health of it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from appview import (
    add_audit,
    add_table,
    in_address,
    open_page,
    texts,
    write_table,
)
from PIL import Image
from streamlit.testing.v1 import AppTest

from dvaudit import readers
from dvaudit.core.dataset import Task
from dvaudit.store import DatasetStatus, RunKind, RunStatus, Workspace
from dvaudit.ui import glance, health, importing
from dvaudit.ui.words import plain


def _button(app: AppTest, label: str) -> object:
    return next(button for button in app.button if button.label == label)


def _failed_import(ws: Workspace, dataset: str, error: str) -> str:
    run = ws.add_run(dataset, RunKind.IMPORT, {"function": "none:none"})
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.queue.finish(run, begun.attempt, RunStatus.FAILED, error)
    return run


def _metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_the_first_visit_offers_an_upload_and_says_what_follows(ws: Workspace) -> None:
    app = open_page("data")
    assert app.title[0].value == "Add a dataset"
    assert "Export" in texts(app)


def test_a_path_on_this_machine_is_previewed_and_imported(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    app = open_page("data")
    app.segmented_control(key="import_way").set_value(importing.SERVER).run()
    app.text_input[0].set_value(str(path))
    _button(app, "Continue").click().run()  # type: ignore[attr-defined]
    assert "csv · 30 rows · 2 classes" in texts(app)
    assert app.text_input[0].value == "trees"
    app.text_input[0].set_value("My trees").run()
    _button(app, "Import").click().run()  # type: ignore[attr-defined]
    record = ws.datasets()[0]
    assert (record.name, record.status) == ("My trees", DatasetStatus.IMPORTING)
    assert record.roles["kind"] == "label"
    assert record.source.read_bytes() == path.read_bytes()
    assert record.source != path
    assert ws.runs(record.id, RunKind.IMPORT)[0].status is RunStatus.QUEUED
    assert "waiting for its turn" in texts(app)
    assert not {"add", "path"} & set(app.query_params)


def test_roles_can_be_corrected(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    app = open_page("data", {"path": str(path)})
    key = f"import_roles_{path}"
    app.session_state[key] = {
        "edited_rows": {2: {"Role": "ignored"}}, "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    app.run()
    _button(app, "Import").click().run()  # type: ignore[attr-defined]
    assert ws.datasets()[0].roles == {"width": "numeric", "height": "ignored", "kind": "label"}


def test_a_second_label_is_refused_before_the_import(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    app = open_page("data", {"path": str(path)})
    app.session_state[f"import_roles_{path}"] = {
        "edited_rows": {2: {"Role": "label"}}, "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    app.run()
    (error,) = app.error
    assert plain("2 columns have the role label: kind, height") in error.value
    assert _button(app, "Import").disabled  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("content", "task", "said"),
    [
        ("a,b,label\n1,7,x\n1,7,y\n1,7,x\n1,7,y\n", None, "no feature column"),
        ("a,b,label\n1,7,x\n", None, "no feature column"),
        ("a,label\n1,x\n2,y\n3,x\n4,y\n", Task.REGRESSION, "Regression needs numbers"),
    ],
)
def test_what_can_only_fail_is_refused_in_the_form(
    ws: Workspace, tmp_path: Path, content: str, task: Task | None, said: str
) -> None:
    path = tmp_path / "doomed.csv"
    path.write_text(content)
    app = open_page("data", {"path": str(path)})
    if task is not None:
        assert not app.error
        app.segmented_control(key=f"import_task_{path}").set_value(task).run()
    (error,) = app.error
    assert said in error.value
    assert _button(app, "Import").disabled  # type: ignore[attr-defined]


def test_the_head_follows_the_roles(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    app = open_page("data", {"path": str(path)})
    assert "csv · 30 rows · 2 classes" in texts(app)
    app.session_state[f"import_roles_{path}"] = {
        "edited_rows": {0: {"Role": "ignored"}, 2: {"Role": "label"}},
        "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    app.segmented_control(key=f"import_task_{path}").set_value(Task.CLASSIFICATION).run()
    assert "csv · 30 rows · 30 classes" in texts(app)
    assert "2 classes" not in texts(app)


def test_a_failed_import_leads_back_to_its_form(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    roles = {"width": "numeric", "height": "ignored", "kind": "label"}
    dataset = ws.add_dataset("My trees", path, copy=True, roles=roles, task="regression")
    run = _failed_import(ws, dataset, "Regression needs numbers")
    path.unlink()
    app = open_page("data")
    _button(app, "Change the set-up").click().run()  # type: ignore[attr-defined]
    assert app.text_input[0].value == "My trees"
    assert "Regression needs numbers" in app.error[0].value
    source = ws.dataset(dataset).source
    app.segmented_control(key=f"import_task_{source}").set_value(Task.CLASSIFICATION).run()
    assert not app.error
    _button(app, "Import").click().run()  # type: ignore[attr-defined]
    (record,) = ws.datasets()
    assert (record.id, record.status) == (dataset, DatasetStatus.IMPORTING)
    assert (record.roles, record.task) == (roles, Task.CLASSIFICATION)
    assert ws.run(run).status is RunStatus.QUEUED
    assert not {"add", "again"} & set(app.query_params)


@pytest.mark.parametrize("again", ["d0001", "d9999", "../x"])
def test_only_a_failed_import_is_set_up_again(ws: Workspace, tmp_path: Path, again: str) -> None:
    add_table(ws, tmp_path)
    app = open_page("data", {"add": "1", "again": again})
    assert not app.exception
    assert app.segmented_control(key="import_way").value == importing.UPLOAD


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [(b"", "empty.csv", "empty"), (b"not a zip", "photos.zip", "zip"), (None, "none.csv", "no")],
)
def test_a_file_that_cannot_be_read_is_explained(
    ws: Workspace, tmp_path: Path, content: bytes | None, name: str, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    app = open_page("data", {"path": str(tmp_path / name)})
    assert not app.exception
    assert said in app.error[0].value
    _button(app, "Choose another file").click().run()  # type: ignore[attr-defined]
    assert not app.error


def test_an_upload_that_is_gone_asks_again(ws: Workspace) -> None:
    app = open_page("data", {"upload": "0" * 24 + "/gone.zip"})
    assert plain("gone.zip") in app.warning[0].value
    assert app.segmented_control(key="import_way").value == importing.UPLOAD


def test_an_uploaded_file_survives_a_reload_and_moves_on_import(
    ws: Workspace, tmp_path: Path
) -> None:
    folder = ws.uploads / ("a" * 24)
    folder.mkdir()
    write_table(folder / "trees.csv")
    reference = {"upload": f"{'a' * 24}/trees.csv"}
    assert "30 rows" in texts(open_page("data", reference))
    app = open_page("data", reference)
    _button(app, "Import").click().run()  # type: ignore[attr-defined]
    assert ws.datasets()[0].source.is_file()
    assert list(ws.uploads.iterdir()) == []


def test_health_counts_what_is_wrong_before_any_audit(ws: Workspace, tmp_path: Path) -> None:
    rows = pd.read_csv(write_table(tmp_path / "trees.csv", 20))
    rows = pd.concat([rows, rows.iloc[[0, 0, 5]]], ignore_index=True)
    rows.loc[7, "kind"] = None
    rows.to_csv(tmp_path / "trees.csv", index=False)
    dataset = ws.add_dataset("trees", tmp_path / "trees.csv", copy=False, roles={}, task=None)
    ws.finish_dataset(dataset, readers.load(tmp_path / "trees.csv"))
    app = open_page("data")
    assert not app.exception
    assert _metrics(app) == {
        "Samples": "23",
        "Classes": "2",
        "Missing labels": "1",
        "Unreadable": "0",
        "Exact duplicates": "5",
    }
    assert "in 2 groups" in texts(app)


def test_pictures_that_cannot_be_read_are_listed(ws: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(4):
            file = io.BytesIO()
            Image.fromarray(np.full((9, 9), 50 * index, dtype=np.uint8)).save(file, "PNG")
            archive.writestr(f"{'cat' if index % 2 else 'dog'}/{index}.png", file.getvalue())
        archive.writestr("cat/text.png", b"hello")
    app = open_page("data", {"path": str(path)})
    assert not app.exception
    assert "image zip · 5 images · 2 classes" in texts(app)
    dataset = ws.add_dataset("pets", path, copy=True, roles={}, task=None)
    ws.finish_dataset(dataset, readers.load(path))
    app = open_page("data")
    assert not app.exception
    assert _metrics(app)["Unreadable"] == "1"
    tables = [frame.value for frame in app.dataframe if "Reason" in frame.value]
    assert tables[0]["Name"].tolist() == ["cat/text.png"]


def test_regression_shows_numbers_not_classes(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    roles = {"height": "label"}
    dataset = ws.add_dataset("trees", path, copy=False, roles=roles, task="regression")
    ws.finish_dataset(dataset, readers.load(path, roles=roles, task="regression"))
    app = open_page("data")
    assert not app.exception
    assert "Classes" not in _metrics(app)
    found = health.health_of(ws, ws.dataset(dataset))
    assert found.targets is not None
    assert found.targets.tolist() == [100.0 - 3 * i for i in range(30)]


def test_without_labels_the_guessed_label_becomes_a_feature(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    app = open_page("data", {"path": str(path)})
    app.segmented_control(key=f"import_task_{path}").set_value(Task.UNSUPERVISED).run()
    assert "Without labels 'kind' is a feature (categorical)." in texts(app)
    (columns,) = [one.value for one in app.dataframe if "Role" in one.value]
    shown = dict(zip(columns["Column"], columns["Role"], strict=True))
    assert shown == {"width": "numeric", "height": "numeric", "kind": "categorical"}
    _button(app, "Import").click().run()  # type: ignore[attr-defined]
    (record,) = ws.datasets()
    assert record.task is Task.UNSUPERVISED
    assert "label" not in record.roles.values()
    data = readers.load(record.source, roles=record.roles, task=record.task)
    assert data.roles["kind"] == "categorical"


def test_roles_that_were_set_stay_when_the_task_changes(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    app = open_page("data", {"path": str(path)})
    key, task = f"import_roles_{path}", app.segmented_control(key=f"import_task_{path}")

    def roles() -> dict[str, str]:
        (columns,) = [one.value for one in app.dataframe if "Role" in one.value]
        return dict(zip(columns["Column"], columns["Role"], strict=True))

    at = list(roles()).index("height")
    app.session_state[key] = {
        "edited_rows": {at: {"Role": "ignored"}}, "added_rows": [], "deleted_rows": [],
    }  # fmt: skip
    app.run()
    task.set_value(Task.UNSUPERVISED).run()
    assert roles() == {"width": "numeric", "height": "ignored", "kind": "categorical"}
    task.set_value(Task.CLASSIFICATION).run()
    assert roles() == {"width": "numeric", "height": "ignored", "kind": "label"}


def test_data_without_labels_leads_to_an_audit_and_to_what_it_found(
    ws: Workspace, tmp_path: Path
) -> None:
    path = write_table(tmp_path / "trees.csv")
    dataset = ws.add_dataset("trees", path, copy=False, roles={}, task="unsupervised")
    ws.finish_dataset(dataset, readers.load(path, task="unsupervised"))
    app = open_page("data")
    assert "An audit finds duplicates and outliers" in texts(app)
    assert "no labels · added" in texts(app).replace(r"\u00b7", "·")
    assert {metric.label for metric in app.metric} == {"Samples", "Unreadable", "Exact duplicates"}
    assert _button(app, "Audit this data")
    assert list(app.dataframe[0].value) == ["id", "width", "height", "kind"]
    run = add_audit(ws, dataset)
    found = ws.run_summary(run) | {"outliers": 2, "duplicate_groups": 1}
    ws.save_findings(run, ws.run_samples(run), {}, found, {})
    app = open_page("data")
    assert "The last audit found 2 outliers and 1 group of duplicates." in texts(app)
    assert _button(app, "See the samples")


def test_pictures_listed_in_a_table_are_previewed_with_their_labels(
    ws: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(4):
            file = io.BytesIO()
            Image.fromarray(np.full((9, 9), 50 * index, dtype=np.uint8)).save(file, "PNG")
            archive.writestr(f"{index}.png", file.getvalue())
        archive.writestr("labels.csv", "path,label\n3.png,cat\n1.png,dog\n0.png,\n2.png,cat\n")
    shown = glance._pictures(str(path), "image-zip", None, "label")
    assert [words for words, _ in shown] == ["cat", "dog", "no label", "cat"]
    unlabelled = glance._pictures(str(path), "image-zip", None, None)
    assert [words for words, _ in unlabelled] == ["3.png", "1.png", "0.png", "2.png"]


def test_a_failed_import_says_why_and_can_be_tried_again(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    dataset = ws.add_dataset("trees", path, copy=False, roles={}, task=None)
    run = _failed_import(ws, dataset, "row 3 has too many cells")
    app = open_page("data")
    assert "row 3 has too many cells" in app.error[0].value
    _button(app, "Try again").click().run()  # type: ignore[attr-defined]
    assert ws.run(run).status is RunStatus.QUEUED


def test_removing_asks_of_one_dataset_and_not_of_the_next(ws: Workspace, tmp_path: Path) -> None:
    kept = add_table(ws, tmp_path, "kept")
    gone = add_table(ws, tmp_path, "gone")
    user = add_audit(ws, kept)
    used = ws.add_run(kept, RunKind.AUDIT, {"trusted": gone})
    app = open_page("data")
    assert f"Audit {int(used[1:])} of kept" in app.warning[0].value.replace("\\", "")
    assert f"#{int(user[1:])} " not in app.warning[0].value
    assert _popover(app).endswith(f"remove_{gone}")
    app.button(key=f"remove_now_{gone}").click().run()
    assert _popover(app).endswith(f"remove_{kept}")
    assert not app.warning
    assert app.button(key=f"remove_now_{kept}")


def _popover(app: AppTest) -> str:
    """The identity of the popover: with another one the browser draws it anew, closed."""
    found = [item.proto for item in app.main if item.type == "popover"]
    return str(found[0].id)


def test_data_that_changed_where_it_lies_is_told(ws: Workspace, tmp_path: Path) -> None:
    path = write_table(tmp_path / "trees.csv")
    dataset = ws.add_dataset("trees", path, copy=False, roles={}, task=None)
    ws.finish_dataset(dataset, readers.load(path, name="trees"))
    assert not open_page("data").warning
    path.unlink()
    (warning,) = open_page("data").warning
    assert "not what was imported" in warning.value
    assert "is gone; put it back" in warning.value.replace("\\", "")


def test_removing_a_dataset_leaves_the_file(ws: Workspace, tmp_path: Path) -> None:
    kept = add_table(ws, tmp_path, "kept")
    add_table(ws, tmp_path, "gone")
    app = open_page("data")
    _button(app, "Remove this dataset").click().run()  # type: ignore[attr-defined]
    assert [record.id for record in ws.datasets()] == [kept]
    assert app.title[0].value == "kept"
    assert in_address(app, "dataset") == kept
    assert (tmp_path / "gone.csv").exists()
