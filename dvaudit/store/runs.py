"""Runs: their rows, and the transitions between states that supervisor and worker make."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from dvaudit.core.errors import NotFoundError, some
from dvaudit.store.atomic import plain
from dvaudit.store.database import Database
from dvaudit.store.errors import WorkspaceError
from dvaudit.store.records import (
    DatasetStatus,
    RunKind,
    RunRecord,
    RunStatus,
    dataset_number,
    run_number,
    run_record,
    run_text,
)
from dvaudit.store.schema import DATASETS, RUNS

_ACTIVE = tuple(status.value for status in RunStatus if status.is_active)
_RESUMABLE = tuple(status.value for status in RunStatus if status.is_resumable)


@dataclass(frozen=True)
class ActiveRun:
    """What a supervisor needs to know of a run that a worker has or should have.

    `cancel_requested` and `updated` are seconds since the epoch.
    """

    id: str
    status: RunStatus
    attempt: int
    pid: int | None
    cancel_requested: float | None
    updated: float


class Runs:
    """The run table. Every transition names the states it starts from, so two processes that try
    the same one do it once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, dataset_id: str, kind: RunKind, params: Mapping[str, Any]) -> str:
        """Store a queued run that no supervisor touches before `submit`; return its id.

        Raises:
            NotFoundError: no such dataset.
            TypeError: parameters that JSON does not have.
        """
        values = {
            "dataset_id": dataset_number(dataset_id),
            "kind": kind.value,
            "params": json.dumps(plain(params), ensure_ascii=False),
            "status": RunStatus.QUEUED.value,
            "stage": "",
            "fraction": 0.0,
            "attempt": 0,
            "created": time.time(),
        }
        with self._database.write() as connection:
            _require_dataset(connection, dataset_id)
            added = insert(RUNS).values(values).returning(RUNS.c.id)
            return run_text(connection.execute(added).scalar_one())

    def get(self, run_id: str) -> RunRecord:
        """Raises NotFoundError for an unknown run."""
        with self._database.read() as connection:
            row = connection.execute(select(RUNS).where(RUNS.c.id == run_number(run_id))).first()
        if row is None:
            raise NotFoundError(f"There is no run {run_id!r} in this workspace.")
        return run_record(row._mapping)

    def find(self, dataset_id: str | None, kind: RunKind | None) -> tuple[RunRecord, ...]:
        """Runs of a dataset and kind (None = any), newest first."""
        query = select(RUNS).order_by(RUNS.c.id.desc())
        if dataset_id is not None:
            query = query.where(RUNS.c.dataset_id == dataset_number(dataset_id))
        if kind is not None:
            query = query.where(RUNS.c.kind == kind.value)
        with self._database.read() as connection:
            return tuple(run_record(row._mapping) for row in connection.execute(query))

    def submit(self, run_id: str) -> None:
        """Hand a queued run to the supervisors; submitting twice changes nothing."""
        self._move(
            run_id,
            and_(RUNS.c.status == RunStatus.QUEUED.value, RUNS.c.submitted.is_(None)),
            {"submitted": time.time()},
        )

    def cancel(self, run_id: str) -> None:
        """End a queued run, or ask the worker of an active one to stop; otherwise do nothing."""
        now = time.time()
        cancelled = {"status": RunStatus.CANCELLED.value, "finished": now, "cancel_requested": now}
        with self._database.write() as connection:
            if not _changed(connection, run_id, RUNS.c.status == RunStatus.QUEUED.value, cancelled):
                condition = and_(RUNS.c.status.in_(_ACTIVE), RUNS.c.cancel_requested.is_(None))
                _changed(connection, run_id, condition, {"cancel_requested": now})
                return
            _fail_import(connection, run_id, "The import was cancelled.")

    def resume(self, run_id: str) -> None:
        """Queue a failed, cancelled or interrupted run again.

        Raises:
            WorkspaceError: the run is done or still live.
        """
        fresh = {
            "status": RunStatus.QUEUED.value,
            "submitted": time.time(),
            "stage": "",
            "fraction": 0.0,
            **dict.fromkeys(("eta", "error", "cancel_requested", "finished", "pid")),
        }
        with self._database.write() as connection:
            if not _changed(connection, run_id, RUNS.c.status.in_(_RESUMABLE), fresh):
                raise WorkspaceError(
                    f"Run {run_id} is not failed, cancelled or interrupted, so there is nothing "
                    "to resume; start a new one instead."
                )
            _reopen_import(connection, run_id)

    def active(self) -> tuple[ActiveRun, ...]:
        """Runs a worker has or should have."""
        query = select(RUNS).where(RUNS.c.status.in_(_ACTIVE)).order_by(RUNS.c.id)
        with self._database.read() as connection:
            return tuple(
                ActiveRun(
                    run_text(row["id"]),
                    RunStatus(row["status"]),
                    row["attempt"],
                    row["pid"],
                    row["cancel_requested"],
                    row["updated"],
                )
                for row in connection.execute(query).mappings()
            )

    def claim(self, limits: Mapping[RunKind, int]) -> tuple[ActiveRun, ...]:
        """Move submitted runs, oldest first, to `starting` while their kind has a free slot.

        One write transaction counts and claims, so several supervisors together keep the limits.
        """
        if not self._any_submitted():
            return ()
        claimed: list[int] = []
        with self._database.write() as connection:
            for kind, limit in limits.items():
                of_kind = RUNS.c.kind == kind.value
                busy = connection.execute(
                    select(func.count()).where(of_kind, RUNS.c.status.in_(_ACTIVE))
                ).scalar_one()
                free = max(0, limit - busy)
                waiting = select(RUNS.c.id).where(of_kind, _SUBMITTED)
                oldest = waiting.order_by(RUNS.c.submitted, RUNS.c.id).limit(free)
                claimed += connection.execute(oldest).scalars().all()
            for number in claimed:
                _start(connection, number)
        return tuple(run for run in self.active() if run_number(run.id) in claimed)

    def claim_one(self, run_id: str) -> bool:
        """Move one queued run to `starting`, beside the limits; False when it is not queued."""
        number = run_number(run_id)
        with self._database.write() as connection:
            queued = and_(RUNS.c.id == number, RUNS.c.status == RunStatus.QUEUED.value)
            if connection.execute(select(RUNS.c.id).where(queued)).first() is None:
                return False
            _start(connection, number)
            return True

    def begin(self, run_id: str, pid: int | None) -> RunRecord | None:
        """Move a `starting` run to `running`; None when it is no longer starting."""
        now = time.time()
        values = {
            "status": RunStatus.RUNNING.value,
            "pid": pid,
            "started": now,
            "updated": now,
        }
        with self._database.write() as connection:
            starting = RUNS.c.status == RunStatus.STARTING.value
            if not _changed(connection, run_id, starting, values):
                return None
        return self.get(run_id)

    def report(self, run_id: str, fraction: float, stage: str, eta: float | None) -> bool:
        """Store progress of a running run; True when the person asked to stop."""
        values = {"fraction": fraction, "stage": stage, "eta": eta, "updated": time.time()}
        with self._database.write() as connection:
            _changed(connection, run_id, RUNS.c.status == RunStatus.RUNNING.value, values)
            return _cancel_requested(connection, run_id)

    def cancel_requested(self, run_id: str) -> bool:
        """True when the person asked to stop."""
        with self._database.read() as connection:
            return _cancel_requested(connection, run_id)

    def finish(
        self, run_id: str, attempt: int, status: RunStatus, error: str | None = None
    ) -> bool:
        """End attempt number `attempt` of an active run; False when it has already ended.

        An import that ends in any state but done leaves its dataset failed.
        """
        values: dict[str, Any] = {
            "status": status.value,
            "error": error,
            "finished": time.time(),
            "eta": None,
        }
        if status is RunStatus.DONE:
            values["fraction"] = 1.0
        with self._database.write() as connection:
            live = and_(RUNS.c.status.in_(_ACTIVE), RUNS.c.attempt == attempt)
            if not _changed(connection, run_id, live, values):
                return False
            if status is not RunStatus.DONE:
                _fail_import(connection, run_id, error or "The import was cancelled.")
            return True

    def users_of(self, identifier: str) -> tuple[RunRecord, ...]:
        """Runs that were given a dataset's or a run's id as a parameter, newest first."""
        with self._database.read() as connection:
            return users_of(connection, identifier)

    def delete(self, run_id: str) -> tuple[RunRecord, ...]:
        """Delete the rows of a run and of those made from it; see Workspace.delete_run."""
        run = self.get(run_id)
        if run.kind is RunKind.IMPORT:
            raise WorkspaceError(
                f"{run.title} is the import of its dataset and goes with that; delete the dataset "
                "instead."
            )
        with self._database.write() as connection:
            if is_at_work(connection, run):
                raise WorkspaceError(f"{run.title} is {run.status}. Cancel it first.")
            users = users_of(connection, run_id)
            live = [user for user in users if is_at_work(connection, user)]
            if live:
                raise WorkspaceError(
                    f"{run.title} is being used by work that goes on: "
                    f"{some(user.title for user in live)}. Wait for it, or cancel it first."
                )
            gone = (run, *users)
            numbers = [run_number(one.id) for one in gone]
            connection.execute(delete(RUNS).where(RUNS.c.id.in_(numbers)))
        return gone

    def _any_submitted(self) -> bool:
        with self._database.read() as connection:
            return (
                connection.execute(select(RUNS.c.id).where(_SUBMITTED).limit(1)).first() is not None
            )

    def _move(self, run_id: str, condition: ColumnElement[bool], values: Mapping[str, Any]) -> bool:
        with self._database.write() as connection:
            return _changed(connection, run_id, condition, values)


