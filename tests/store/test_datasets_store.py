"""Datasets in the workspace: originals, sample tables, records, deletion."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from datasets_in_memory import image_dataset, picture, table_dataset

from dvaudit.core.dataset import Kind, Task, Unreadable
from dvaudit.core.errors import NotFoundError, ResourceError
from dvaudit.core.progress import Cancelled
from dvaudit.store import DatasetStatus, RunStatus, Workspace, WorkspaceError
from dvaudit.store.frames import ROW_GROUP, read_frame, read_head, write_frame
from dvaudit.store.sources import safe_name


def add(ws: Workspace, source: Path, **options: object) -> str:
    settings = {"copy": True, "roles": {}, "task": None, **options}
    return ws.add_dataset("Pets", source, **settings)  # type: ignore[arg-type]


def test_copy_keeps_every_byte_and_the_name(ws: Workspace, source: Path) -> None:
    record = ws.dataset(add(ws, source, roles={"y": "label"}, task="classification"))
    assert record.source == ws.dataset_dir(record.id) / "source" / "pets.zip"
    assert record.source.read_bytes() == source.read_bytes()
    assert (record.status, record.copied, record.name) == (DatasetStatus.IMPORTING, True, "Pets")
    assert (record.roles, record.task) == ({"y": "label"}, Task.CLASSIFICATION)
    assert timedelta(0) <= datetime.now(UTC) - record.created < timedelta(minutes=5)


def test_folder_is_copied_whole(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "é 1.png").write_bytes(b"1")
    kept = ws.dataset(add(ws, tmp_path / "photos")).source
    assert (kept / "cat" / "é 1.png").read_bytes() == b"1"


def test_upload_is_moved(ws: Workspace) -> None:
    upload = ws.uploads / "token" / "pets.zip"
    upload.parent.mkdir()
    upload.write_bytes(b"bytes")
    record = ws.dataset(add(ws, upload))
    assert record.source.read_bytes() == b"bytes"
    assert list(ws.uploads.iterdir()) == []


def test_reference_stays_where_it_is_and_changes_are_noticed(ws: Workspace, source: Path) -> None:
    dataset_id = add(ws, source, copy=False)
    assert ws.dataset(dataset_id).source == source
    assert ws.source_change(dataset_id) is None
    source.write_bytes(b"other bytes")
    assert "has changed" in (ws.source_change(dataset_id) or "")
    source.unlink()
    assert "is gone" in (ws.source_change(dataset_id) or "")


def test_missing_source_is_named(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"absent\.zip"):
        add(ws, tmp_path / "absent.zip")
    assert ws.datasets() == ()


def test_full_disk_leaves_nothing_behind(
    ws: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 1

    monkeypatch.setattr("dvaudit.store.sources.shutil.disk_usage", lambda _: Full)
    with pytest.raises(ResourceError, match=r"pets\.zip"):
        add(ws, source)
    assert ws.datasets() == ()
    assert list((ws.root / "datasets").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("pets.zip", "pets.zip"),
        ("Ünï cödé 'quoted'.csv", "Ünï cödé 'quoted'.csv"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ('a:b*c?"d.csv', "a_b_c__d.csv"),
        (".hidden", "hidden"),
        ("con.csv", "_con.csv"),
        ("...", "source"),
        ("tab\there\n.csv", "tab_here_.csv"),
    ],
)
def test_names_are_made_safe(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_long_names_keep_their_suffix() -> None:
    short = safe_name("ж" * 300 + ".csv")
    assert len(short.encode()) <= 200
    assert short.endswith("ж.csv")


def test_finishing_fills_the_record(ws: Workspace, source: Path) -> None:
    dataset_id = add(ws, source)
    data = image_dataset([picture(), picture("L"), picture()], labels=[0, 1, -1])
    ws.finish_dataset(dataset_id, data)
    record = ws.dataset(dataset_id)
    assert (record.status, record.kind, record.samples) == (DatasetStatus.READY, Kind.IMAGE, 3)
    assert dict(zip(record.class_names, record.class_counts, strict=True)) == {"cat": 1, "dog": 1}
    assert record.unreadable == (Unreadable("notes.txt", "no picture"),)
    assert (record.fingerprint, record.notes) == ("f" * 64, ("One note.",))
    assert record.name == "Pets"


def test_sample_table_has_labels_groups_and_features(ws: Workspace, source: Path) -> None:
    table = pd.DataFrame({"id": [7, 8], "mixed": [1, "one"], "x": [0.5, np.nan]})
    dataset_id = add(ws, source)
    ws.finish_dataset(dataset_id, table_dataset(table, [1.5, np.nan]))
    samples = ws.samples(dataset_id)
    assert list(samples) == [
        "position", "id", "label", "group", "hash", "id (2)", "mixed", "x",
    ]  # fmt: skip
    assert samples["id"].tolist() == ["0", "1"]
    assert samples["id (2)"].tolist() == [7, 8]
    assert samples["mixed"].tolist() == ["1", "one"]
    assert samples["label"][0] == "1.5"
    assert samples[["label", "x"]].isna().to_numpy().tolist() == [[False, False], [True, True]]
    assert samples["group"].tolist() == ["g0", "g1"]
    assert ws.dataset(dataset_id).roles == {"id": "numeric", "mixed": "numeric", "x": "numeric"}
    with pytest.raises(NotFoundError, match="only image datasets"):
        ws.thumbnails(dataset_id)


def test_frames_are_written_in_row_groups(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(2 * ROW_GROUP + 1)})
    write_frame(tmp_path / "frame.parquet", frame)
    assert pq.ParquetFile(tmp_path / "frame.parquet").num_row_groups == 3
    pd.testing.assert_frame_equal(read_frame(tmp_path / "frame.parquet"), frame)


def test_arrow_files_hold_every_kind_of_column_and_are_not_copied(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "text": ["a", None, "ü"],
            "number": [1.5, np.nan, np.inf],
            "count": pd.array([1, None, 3], dtype="Int64"),
            "flag": [True, False, True],
            "mixed": [1, "x", None],
            "empty": np.full(3, None, dtype=object),
        }
    )
    for suffix in ("arrow", "parquet"):
        write_frame(tmp_path / f"frame.{suffix}", frame)
    mapped, packed = (read_frame(tmp_path / f"frame.{suffix}") for suffix in ("arrow", "parquet"))
    pd.testing.assert_frame_equal(mapped, packed)
    assert mapped["number"].isna().tolist() == [False, True, False]
    assert not mapped["number"].to_numpy().flags.writeable
    pd.testing.assert_frame_equal(read_head(tmp_path / "frame.arrow", 2), mapped.head(2))


def test_what_an_earlier_version_wrote_is_read(ws: Workspace, source: Path) -> None:
    dataset_id = add(ws, source)
    ws.finish_dataset(dataset_id, image_dataset([picture()] * 3))
    folder, samples = ws.dataset_dir(dataset_id), ws.samples(dataset_id)
    write_frame(folder / "samples.parquet", samples)
    (folder / "samples.arrow").unlink()
    pd.testing.assert_frame_equal(ws.samples(dataset_id), samples)


def test_cancelling_the_import_leaves_no_half_files(ws: Workspace, source: Path) -> None:
    def stop_late(fraction: float, stage: str) -> None:
        if fraction > 0.4:
            raise Cancelled

    dataset_id = add(ws, source)
    with pytest.raises(Cancelled):
        ws.finish_dataset(dataset_id, image_dataset([picture()] * 101), stop_late)
    assert sorted(path.name for path in ws.dataset_dir(dataset_id).iterdir()) == [
        "samples.arrow",
        "source",
    ]
    assert ws.dataset(dataset_id).status is DatasetStatus.IMPORTING


def test_samples_of_an_unfinished_import_are_refused(ws: Workspace, source: Path) -> None:
    with pytest.raises(NotFoundError, match="import is not done"):
        ws.samples(add(ws, source))


def test_newest_dataset_comes_first(ws: Workspace, source: Path) -> None:
    ids = [add(ws, source) for _ in range(3)]
    assert ids == ["d0001", "d0002", "d0003"]
    assert [record.id for record in ws.datasets()] == ids[::-1]


def test_deleting_removes_files_and_runs_but_no_verdict(
    tmp_path: Path, filled: Callable[[Path], tuple[Workspace, str]]
) -> None:
    ws, dataset_id = filled(tmp_path)
    ws.decide(dataset_id, "1.png", "drop")
    run_id = ws.add_run(dataset_id, "audit", {})
    run_dir = ws.run_dir(run_id)
    (ws.exports / dataset_id).mkdir(parents=True)
    ws.delete_dataset(dataset_id)
    assert not ws.dataset_dir(dataset_id).exists()
    assert not run_dir.exists()
    assert not (ws.exports / dataset_id).exists()
    assert (tmp_path / "pets.zip").exists()
    for call in (ws.dataset, ws.decisions, ws.delete_dataset, ws.samples):
        with pytest.raises(NotFoundError, match=dataset_id):
            call(dataset_id)
    assert ws.runs() == ()
    assert add(ws, tmp_path / "pets.zip") == "d0002"
    ws.close()


def test_deleting_is_refused_while_work_goes_on(ws: Workspace, source: Path) -> None:
    dataset_id = add(ws, source)
    run_id = ws.add_run(dataset_id, "import", {})
    ws.queue.submit(run_id)
    with pytest.raises(WorkspaceError, match="Pets has work going on: Import 1"):
        ws.delete_dataset(dataset_id)
    ws.queue.cancel(run_id)
    assert ws.run(run_id).status is RunStatus.CANCELLED
    ws.delete_dataset(dataset_id)
    assert ws.datasets() == ()


def test_a_trusted_set_in_use_is_not_deleted(ws: Workspace, source: Path) -> None:
    data, trusted = add(ws, source), add(ws, source)
    run_id = ws.add_run(data, "audit", {"trusted": trusted})
    assert [run.id for run in ws.users_of(trusted)] == [run_id]
    assert ws.users_of(data) == ()
    ws.queue.submit(run_id)
    with pytest.raises(WorkspaceError, match="used by work on other data: Audit 1"):
        ws.delete_dataset(trusted)
    ws.queue.cancel(run_id)
    ws.delete_dataset(trusted)
    assert [record.id for record in ws.datasets()] == [data]


@pytest.mark.parametrize("bad", ["", "d1", "r0001", "../d0001", "d0001/..", "d00x1", "d9999"])
def test_odd_identifiers_are_refused(ws: Workspace, bad: str) -> None:
    with pytest.raises(NotFoundError):
        ws.dataset(bad)
    if bad != "d9999":
        with pytest.raises(NotFoundError):
            ws.dataset_dir(bad)


def test_everything_is_there_after_opening_again(
    tmp_path: Path, filled: Callable[[Path], tuple[Workspace, str]]
) -> None:
    ws, dataset_id = filled(tmp_path)
    ws.decide(dataset_id, "2.png", "relabel", "dog", reviewer="ann")
    run_id = ws.add_run(dataset_id, "audit", {"seed": 3})
    before = ws.datasets(), ws.runs(), ws.decisions(dataset_id), ws.run(run_id)
    ws.close()
    os.rename(tmp_path / "home", tmp_path / "moved")
    with Workspace(tmp_path / "moved") as again:
        assert (
            again.datasets(), again.runs(), again.decisions(dataset_id), again.run(run_id),
        ) == before  # fmt: skip
        assert len(again.thumbnails(dataset_id)) == len(again.samples(dataset_id)) == 6


def test_only_a_failed_import_is_set_up_again(ws: Workspace, source: Path) -> None:
    dataset_id = add(ws, source)
    with pytest.raises(WorkspaceError, match="no failed import"):
        ws.set_up_again(dataset_id, name="other", roles={}, task=None)
    ws.fail_dataset(dataset_id, "no feature column")
    ws.set_up_again(dataset_id, name="other", roles={"a": "label"}, task="regression")
    record = ws.dataset(dataset_id)
    assert (record.name, record.roles, record.task) == ("other", {"a": "label"}, Task.REGRESSION)


def test_renaming_changes_the_name_alone(ws: Workspace, source: Path) -> None:
    dataset_id = add(ws, source)
    before = ws.dataset(dataset_id)
    ws.rename_dataset(dataset_id, "  my \n pets ")
    assert ws.dataset(dataset_id) == replace(before, name="my pets")
    for bad, said in (("", "empty"), (" \t", "empty"), ("x" * 201, "201 characters")):
        with pytest.raises(WorkspaceError, match=said):
            ws.rename_dataset(dataset_id, bad)
    assert ws.dataset(dataset_id).name == "my pets"
    ws.delete_dataset(dataset_id)
    with pytest.raises(NotFoundError):
        ws.rename_dataset(dataset_id, "again")


@pytest.mark.parametrize("rows", [1, 3, 7])
def test_the_first_samples_are_those_of_the_whole(
    tmp_path: Path, filled: Callable[[Path], tuple[Workspace, str]], rows: int
) -> None:
    ws, dataset_id = filled(tmp_path)
    expected = ws.samples(dataset_id).head(rows)
    pd.testing.assert_frame_equal(ws.first_samples(dataset_id, rows), expected)
    ws.close()


def test_rows_are_those_of_the_whole(
    tmp_path: Path, filled: Callable[[Path], tuple[Workspace, str]]
) -> None:
    ws, dataset_id = filled(tmp_path)
    rows = np.array([4, 0, 4])
    expected = ws.samples(dataset_id).iloc[rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(ws.sample_rows(dataset_id, rows), expected)
    ws.close()


def test_the_size_is_that_of_all_files(
    tmp_path: Path, filled: Callable[[Path], tuple[Workspace, str]]
) -> None:
    ws, dataset_id = filled(tmp_path)
    files = [path for path in ws.dataset_dir(dataset_id).rglob("*") if path.is_file()]
    own = sum(path.stat().st_size for path in files)
    assert ws.dataset_size(dataset_id) == own > 0
    (ws.exports / dataset_id / "r0001").mkdir(parents=True)
    (ws.exports / dataset_id / "r0001" / "report.html").write_bytes(b"x" * 7)
    (ws.exports / dataset_id / "link").symlink_to(tmp_path / "pets.zip")
    link = (ws.exports / dataset_id / "link").lstat().st_size
    assert ws.dataset_size(dataset_id) == own + 7 + link
    run_id = ws.add_run(dataset_id, "audit", {})
    assert ws.run_size(run_id) == 0
    (ws.run_dir(run_id) / "log.txt").write_bytes(b"12345")
    assert ws.run_size(run_id) == 5
    ws.close()
