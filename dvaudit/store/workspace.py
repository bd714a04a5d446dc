"""Workspace: everything dvaudit keeps on disk, behind one object."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.cut_off import CutOff
from dvaudit.core.dataset import Dataset
from dvaudit.core.progress import Progress, silent
from dvaudit.store.assignments import Assignments
from dvaudit.store.audit_samples import AuditSample, read_audit_sample, write_audit_sample
from dvaudit.store.cut_offs import read_cut_off, write_cut_off
from dvaudit.store.database import Database
from dvaudit.store.datasets import Datasets
from dvaudit.store.errors import WorkspaceError
from dvaudit.store.frames import read_frame, write_frame
from dvaudit.store.judging import Judging
from dvaudit.store.live import LiveFolder
from dvaudit.store.records import DatasetRecord, RunKind, RunRecord, run_number, run_text
from dvaudit.store.results import Results
from dvaudit.store.runs import Runs
from dvaudit.store.sizes import size_of
from dvaudit.store.thumbnails import Thumbnails
from dvaudit.store.verdicts import Verdicts

HOME_VARIABLE = "DVAUDIT_HOME"


def default_root() -> Path:
    """The folder that DVAUDIT_HOME names, or ~/.dvaudit."""
    return Path(os.environ.get(HOME_VARIABLE) or Path.home() / ".dvaudit")


class Workspace(Judging):
    """Datasets, runs, results and verdicts below one folder.

    One object serves all threads of a process; several processes may open the same folder. It
    must lie on a local disk: file locks do not hold on network shares.

    Attributes:
        root: the folder.
        uploads: where files arrive before `add_dataset` moves them to their dataset.
        exports: where products of a dataset are written, in a folder of its id.
        feature_cache: where feature vectors are kept by content.
        queue: state transitions of runs, for dvaudit.jobs.

    Raises:
        WorkspaceError: the folder cannot be written, or belongs to a newer dvaudit.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = (default_root() if root is None else Path(root)).expanduser().absolute()
        self.uploads = self.root / "uploads"
        self.exports = self.root / "exports"
        self.feature_cache = self.root / "cache" / "features"
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.uploads, self.feature_cache):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                f"The workspace {self.root} cannot be made ({error.strerror}). "
                f"Name a folder that can be written in {HOME_VARIABLE}."
            ) from error
        self._database = Database(self.root / "state.db")
        self._datasets = Datasets(self._database, self.root)
        self._verdicts = Verdicts(self._database)
        self._assignments = Assignments(self._database)
        self.queue = Runs(self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database connections; nothing needs it but tidiness."""
        self._database.close()

    # Datasets

    def add_dataset(
        self,
        name: str,
        source_path: Path,
        *,
        copy: bool,
        roles: Mapping[str, str],
        task: str | None,
    ) -> str:
        """Add a dataset in status importing, and return its id.

        With `copy` the file or folder is copied to datasets/ID/source/ byte for byte (moved, when
        it lies in `uploads`); without, it is used where it is, and its size and time are noted.

        Raises:
            NotFoundError: there is no such file or folder.
            ResourceError: no room on the disk.
        """
        return self._datasets.add(
            name, source_path, copy=copy, roles=roles, task=task, uploads=self.uploads
        )

    def dataset(self, dataset_id: str) -> DatasetRecord:
        """Raises NotFoundError for an unknown or deleted dataset."""
        return self._datasets.get(dataset_id)

    def datasets(self) -> tuple[DatasetRecord, ...]:
        """All datasets, newest first."""
        return self._datasets.all()

    def dataset_dir(self, dataset_id: str) -> Path:
        """The folder of a dataset's own files."""
        return self._datasets.folder(dataset_id)

    def source_change(self, dataset_id: str) -> str | None:
        """Say how a referenced source has changed since it was added; None when it has not."""
        return self._datasets.source_change(dataset_id)

    def finish_dataset(self, dataset_id: str, data: Dataset, progress: Progress = silent) -> None:
        """Write sample table and thumbnails of a loaded dataset, then mark it ready.

        Memory stays bounded by 1,000 thumbnails. A picture without a thumbnail gets a placeholder
        and a note in the record.
        """
        self._datasets.finish(dataset_id, data, progress)

    def fail_dataset(self, dataset_id: str, error: str) -> None:
        """Mark a dataset failed, with one line why; runs of kind import do so by themselves."""
        self._datasets.fail(dataset_id, error)

    def set_up_again(
        self, dataset_id: str, *, name: str, roles: Mapping[str, str], task: str | None
    ) -> None:
        """Give a dataset whose import failed another name, roles and task; nothing starts by this.

        Raises:
            WorkspaceError: its import has not failed.
        """
        self._datasets.set_up_again(dataset_id, name, roles, task)

    def rename_dataset(self, dataset_id: str, name: str) -> None:
        """Call a dataset something else; raises WorkspaceError for an empty or too long name."""
        self._datasets.rename(dataset_id, name)

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset's files, runs and exports.

        Its id is not given again, and its verdict log stays, as nothing may shorten that.
        A source that was referenced, not copied, is left alone.

        Raises:
            WorkspaceError: one of its runs, or one that was given it, is waiting or at work.
        """
        for run_id in self._datasets.delete(dataset_id):
            shutil.rmtree(self.root / "runs" / run_id, ignore_errors=True)
        shutil.rmtree(self.exports / dataset_id, ignore_errors=True)

    def samples(self, dataset_id: str) -> pd.DataFrame:
        """One row per sample in dataset order: position, id, label (text), group, hash, features.

        Missing labels and groups are missing values (`isna`).
        """
        return self._datasets.samples(dataset_id)

    def sample_rows(self, dataset_id: str, rows: NDArray[np.int64]) -> pd.DataFrame:
        """The rows of `samples` at these positions, in that order, read without the rest."""
        return self._datasets.sample_rows(dataset_id, rows)

    def first_samples(self, dataset_id: str, rows: int) -> pd.DataFrame:
        """The first `rows` of `samples`, read without the rest."""
        return self._datasets.first_samples(dataset_id, rows)

    def thumbnails(self, dataset_id: str) -> Thumbnails:
        """Open the thumbnails of an image dataset; keep the object, opening takes a millisecond.

        Raises:
            NotFoundError: the dataset is not of images, or not ready.
        """
        return self._datasets.thumbnails(dataset_id)

    # Runs

    def add_run(self, dataset_id: str, kind: RunKind | str, params: Mapping[str, Any]) -> str:
        """Store a queued run and return its id; jobs.submit hands it to a worker.

        `params` become JSON; params["function"] is the import string of what the worker calls.
        """
        return self.queue.add(dataset_id, RunKind(kind), params)

    def run(self, run_id: str) -> RunRecord:
        """Raises NotFoundError for an unknown run."""
        return self.queue.get(run_id)

    def runs(
        self, dataset_id: str | None = None, kind: RunKind | str | None = None
    ) -> tuple[RunRecord, ...]:
        """Runs of a dataset and kind (None = any), newest first."""
        return self.queue.find(dataset_id, None if kind is None else RunKind(kind))

    def delete_run(self, run_id: str) -> None:
        """Delete a run and those made from it (`users_of`), with their results and exports.

        Verdicts are the dataset's, and stay.

        Raises:
            WorkspaceError: the run or one made from it is waiting or at work, or it is the import
                of its dataset; nothing is deleted.
        """
        for run in self.queue.delete(run_id):
            for folder in (self.root / "runs" / run.id, self.exports / run.dataset_id / run.id):
                shutil.rmtree(folder, ignore_errors=True)

    def users_of(self, identifier: str) -> tuple[RunRecord, ...]:
        """Runs that were given a dataset or a run, by its id, newest first.

        Of an audit: its prunings, trainings, maps and questions. Of a dataset: the runs that have
        it as their trusted set, or ask about its samples.
        """
        return self.queue.users_of(identifier)

    def dataset_size(self, dataset_id: str) -> int:
        """Bytes on disk of a dataset's own files and exports, without its runs'."""
        return size_of(self.dataset_dir(dataset_id)) + size_of(self.exports / dataset_id)

    def run_size(self, run_id: str) -> int:
        """Bytes on disk of a run's results and log."""
        return size_of(self.root / "runs" / run_text(run_number(run_id)))

    def run_dir(self, run_id: str) -> Path:
        """The folder of a run's own files; made where it is not there yet."""
        folder = self.root / "runs" / run_text(run_number(run_id))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def run_log(self, run_id: str, limit: int = 20_000) -> str:
        """The last `limit` bytes of what the worker printed, as text; empty when it has not."""
        path = self.run_dir(run_id) / "log.txt"
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - limit))
            return file.read().decode(errors="replace")

    def save_findings(
        self,
        run_id: str,
        samples: pd.DataFrame,
        tables: Mapping[str, pd.DataFrame],
        summary: Mapping[str, Any],
        neighbours: Mapping[str, NDArray[Any]],
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        """Write the results of a run, all or nothing, in place of earlier ones.

        Args:
            run_id: the run they belong to.
            samples: one row per sample, in dataset order.
            tables: further tables under lower-case names.
            summary: anything JSON has; non-finite numbers become null.
            neighbours: arrays with one row per sample, under lower-case names.
            arrays: further arrays of any shape, under lower-case names.
        """
        self._results(run_id).save(samples, tables, summary, neighbours, arrays)

    def run_samples(self, run_id: str) -> pd.DataFrame:
        """Raises NotFoundError for a run without results; so do the next three."""
        return self._results(run_id).samples()

    def run_table(self, run_id: str, name: str) -> pd.DataFrame:
        """One of the tables given to `save_findings`."""
        return self._results(run_id).table(name)

    def run_summary(self, run_id: str) -> dict[str, Any]:
        """The summary given to `save_findings`."""
        return self._results(run_id).summary()

    def run_array(self, run_id: str, name: str) -> NDArray[Any]:
        """One of the arrays given to `save_findings`, mapped to memory."""
        return self._results(run_id).array(name)

    def run_neighbours(self, run_id: str, position: int) -> dict[str, NDArray[Any]]:
        """The row at `position` of each neighbour array; only that row is read."""
        return self._results(run_id).neighbours(position)

    def write_live(self, run_id: str, table: pd.DataFrame) -> None:
        """Keep what a running method has found so far, in place of the last."""
        write_frame(self.run_dir(run_id) / "live.parquet", table)

    def live(self, run_id: str) -> pd.DataFrame | None:
        """What `write_live` kept last; None where a run tells nothing while it runs."""
        path = self.run_dir(run_id) / "live.parquet"
        return read_frame(path) if path.exists() else None

    def live_values(self, run_id: str, name: str) -> LiveFolder:
        """The values of all samples that the method `name` tells while it trains."""
        return LiveFolder(self.run_dir(run_id) / "live" / name)

    def clear_live(self, run_id: str) -> None:
        """Forget what a run told while it ran: the table and the values of all methods."""
        (self.run_dir(run_id) / "live.parquet").unlink(missing_ok=True)
        LiveFolder(self.run_dir(run_id) / "live").clear()

    def cut_off(self, run_id: str) -> CutOff:
        """The cut-off chosen for a run; the methods' own flags where none was."""
        return read_cut_off(self.run_dir(run_id))

    def set_cut_off(self, run_id: str, cut: CutOff) -> None:
        """Keep a cut-off for a run, for everybody; raises NotFoundError for an unknown run."""
        self.run(run_id)
        write_cut_off(self.run_dir(run_id), cut)

    def audit_sample(self, run_id: str) -> AuditSample | None:
        """The random audit sample drawn for a run; None where none was."""
        return read_audit_sample(self.run_dir(run_id))

    def keep_audit_sample(self, sample: AuditSample) -> None:
        """Keep a random audit sample for its run; raises NotFoundError for an unknown run."""
        write_audit_sample(self.run_dir(self.run(sample.run_id).id), sample)

    def _results(self, run_id: str) -> Results:
        return Results(self.run_dir(run_id) / "results", run_id)
