"""Verdicts: an append-only log per dataset; the newest version of a sample is its state."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

import pandas as pd
from sqlalchemy import Connection, RowMapping, func, insert, select
from sqlalchemy.exc import IntegrityError

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import ConflictError
from dvaudit.store.atomic import replacing
from dvaudit.store.database import Database
from dvaudit.store.errors import RepeatedEventError
from dvaudit.store.records import DatasetRecord, dataset_number
from dvaudit.store.schema import VERDICTS

EXPORT_VERSION: Final = 1
HISTORY_COLUMNS: Final = (
    "at",
    "sample_id",
    "version",
    "verdict",
    "label",
    "reviewer",
    "undo",
)
_CLEAR = "clear"


class Verdicts:
    """The verdict table. Rows are only ever added; the database refuses anything else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(
        self,
        dataset_id: str,
        sample_id: str,
        decision: Decision | None,
        seen_version: int | None,
        reviewer: str,
        event: str | None = None,
    ) -> int:
        """Add the next version of a sample (None = no decision any more) and return its number.

        Clearing a sample that has no decision adds nothing.

        Raises:
            ConflictError: the sample is no longer at `seen_version`.
            RepeatedEventError: `event` was carried out before.
        """
        with self._database.write() as connection:
            _refuse_repeated(connection, event)
            latest = _latest(connection, dataset_id, sample_id)
            version = 0 if latest is None else int(latest["version"])
            if seen_version is not None and seen_version != version:
                raise ConflictError(_conflict(sample_id, seen_version, latest))
            if decision is None and (latest is None or latest["verdict"] == _CLEAR):
                return version
            _add(connection, dataset_id, sample_id, version + 1, decision, reviewer, None, event)
            return version + 1

    def undo(
        self, dataset_id: str, reviewer: str | None, event: str | None = None
    ) -> Decision | None:
        """Restore, as a new version, what a sample was before the last action not yet undone.

        With `reviewer`, only that person's actions count. Returns the decision taken back (where
        a clearing is taken back: the decision in force again), or None when nothing is left.

        Raises:
            ConflictError: somebody else has since decided on the same sample.
            RepeatedEventError: `event` was carried out before.
        """
        with self._database.write() as connection:
            _refuse_repeated(connection, event)
            action = _last_action(connection, dataset_id, reviewer)
            if action is None:
                return None
            sample, version = str(action["sample"]), int(action["version"])
            _refuse_later_action(connection, dataset_id, action)
            before = _at_version(connection, dataset_id, sample, version - 1)
            latest = _latest(connection, dataset_id, sample)
            number = version if latest is None else int(latest["version"])
            who = str(action["reviewer"]) if reviewer is None else reviewer
            _add(connection, dataset_id, sample, number + 1, before, who, int(action["id"]), event)
            return _decision(action) or before

    def decisions(self, dataset_id: str) -> dict[str, Decision]:
        """The decision in force of every sample that has one, by sample id, oldest first."""
        found = (_decision(row) for row in self._newest(dataset_id))
        return {item.sample_id: item for item in found if item is not None}

    def versions(self, dataset_id: str) -> dict[str, int]:
        """The newest version number of every sample ever decided on."""
        return {row["sample"]: row["version"] for row in self._newest(dataset_id)}

    def history(self, dataset_id: str) -> pd.DataFrame:
        """Every row ever added, oldest first, with HISTORY_COLUMNS; `at` is aware, UTC."""
        query = (
            select(VERDICTS)
            .where(VERDICTS.c.dataset_id == dataset_number(dataset_id))
            .order_by(VERDICTS.c.id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        frame = pd.DataFrame(
            {
                "at": [row["at"] for row in rows],
                "sample_id": [row["sample"] for row in rows],
                "version": [row["version"] for row in rows],
                "verdict": [row["verdict"] for row in rows],
                "label": pd.Series([row["label"] for row in rows], dtype=object),
                "reviewer": [row["reviewer"] for row in rows],
                "undo": pd.Series([row["undoes"] is not None for row in rows], dtype=bool),
            },
            columns=list(HISTORY_COLUMNS),
        )
        return frame.assign(at=pd.to_datetime(frame["at"].astype(float), unit="s", utc=True))

    def export(self, dataset: DatasetRecord, target: Path) -> Path:
        """Write the history as JSON lines: a header with the schema version, then one row each."""
        header = {
            "schema": "dvaudit.verdicts",
            "schema_version": EXPORT_VERSION,
            "dataset": dataset.name,
            "fingerprint": dataset.fingerprint,
        }
        history = self.history(dataset.id)
        history["at"] = [moment.isoformat() for moment in history["at"]]
        lines = [header, *history.to_dict(orient="records")]
        with replacing(target) as draft, draft.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        return target

    def _newest(self, dataset_id: str) -> list[RowMapping]:
        newest = (
            select(func.max(VERDICTS.c.id))
            .where(VERDICTS.c.dataset_id == dataset_number(dataset_id))
            .group_by(VERDICTS.c.sample)
        )
        query = select(VERDICTS).where(VERDICTS.c.id.in_(newest)).order_by(VERDICTS.c.id)
        with self._database.read() as connection:
            return list(connection.execute(query).mappings())


def _latest(connection: Connection, dataset_id: str, sample_id: str) -> RowMapping | None:
    query = (
        select(VERDICTS)
        .where(VERDICTS.c.dataset_id == dataset_number(dataset_id), VERDICTS.c.sample == sample_id)
        .order_by(VERDICTS.c.version.desc())
        .limit(1)
    )
    return connection.execute(query).mappings().first()


def _at_version(
    connection: Connection, dataset_id: str, sample_id: str, version: int
) -> Decision | None:
    query = select(VERDICTS).where(
        VERDICTS.c.dataset_id == dataset_number(dataset_id),
        VERDICTS.c.sample == sample_id,
        VERDICTS.c.version == version,
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else _decision(row)


def _last_action(
    connection: Connection, dataset_id: str, reviewer: str | None
) -> RowMapping | None:
    undone = select(VERDICTS.c.undoes).where(VERDICTS.c.undoes.is_not(None))
    query = select(VERDICTS).where(
        VERDICTS.c.dataset_id == dataset_number(dataset_id),
        VERDICTS.c.undoes.is_(None),
        VERDICTS.c.id.not_in(undone),
    )
    if reviewer is not None:
        query = query.where(VERDICTS.c.reviewer == reviewer)
    return connection.execute(query.order_by(VERDICTS.c.id.desc()).limit(1)).mappings().first()


def _refuse_later_action(connection: Connection, dataset_id: str, action: RowMapping) -> None:
    undone = select(VERDICTS.c.undoes).where(VERDICTS.c.undoes.is_not(None))
    query = select(VERDICTS.c.reviewer).where(
        VERDICTS.c.dataset_id == dataset_number(dataset_id),
        VERDICTS.c.sample == action["sample"],
        VERDICTS.c.version > action["version"],
        VERDICTS.c.undoes.is_(None),
        VERDICTS.c.id.not_in(undone),
    )
    other = connection.execute(query).scalar()
    if other is not None:
        raise ConflictError(
            f"{action['sample']} was decided again by {other or 'another reviewer'} since; "
            "look at it again before changing it."
        )


def _refuse_repeated(connection: Connection, event: str | None) -> None:
    if event is None:
        return
    query = select(VERDICTS.c.sample).where(VERDICTS.c.event == event)
    stored = connection.execute(query).scalar()
    if stored is not None:
        raise RepeatedEventError(f"This action on {stored} is stored already.")


def _add(
    connection: Connection,
    dataset_id: str,
    sample_id: str,
    version: int,
    decision: Decision | None,
    reviewer: str,
    undoes: int | None,
    event: str | None,
) -> None:
    values = {
        "dataset_id": dataset_number(dataset_id),
        "sample": sample_id,
        "version": version,
        "verdict": _CLEAR if decision is None else decision.verdict.value,
        "label": None if decision is None else decision.label,
        "reviewer": reviewer,
        "undoes": undoes,
        "at": time.time(),
        "event": event,
    }
    try:
        connection.execute(insert(VERDICTS).values(values))
    except IntegrityError as error:
        raise ConflictError(
            f"{sample_id} was changed by somebody else at the same moment; look at it again."
        ) from error


def _decision(row: RowMapping) -> Decision | None:
    if row["verdict"] == _CLEAR:
        return None
    return Decision(row["sample"], Verdict(row["verdict"]), row["label"])


def _conflict(sample_id: str, seen: int, latest: RowMapping | None) -> str:
    if latest is None:
        return f"{sample_id} has no decision yet (version 0), but version {seen} was seen."
    label = f" to {latest['label']}" if latest["label"] is not None else ""
    return (
        f"{sample_id} was changed by {latest['reviewer'] or 'another session'} to "
        f"{latest['verdict']!r}{label} (version {latest['version']}, seen: {seen}); "
        "look at it again and decide anew."
    )