_SUBMITTED = and_(RUNS.c.status == RunStatus.QUEUED.value, RUNS.c.submitted.is_not(None))


_AT_WORK = or_(_SUBMITTED, RUNS.c.status.in_(_ACTIVE))


def live_runs(connection: Connection, dataset_id: str) -> tuple[RunRecord, ...]:
    """Runs of a dataset that a worker has, or that wait for one."""
    query = select(RUNS).where(RUNS.c.dataset_id == dataset_number(dataset_id), _AT_WORK)
    return tuple(run_record(row._mapping) for row in connection.execute(query))


def is_at_work(connection: Connection, run: RunRecord) -> bool:
    """True where a worker has a run, or where it waits for one."""
    query = select(RUNS.c.id).where(RUNS.c.id == run_number(run.id), _AT_WORK)
    return connection.execute(query).first() is not None


def users_of(connection: Connection, identifier: str) -> tuple[RunRecord, ...]:
    """Runs that were given a dataset's or a run's id as a parameter, newest first."""
    named = RUNS.c.params.contains(f'"{identifier}"', autoescape=True)
    rows = connection.execute(select(RUNS).where(named).order_by(RUNS.c.id.desc()))
    found = (run_record(row._mapping) for row in rows)
    return tuple(run for run in found if identifier in run.params.values())


