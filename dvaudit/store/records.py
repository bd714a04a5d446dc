"""What the workspace hands out: records of datasets and runs, and their identifiers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from dvaudit.core.dataset import Kind, Task, Unreadable
from dvaudit.core.errors import NotFoundError

_NUMBER = re.compile(r"[0-9]{4,12}")
_TITLES = {"selftest": "Self-test", "query": "Question", "contributors": "Valuation"}


class DatasetStatus(StrEnum):
    IMPORTING = "importing"
    READY = "ready"
    FAILED = "failed"


class RunKind(StrEnum):
    IMPORT = "import"
    AUDIT = "audit"
    CONTRIBUTORS = "contributors"
    TRAINING = "training"
    SELFTEST = "selftest"
    PRUNING = "pruning"
    MAP = "map"
    QUERY = "query"


class RunStatus(StrEnum):
    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_active(self) -> bool:
        """A worker has it, or is about to."""
        return self in (RunStatus.STARTING, RunStatus.RUNNING)

    @property
    def is_live(self) -> bool:
        """It may still change by itself."""
        return self is RunStatus.QUEUED or self.is_active

    @property
    def is_resumable(self) -> bool:
        return self in (RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.INTERRUPTED)


@dataclass(frozen=True)
class DatasetRecord:
    """A dataset of the workspace.

    Attributes:
        source: the original file or folder; inside the workspace when `copied`.
        kind, samples, fingerprint: None until the import has finished.
        task: as asked for while importing, as found once ready; None means "guess".
        class_counts: samples of each class, in the order of `class_names`.
        error: why the import failed, one line.
        created: aware, UTC.
    """

    id: str
    name: str
    status: DatasetStatus
    source: Path
    copied: bool
    roles: Mapping[str, str]
    task: Task | None
    kind: Kind | None
    samples: int | None
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    fingerprint: str | None
    notes: tuple[str, ...]
    unreadable: tuple[Unreadable, ...]
    error: str | None
    created: datetime


@dataclass(frozen=True)
class RunRecord:
    """One piece of work on a dataset.

    Attributes:
        stage: what is being done, in words.
        fraction: 0 to 1.
        eta: seconds left as of the last report, from the speed of this attempt; None = unknown.
        error: why it failed or was interrupted, one line; the log has the rest.
        cancelling: the person asked to stop and the worker has not stopped yet.
        attempt: how often a worker was started for it.
        pid: the worker's process, which leads its own process group; None for work in this process.
        created, started, finished: aware, UTC.
    """

    id: str
    dataset_id: str
    kind: RunKind
    params: Mapping[str, Any]
    status: RunStatus
    stage: str
    fraction: float
    eta: float | None
    error: str | None
    cancelling: bool
    attempt: int
    pid: int | None
    created: datetime
    started: datetime | None
    finished: datetime | None

    @property
    def title(self) -> str:
        """What people call it: its kind, and the number that the pages show."""
        kind = _TITLES.get(self.kind.value, self.kind.value.capitalize())
        return f"{kind} {run_number(self.id)}"


def dataset_text(number: int) -> str:
    return f"d{number:04d}"


def run_text(number: int) -> str:
    return f"r{number:04d}"


def dataset_number(dataset_id: str) -> int:
    """Raises NotFoundError for anything that is not the identifier of a dataset."""
    return _number(dataset_id, "d", "dataset")


def run_number(run_id: str) -> int:
    """Raises NotFoundError for anything that is not the identifier of a run."""
    return _number(run_id, "r", "run")


def _number(text: str, prefix: str, what: str) -> int:
    if text[:1] != prefix or not _NUMBER.fullmatch(text[1:]):
        raise NotFoundError(f"There is no {what} {text!r}; identifiers look like {prefix}0001.")
    return int(text[1:])


def dataset_record(row: RowMapping, root: Path) -> DatasetRecord:
    """Build the record of a row of the dataset table; `root` is the workspace's folder."""
    source = Path(row["source"])
    return DatasetRecord(
        id=dataset_text(row["id"]),
        name=row["name"],
        status=DatasetStatus(row["status"]),
        source=root / source if row["copied"] else source,
        copied=bool(row["copied"]),
        roles=json.loads(row["roles"]),
        task=None if row["task"] is None else Task(row["task"]),
        kind=None if row["kind"] is None else Kind(row["kind"]),
        samples=row["samples"],
        class_names=tuple(json.loads(row["class_names"])),
        class_counts=tuple(json.loads(row["class_counts"])),
        fingerprint=row["fingerprint"],
        notes=tuple(json.loads(row["notes"])),
        unreadable=tuple(Unreadable(*item) for item in json.loads(row["unreadable"])),
        error=row["error"],
        created=_moment(row["created"]),
    )


def run_record(row: RowMapping) -> RunRecord:
    """Build the record of a row of the run table."""
    status = RunStatus(row["status"])
    return RunRecord(
        id=run_text(row["id"]),
        dataset_id=dataset_text(row["dataset_id"]),
        kind=RunKind(row["kind"]),
        params=json.loads(row["params"]),
        status=status,
        stage=row["stage"],
        fraction=row["fraction"],
        eta=row["eta"],
        error=row["error"],
        cancelling=status.is_live and row["cancel_requested"] is not None,
        attempt=row["attempt"],
        pid=row["pid"],
        created=_moment(row["created"]),
        started=None if row["started"] is None else _moment(row["started"]),
        finished=None if row["finished"] is None else _moment(row["finished"]),
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
