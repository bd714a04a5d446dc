"""Datasets: their rows, and the files of each below datasets/ID/."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select, update

from dvaudit.core.dataset import Dataset, ImageSource, class_counts
from dvaudit.core.errors import NotFoundError, some
from dvaudit.core.progress import Progress, silent
from dvaudit.store.atomic import replacing
from dvaudit.store.database import Database
from dvaudit.store.errors import WorkspaceError
from dvaudit.store.frames import (
    read_frame,
    read_head,
    read_rows,
    read_texts,
    sample_frame,
    stored_frame,
    write_frame,
)
from dvaudit.store.records import (
    DatasetRecord,
    DatasetStatus,
    dataset_number,
    dataset_record,
    dataset_text,
    run_text,
)
from dvaudit.store.runs import is_at_work, live_runs, users_of
from dvaudit.store.schema import DATASETS, RUNS
from dvaudit.store.sources import SourceState, source_change, source_state, take
from dvaudit.store.thumbnails import Thumbnails, make_thumbnail, write_thumbnails

MOST_NAME = 200  # characters of a dataset's name
_REPORT_EVERY = 50  # thumbnails


class Datasets:
    """The dataset table and the folders beside it."""

    def __init__(self, database: Database, root: Path) -> None:
        self._database = database
        self._root = root
        self._ids: dict[str, tuple[int, frozenset[str]]] = {}

    def folder(self, dataset_id: str) -> Path:
        """Where the files of a dataset lie; made of its number alone, never of a given name."""
        return self._root / "datasets" / dataset_text(dataset_number(dataset_id))

    def add(
        self,
        name: str,
        source: Path,
        *,
        copy: bool,
        roles: Mapping[str, str],
        task: str | None,
        uploads: Path,
    ) -> str:
        """Add a dataset in status importing; see Workspace.add_dataset."""
        source = source.absolute()
        state = source_state(source)
        dataset_id = self._insert(name, source, state, roles, task)
        if not copy:
            return dataset_id
        folder = self.folder(dataset_id)
        try:
            kept = take(source, folder / "source", uploads)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            with self._database.write() as connection:
                number = dataset_number(dataset_id)
                connection.execute(delete(DATASETS).where(DATASETS.c.id == number))
            raise
        relative = kept.relative_to(self._root).as_posix()
        self._update(dataset_id, {"source": relative, "copied": 1})
        return dataset_id

    def get(self, dataset_id: str) -> DatasetRecord:
        """Raises NotFoundError for an unknown or deleted dataset."""
        query = select(DATASETS).where(
            DATASETS.c.id == dataset_number(dataset_id), DATASETS.c.deleted.is_(None)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise NotFoundError(f"There is no dataset {dataset_id!r} in this workspace.")
        return dataset_record(row, self._root)

    def all(self) -> tuple[DatasetRecord, ...]:
        """All datasets that are not deleted, newest first."""
        query = select(DATASETS).where(DATASETS.c.deleted.is_(None)).order_by(DATASETS.c.id.desc())
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return tuple(dataset_record(row, self._root) for row in rows)

    def source_change(self, dataset_id: str) -> str | None:
        """Say how a referenced source has changed since it was added; None when it has not."""
        record = self.get(dataset_id)
        if record.copied:
            return None
        query = select(DATASETS.c.source_size, DATASETS.c.source_mtime_ns)
        with self._database.read() as connection:
            row = connection.execute(query.where(DATASETS.c.id == dataset_number(dataset_id))).one()
        return source_change(record.source, SourceState(*row))

    def finish(self, dataset_id: str, data: Dataset, progress: Progress = silent) -> None:
        """Write the files of a dataset and its record; see Workspace.finish_dataset."""
        self.get(dataset_id)
        folder = self.folder(dataset_id)
        progress(0.0, "Writing samples")
        write_frame(folder / "samples.arrow", sample_frame(data))
        notes = list(data.notes)
        if data.images is not None:
            failed = self._write_thumbnails(folder, data, data.images, progress)
            if failed:
                notes.append(f"Pictures without a thumbnail: {len(failed):,} ({some(failed)}).")
        self._update(
            dataset_id,
            {
                "status": DatasetStatus.READY.value,
                "error": None,
                "roles": json.dumps({name: str(role) for name, role in data.roles.items()}),
                "task": data.task.value,
                "kind": data.kind.value,
                "samples": len(data),
                "class_names": json.dumps(data.class_names),
                "class_counts": json.dumps(class_counts(data).tolist()),
                "fingerprint": data.fingerprint,
                "notes": json.dumps(notes),
                "unreadable": json.dumps([[item.name, item.reason] for item in data.unreadable]),
            },
        )
        progress(1.0, "Imported")

    def fail(self, dataset_id: str, error: str) -> None:
        """Note that an import failed and why."""
        self._update(dataset_id, {"status": DatasetStatus.FAILED.value, "error": error})

    def rename(self, dataset_id: str, name: str) -> None:
        """Call a dataset something else; see Workspace.rename_dataset."""
        old = self.get(dataset_id).name
        short = " ".join(name.split())
        if not short:
            raise WorkspaceError(f"{old} keeps its name: the new one is empty.")
        if len(short) > MOST_NAME:
            raise WorkspaceError(
                f"{old} keeps its name: the new one has {len(short):,} characters. "
                f"Use at most {MOST_NAME}."
            )
        self._update(dataset_id, {"name": short})

    def set_up_again(
        self, dataset_id: str, name: str, roles: Mapping[str, str], task: str | None
    ) -> None:
        """Change what a failed import was asked for; see Workspace.set_up_again."""
        values = {
            "name": name,
            "roles": json.dumps({key: str(role) for key, role in roles.items()}),
            "task": task,
        }
        failed = DATASETS.c.status == DatasetStatus.FAILED.value
        one = DATASETS.c.id == dataset_number(dataset_id)
        with self._database.write() as connection:
            changed = connection.execute(update(DATASETS).where(one, failed).values(values))
        if changed.rowcount == 0:
            raise WorkspaceError(
                f"Dataset {dataset_id} has no failed import, so there is nothing to set up again."
            )

    def samples(self, dataset_id: str) -> pd.DataFrame:
        """The sample table; see frames.sample_frame."""
        return read_frame(self._samples_path(dataset_id))

    def first_samples(self, dataset_id: str, rows: int) -> pd.DataFrame:
        """The first `rows` of the sample table; only the part of the file that has them is read."""
        return read_head(self._samples_path(dataset_id), rows)

    def sample_rows(self, dataset_id: str, rows: NDArray[np.int64]) -> pd.DataFrame:
        """Some rows of the sample table, in that order; only these are read."""
        return read_rows(self._samples_path(dataset_id), rows)

    def sample_ids(self, dataset_id: str) -> frozenset[str]:
        """Ids of all samples; kept in memory for as long as the file stays the same."""
        path = self._samples_path(dataset_id)
        written = path.stat().st_mtime_ns
        known = self._ids.get(dataset_id)
        if known is None or known[0] != written:
            known = written, frozenset(read_texts(path, "id"))
            self._ids[dataset_id] = known
        return known[1]

    def thumbnails(self, dataset_id: str) -> Thumbnails:
        """Raises NotFoundError for a dataset that is not of images, or not ready."""
        return Thumbnails(self.folder(dataset_id) / "thumbnails.arrow")

    def delete(self, dataset_id: str) -> tuple[str, ...]:
        """Delete a dataset and its runs, and return the ids of those; see Workspace.delete_dataset.

        Raises:
            WorkspaceError: one of its runs, or one that was given it, is waiting or at work.
        """
        name = self.get(dataset_id).name
        number = dataset_number(dataset_id)
        with self._database.write() as connection:
            live = live_runs(connection, dataset_id)
            if live:
                raise WorkspaceError(
                    f"{name} has work going on: {some(run.title for run in live)}. Cancel it first."
                )
            users = [run for run in users_of(connection, dataset_id) if is_at_work(connection, run)]
            if users:
                raise WorkspaceError(
                    f"{name} is being used by work on other data: "
                    f"{some(run.title for run in users)}. Wait for it, or cancel it first."
                )
            of_dataset = RUNS.c.dataset_id == number
            runs = connection.execute(select(RUNS.c.id).where(of_dataset)).scalars().all()
            connection.execute(delete(RUNS).where(of_dataset))
            # The row stays: the verdict log, which nothing may shorten, refers to it.
            connection.execute(
                update(DATASETS).where(DATASETS.c.id == number).values(deleted=time.time())
            )
        self._ids.pop(dataset_id, None)
        shutil.rmtree(self.folder(dataset_id), ignore_errors=True)
        return tuple(run_text(run) for run in runs)

    def _insert(
        self,
        name: str,
        source: Path,
        state: SourceState,
        roles: Mapping[str, str],
        task: str | None,
    ) -> str:
        values = {
            "name": name,
            "status": DatasetStatus.IMPORTING.value,
            "source": str(source),
            "copied": 0,
            "source_size": state.size,
            "source_mtime_ns": state.mtime_ns,
            "roles": json.dumps({key: str(role) for key, role in roles.items()}),
            "task": None if task is None else str(task),
            "created": time.time(),
            **dict.fromkeys(("class_names", "class_counts", "notes", "unreadable"), "[]"),
        }
        with self._database.write() as connection:
            added = insert(DATASETS).values(values).returning(DATASETS.c.id)
            return dataset_text(connection.execute(added).scalar_one())

    def _update(self, dataset_id: str, values: Mapping[str, object]) -> None:
        number = dataset_number(dataset_id)
        with self._database.write() as connection:
            connection.execute(update(DATASETS).where(DATASETS.c.id == number).values(values))

    def _samples_path(self, dataset_id: str) -> Path:
        path = stored_frame(self.folder(dataset_id), "samples")
        if not path.exists():
            self.get(dataset_id)
            raise NotFoundError(f"Dataset {dataset_id} has no samples yet; its import is not done.")
        return path

    def _write_thumbnails(
        self, folder: Path, data: Dataset, images: ImageSource, progress: Progress
    ) -> list[str]:
        """Write thumbnails.arrow and return the ids of samples that got the placeholder."""
        failed: list[str] = []

        def thumbnails() -> Iterator[bytes]:
            for position, sample in enumerate(data.ids):
                if position % _REPORT_EVERY == 0:
                    stage = f"Making thumbnails: {position:,} of {len(data):,}"
                    progress(position / len(data), stage)
                made, problem = make_thumbnail(images.read(position))
                if problem is not None:
                    failed.append(sample)
                yield made

        with replacing(folder / "thumbnails.arrow") as draft:
            write_thumbnails(draft, thumbnails())
        return failed
