"""Verdicts: an append-only log per dataset; the newest version of a sample is its state."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
from sqlalchemy import RowMapping

from dvaudit.core.decisions import Decision, Entry
from dvaudit.core.errors import ConflictError
from dvaudit.store import verdict_rows as rows
from dvaudit.store.atomic import replacing
from dvaudit.store.database import Database
from dvaudit.store.errors import OvertakenError
from dvaudit.store.records import DatasetRecord
from dvaudit.store.schema import VERDICTS
from dvaudit.store.verdict_state import States

EXPORT_VERSION: Final = 2
HISTORY_COLUMNS: Final = (
    "at",
    "sample_id",
    "version",
    "verdict",
    "label",
    "reviewer",
    "undo",
    "action",
    "resolution",
)


class Verdicts:
    """The verdict table. Rows are only ever added; the database refuses anything else."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._states = States(self.since)

    def append(
        self,
        dataset_id: str,
        sample_id: str,
        decision: Decision | None,
        seen_version: int | None,
        reviewer: str,
        event: str | None = None,
        *,
        resolves: bool = False,
        senders: Collection[str] | None = None,
    ) -> int:
        """Add the next version of a sample (None = no decision any more) and return its number.

        Clearing a sample that has no decision adds nothing. With `senders`, `seen_version` is
        compared as Judging.decide says.

        Raises:
            OvertakenError: with `senders`, a newer verdict that they had not seen.
            ConflictError: the sample is no longer at `seen_version`.
            RepeatedEventError: `event` was carried out before.
        """
        names = self._states.spellings(dataset_id, reviewer)
        with self._database.write() as connection:
            rows.refuse_repeated(connection, event)
            latest = rows.newest_of(connection, dataset_id, [sample_id]).get(sample_id)
            version = 0 if latest is None else int(latest["version"])
            if seen_version is not None and senders is not None:
                whose = None if resolves else names
                newer = rows.unseen(connection, dataset_id, sample_id, seen_version, senders, whose)
                if newer is not None and rows.decision_of(newer) != decision:
                    message = f"{sample_id} was judged elsewhere after you looked at it."
                    raise OvertakenError(message, rows.entry_of(newer))
            elif seen_version is not None and seen_version != version:
                raise ConflictError(_conflict(sample_id, seen_version, latest))
            if decision is None and (latest is None or latest["verdict"] == rows.CLEAR):
                return version
            entry = Entry(0, 0.0, sample_id, version + 1, decision, names[0], resolves=resolves)
            rows.add(connection, dataset_id, [entry], event)
            return version + 1

    def append_many(
        self,
        dataset_id: str,
        decisions: Sequence[Decision],
        reviewer: str,
        event: str | None = None,
        *,
        only_open: bool = False,
    ) -> int:
        """Add the next version of each sample as one action, and return how many were added.

        With `only_open`, samples with a decision in force are left as they are.

        Raises:
            RepeatedEventError: `event` was carried out before.
        """
        action = uuid.uuid4().hex
        name = self._states.spellings(dataset_id, reviewer)[0]
        with self._database.write() as connection:
            rows.refuse_repeated(connection, event)
            newest = rows.newest_of(connection, dataset_id, [item.sample_id for item in decisions])
            entries = []
            for item in decisions:
                latest = newest.get(item.sample_id)
                if only_open and latest is not None and latest["verdict"] != rows.CLEAR:
                    continue
                version = 1 if latest is None else int(latest["version"]) + 1
                entries.append(Entry(0, 0.0, item.sample_id, version, item, name, action=action))
            rows.add(connection, dataset_id, entries, event)
        return len(entries)

    def undo(
        self, dataset_id: str, reviewer: str | None, event: str | None = None
    ) -> tuple[Decision, ...]:
        """Restore, as a new version, what samples were before the last action not yet undone.

        With `reviewer`, only that person's actions count. Returns the decisions taken back (where
        a clearing is taken back: the decision in force again), empty when nothing is left.

        Raises:
            ConflictError: somebody else has since decided on the same sample.
            RepeatedEventError: `event` was carried out before.
        """
        names = None if reviewer is None else self._states.spellings(dataset_id, reviewer)
        with self._database.write() as connection:
            rows.refuse_repeated(connection, event)
            action = rows.last_action(connection, dataset_id, names)
            if not action:
                return ()
            rows.refuse_later_actions(connection, action)
            before = rows.before(connection, action)
            samples = [str(row["sample"]) for row in action]
            newest = rows.newest_of(connection, dataset_id, samples)
            together = uuid.uuid4().hex if len(action) > 1 else None
            rows.add(
                connection,
                dataset_id,
                [
                    Entry(
                        number=0,
                        at=0.0,
                        sample_id=row["sample"],
                        version=int(newest[row["sample"]]["version"]) + 1,
                        decision=before[row["sample"]],
                        reviewer=str(row["reviewer"]) if names is None else names[0],
                        undoes=int(row["id"]),
                        action=together,
                    )
                    for row in action
                ],
                event,
            )
        taken = (rows.decision_of(row) or before[row["sample"]] for row in action)
        return tuple(item for item in taken if item is not None)

    def decisions(self, dataset_id: str) -> dict[str, Decision]:
        """The decision in force of every sample that has one, by sample id, oldest first."""
        return self._states.decisions(dataset_id)

    def versions(self, dataset_id: str) -> dict[str, int]:
        """The newest version number of every sample ever decided on."""
        return self._states.versions(dataset_id)

    def since(self, dataset_id: str, number: int) -> list[Entry]:
        """The rows stored after the one of this number (0 = all), oldest first."""
        query = rows.of_dataset(dataset_id).where(VERDICTS.c.id > number).order_by(VERDICTS.c.id)
        with self._database.read() as connection:
            return [rows.entry_of(row) for row in connection.execute(query).mappings()]

    def history(self, dataset_id: str) -> pd.DataFrame:
        """Every row ever added, oldest first, with HISTORY_COLUMNS; `at` is aware, UTC."""
        entries = self.since(dataset_id, 0)
        made = [entry.decision for entry in entries]
        frame = pd.DataFrame(
            {
                "at": [entry.at for entry in entries],
                "sample_id": [entry.sample_id for entry in entries],
                "version": [entry.version for entry in entries],
                "verdict": [rows.CLEAR if item is None else item.verdict.value for item in made],
                "label": pd.Series([item and item.label for item in made], dtype=object),
                "reviewer": [entry.reviewer for entry in entries],
                "undo": pd.Series([entry.undoes is not None for entry in entries], dtype=bool),
                "action": pd.Series([entry.action for entry in entries], dtype=object),
                "resolution": pd.Series([entry.resolves for entry in entries], dtype=bool),
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


def _conflict(sample_id: str, seen: int, latest: RowMapping | None) -> str:
    if latest is None:
        return f"{sample_id} has no decision yet (version 0), but version {seen} was seen."
    label = f" to {latest['label']}" if latest["label"] is not None else ""
    return (
        f"{sample_id} was changed by {latest['reviewer'] or 'another session'} to "
        f"{latest['verdict']!r}{label} (version {latest['version']}, seen: {seen}); "
        "look at it again and decide anew."
    )
