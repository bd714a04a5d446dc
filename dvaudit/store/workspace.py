"""Workspace: everything dvaudit keeps on disk, behind one object."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.cut_off import CutOff
from dvaudit.core.dataset import Dataset
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import NotFoundError
from dvaudit.core.progress import Progress, silent
from dvaudit.store.cut_offs import read_cut_off, write_cut_off
from dvaudit.store.database import Database
from dvaudit.store.datasets import Datasets
from dvaudit.store.errors import WorkspaceError
from dvaudit.store.frames import read_frame, write_frame
from dvaudit.store.records import DatasetRecord, RunKind, RunRecord, run_number, run_text
from dvaudit.store.results import Results
from dvaudit.store.runs import Runs
from dvaudit.store.thumbnails import Thumbnails
from dvaudit.store.verdicts import Verdicts

HOME_VARIABLE = "DVAUDIT_HOME"


def default_root() -> Path:
    """The folder that DVAUDIT_HOME names, or ~/.dvaudit."""
    return Path(os.environ.get(HOME_VARIABLE) or Path.home() / ".dvaudit")


class Workspace:
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

    def delete_dataset(self, dataset_id: str) -> None:
        """Delete a dataset's files, runs and exports.

        Its id is not given again, and its verdict log stays, as nothing may shorten that.
        A source that was referenced, not copied, is left alone.

        Raises:
            WorkspaceError: one of its runs is waiting or at work.
        """
        for run_id in self._datasets.delete(dataset_id):
            shutil.rmtree(self.root / "runs" / run_id, ignore_errors=True)
        shutil.rmtree(self.exports / dataset_id, ignore_errors=True)

    def samples(self, dataset_id: str) -> pd.DataFrame:
        """One row per sample in dataset order: position, id, label (text), group, hash, features.

        Missing labels and groups are missing values (`isna`).
        """
        return self._datasets.samples(dataset_id)

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

    def cut_off(self, run_id: str) -> CutOff:
        """The cut-off chosen for a run; the methods' own flags where none was."""
        return read_cut_off(self.run_dir(run_id))

    def set_cut_off(self, run_id: str, cut: CutOff) -> None:
        """Keep a cut-off for a run, for everybody; raises NotFoundError for an unknown run."""
        self.run(run_id)
        write_cut_off(self.run_dir(run_id), cut)

    # Verdicts

    def decide(
        self,
        dataset_id: str,
        sample_id: str,
        verdict: Verdict | str,
        label: str | None = None,
        *,
        seen_version: int | None = None,
        reviewer: str = "",
        event: str | None = None,
    ) -> int:
        """Add a verdict on a sample and return its version; `label` is for RELABEL only.

        `seen_version` is the version the person looked at (0 = none); None overrides whatever is
        there. `event` names the person's action, so that a message that comes twice, in whatever
        session, counts once. Stored durably when this returns.

        Raises:
            ConflictError: the sample has changed since `seen_version`.
            RepeatedEventError: `event` was carried out before.
            NotFoundError: no such dataset or sample.
            ValueError: an unknown verdict, or one that does not go with the label.
        """
        decision = Decision(sample_id, Verdict(verdict), label)
        self._require_sample(dataset_id, sample_id)
        return self._verdicts.append(dataset_id, sample_id, decision, seen_version, reviewer, event)

    def clear(
        self,
        dataset_id: str,
        sample_id: str,
        *,
        seen_version: int | None = None,
        reviewer: str = "",
    ) -> int:
        """Take back the verdict on a sample, as a new version, and return that; see `decide`."""
        self._require_sample(dataset_id, sample_id)
        return self._verdicts.append(dataset_id, sample_id, None, seen_version, reviewer)

    def undo(
        self, dataset_id: str, *, reviewer: str | None = None, event: str | None = None
    ) -> Decision | None:
        """Take back the last action not yet undone (of `reviewer` only, where given).

        Appends what was before, and returns the decision taken back; where a clearing is taken
        back, the decision in force again. None when there is nothing left to undo. `event` names
        the person's action as in `decide`.

        Raises:
            ConflictError: somebody else has since decided on the same sample.
            RepeatedEventError: `event` was carried out before.
        """
        self.dataset(dataset_id)
        return self._verdicts.undo(dataset_id, reviewer, event)

    def decisions(self, dataset_id: str) -> dict[str, Decision]:
        """The decision in force of every sample that has one, by sample id, oldest first."""
        self.dataset(dataset_id)
        return self._verdicts.decisions(dataset_id)

    def versions(self, dataset_id: str) -> dict[str, int]:
        """The newest version of every sample ever decided on, for `seen_version`; others are 0."""
        self.dataset(dataset_id)
        return self._verdicts.versions(dataset_id)

    def history(self, dataset_id: str) -> pd.DataFrame:
        """Every version, oldest first: at, sample_id, version, verdict, label, reviewer, undo."""
        self.dataset(dataset_id)
        return self._verdicts.history(dataset_id)

    def export_history(self, dataset_id: str, target: Path) -> Path:
        """Write the history as JSON lines, the first of which carries the schema version."""
        return self._verdicts.export(self.dataset(dataset_id), target)

    def _require_sample(self, dataset_id: str, sample_id: str) -> None:
        if sample_id not in self._datasets.sample_ids(dataset_id):
            raise NotFoundError(f"Dataset {dataset_id} has no sample {sample_id!r}.")

    def _results(self, run_id: str) -> Results:
        return Results(self.run_dir(run_id) / "results", run_id)
