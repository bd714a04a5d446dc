"""Assignments: who reviews which samples of a dataset. Rows are only added; the newest counts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence

from sqlalchemy import insert, select

from dvaudit.core.decisions import Assignment
from dvaudit.store.database import Database
from dvaudit.store.records import dataset_number
from dvaudit.store.schema import ASSIGNMENTS


class Assignments:
    """The assignment table."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, Assignment] = {}

    def add(
        self, dataset_id: str, parts: Mapping[str, Sequence[str]], made_by: str, queue: str
    ) -> None:
        """Share samples out in place of what was shared out before; no parts end it."""
        values = {
            "dataset_id": dataset_number(dataset_id),
            "at": time.time(),
            "made_by": made_by,
            "queue": queue,
            "parts": json.dumps({name: list(ids) for name, ids in parts.items()}),
        }
        with self._database.write() as connection:
            connection.execute(insert(ASSIGNMENTS).values(values))

    def newest(self, dataset_id: str) -> Assignment | None:
        """What is shared out now; None where nothing is. Parts are read once, as they stay."""
        mine = ASSIGNMENTS.c.dataset_id == dataset_number(dataset_id)
        last = select(ASSIGNMENTS.c.id).where(mine).order_by(ASSIGNMENTS.c.id.desc()).limit(1)
        with self._database.read() as connection:
            number = connection.execute(last).scalar()
            if number is None:
                return None
            if number not in self._known:
                query = select(ASSIGNMENTS).where(ASSIGNMENTS.c.id == number)
                row = connection.execute(query).mappings().one()
                parts = {name: tuple(ids) for name, ids in json.loads(row["parts"]).items()}
                self._known[number] = Assignment(
                    number, row["at"], row["made_by"], row["queue"], parts
                )
        found = self._known[number]
        return found if found.parts else None