def _start(connection: Connection, number: int) -> None:
    values = {
        "status": RunStatus.STARTING.value,
        "attempt": RUNS.c.attempt + 1,
        "pid": None,
        "updated": time.time(),
    }
    connection.execute(update(RUNS).where(RUNS.c.id == number).values(values))


def _changed(
    connection: Connection,
    run_id: str,
    condition: ColumnElement[bool],
    values: Mapping[str, Any],
) -> bool:
    """Update one run where `condition` holds; False where it does not.

    Raises:
        NotFoundError: no such run.
    """
    number = run_number(run_id)
    done = connection.execute(update(RUNS).where(RUNS.c.id == number, condition).values(values))
    if done.rowcount:
        return True
    if connection.execute(select(RUNS.c.id).where(RUNS.c.id == number)).first() is None:
        raise NotFoundError(f"There is no run {run_id!r} in this workspace.")
    return False


def _cancel_requested(connection: Connection, run_id: str) -> bool:
    query = select(RUNS.c.cancel_requested).where(RUNS.c.id == run_number(run_id))
    return connection.execute(query).scalar() is not None


def _require_dataset(connection: Connection, dataset_id: str) -> None:
    query = select(DATASETS.c.id).where(
        DATASETS.c.id == dataset_number(dataset_id), DATASETS.c.deleted.is_(None)
    )
    if connection.execute(query).first() is None:
        raise NotFoundError(f"There is no dataset {dataset_id!r} in this workspace.")


def _fail_import(connection: Connection, run_id: str, error: str) -> None:
    _set_import(
        connection,
        run_id,
        DatasetStatus.IMPORTING,
        {"status": DatasetStatus.FAILED.value, "error": error},
    )


def _reopen_import(connection: Connection, run_id: str) -> None:
    _set_import(
        connection,
        run_id,
        DatasetStatus.FAILED,
        {"status": DatasetStatus.IMPORTING.value, "error": None},
    )


def _set_import(
    connection: Connection, run_id: str, before: DatasetStatus, values: Mapping[str, Any]
) -> None:
    """Update the dataset that an import run makes; runs of other kinds change nothing."""
    made = select(RUNS.c.dataset_id).where(
        RUNS.c.id == run_number(run_id), RUNS.c.kind == RunKind.IMPORT.value
    )
    connection.execute(
        update(DATASETS)
        .where(DATASETS.c.id.in_(made), DATASETS.c.status == before.value)
        .values(values)
    )
