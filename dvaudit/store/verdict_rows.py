"""Rows of the verdict table: what is asked of it, and how rows are added."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    RowMapping,
    Select,
    and_,
    func,
    insert,
    not_,
    select,
)
from sqlalchemy.exc import IntegrityError

from dvaudit.core.decisions import Decision, Entry, Verdict
from dvaudit.core.errors import ConflictError, some
from dvaudit.store.errors import RepeatedEventError
from dvaudit.store.records import dataset_number
from dvaudit.store.schema import VERDICTS

CLEAR: Final = "clear"
AT_ONCE: Final = 900  # SQLite releases before 3.32 take 999 parameters in a statement
UNDONE: Final = VERDICTS.alias("undone")
EARLIER: Final = VERDICTS.alias("earlier")
LATER: Final = VERDICTS.alias("later")


def decision_of(row: RowMapping) -> Decision | None:
    """Return what a row puts in force; None for nothing."""
    if row["verdict"] == CLEAR:
        return None
    return Decision(row["sample"], Verdict(row["verdict"]), row["label"])


def entry_of(row: RowMapping) -> Entry:
    """Return a row as the rest of the program knows it."""
    return Entry(
        number=row["id"],
        at=row["at"],
        sample_id=row["sample"],
        version=row["version"],
        decision=decision_of(row),
        reviewer=row["reviewer"],
        undoes=row["undoes"],
        action=row["action"],
        resolves=bool(row["resolves"]),
    )


def of_dataset(dataset_id: str) -> Select[tuple[object, ...]]:
    """Return the query for all rows of a dataset."""
    return select(VERDICTS).where(VERDICTS.c.dataset_id == dataset_number(dataset_id))


def newest_of(
    connection: Connection, dataset_id: str, sample_ids: Sequence[str]
) -> dict[str, RowMapping]:
    """Return the newest row of each of these samples that has one."""
    found: dict[str, RowMapping] = {}
    for first in range(0, len(sample_ids), AT_ONCE):
        named = VERDICTS.c.sample.in_(sample_ids[first : first + AT_ONCE])
        newest = (
            select(func.max(VERDICTS.c.id))
            .where(VERDICTS.c.dataset_id == dataset_number(dataset_id), named)
            .group_by(VERDICTS.c.sample)
        )
        rows = connection.execute(select(VERDICTS).where(VERDICTS.c.id.in_(newest))).mappings()
        found.update((row["sample"], row) for row in rows)
    return found


def unseen(
    connection: Connection,
    dataset_id: str,
    sample_id: str,
    seen_version: int,
    senders: Collection[str],
    spellings: Sequence[str] | None,
) -> RowMapping | None:
    """Return a sample's newest row after `seen_version` that none of `senders` made.

    Args:
        senders: events named "SENDER-..." of these are the asking one's own.
        spellings: the names of one reviewer, whose rows alone count; None for anybody's.
    """
    query = of_dataset(dataset_id).where(
        VERDICTS.c.sample == sample_id, VERDICTS.c.version > seen_version
    )
    for row in connection.execute(query.order_by(VERDICTS.c.id.desc())).mappings():
        own = str(row["event"] or "").rpartition("-")[0]
        if own not in senders and (spellings is None or row["reviewer"] in spellings):
            return row
    return None


def last_action(
    connection: Connection, dataset_id: str, spellings: Sequence[str] | None
) -> list[RowMapping]:
    """Return the rows of the last action not yet undone, of one reviewer or of anybody."""
    query = of_dataset(dataset_id).where(VERDICTS.c.undoes.is_(None), _stands(VERDICTS.c.id))
    if spellings is not None:
        query = query.where(VERDICTS.c.reviewer.in_(spellings))
    row = connection.execute(query.order_by(VERDICTS.c.id.desc()).limit(1)).mappings().first()
    if row is None:
        return []
    if row["action"] is None:
        return [row]
    rows = of_dataset(dataset_id).where(VERDICTS.c.action == row["action"])
    return list(connection.execute(rows.order_by(VERDICTS.c.id)).mappings())


def refuse_later_actions(connection: Connection, action: Sequence[RowMapping]) -> None:
    """Raise ConflictError where somebody has since decided on a sample of `action`."""
    query = (
        select(VERDICTS.c.sample, LATER.c.reviewer)
        .join(LATER, _same_sample(LATER, LATER.c.version > VERDICTS.c.version))
        .where(_part_of(action), LATER.c.undoes.is_(None), _stands(LATER.c.id))
        .order_by(VERDICTS.c.id)
    )
    found = list(dict(tuple(row) for row in connection.execute(query)).items())
    if not found:
        return
    who = some(sorted({name or "another reviewer" for _, name in found}))
    if len(action) == 1:
        raise ConflictError(
            f"{found[0][0]} was decided again by {who} since; look at it again before changing it."
        )
    raise ConflictError(
        f"{len(found):,} of the {len(action):,} samples were decided again by {who} since "
        f"({some(name for name, _ in found)}), so these verdicts stay; judge the samples anew "
        "instead."
    )


def before(connection: Connection, action: Sequence[RowMapping]) -> dict[str, Decision | None]:
    """Return what was in force on each sample of `action` before it."""
    query = (
        select(EARLIER)
        .select_from(VERDICTS)
        .join(EARLIER, _same_sample(EARLIER, EARLIER.c.version == VERDICTS.c.version - 1))
        .where(_part_of(action))
    )
    earlier = {row["sample"]: decision_of(row) for row in connection.execute(query).mappings()}
    return {row["sample"]: earlier.get(row["sample"]) for row in action}


def refuse_repeated(connection: Connection, event: str | None) -> None:
    """Raise RepeatedEventError where an event is stored already."""
    if event is None:
        return
    query = select(VERDICTS.c.sample).where(VERDICTS.c.event == event)
    stored = connection.execute(query).scalar()
    if stored is not None:
        raise RepeatedEventError(f"This action on {stored} is stored already.")


def add(
    connection: Connection, dataset_id: str, entries: Iterable[Entry], event: str | None
) -> None:
    """Store rows, in order; the first carries the event, and the database gives the numbers.

    Raises:
        ConflictError: a sample has this version already.
    """
    now, number = time.time(), dataset_number(dataset_id)
    rows = [
        {
            "dataset_id": number,
            "sample": entry.sample_id,
            "version": entry.version,
            "verdict": CLEAR if entry.decision is None else entry.decision.verdict.value,
            "label": None if entry.decision is None else entry.decision.label,
            "reviewer": entry.reviewer,
            "undoes": entry.undoes,
            "at": now,
            "event": event if at == 0 else None,
            "action": entry.action,
            "resolves": int(entry.resolves),
        }
        for at, entry in enumerate(entries)
    ]
    if not rows:
        return
    try:
        connection.execute(insert(VERDICTS), rows)
    except IntegrityError as error:
        names = some(str(row["sample"]) for row in rows)
        raise ConflictError(
            f"{names}: changed by somebody else at the same moment; look again."
        ) from error


def _stands(number: ColumnElement[int]) -> ColumnElement[bool]:
    """No row takes back the one with this number."""
    return not_(select(UNDONE.c.id).where(UNDONE.c.undoes == number).exists())


def _same_sample(other: FromClause, versions: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(
        other.c.dataset_id == VERDICTS.c.dataset_id, other.c.sample == VERDICTS.c.sample, versions
    )


def _part_of(action: Sequence[RowMapping]) -> ColumnElement[bool]:
    name = action[0]["action"]
    if name is None:
        return VERDICTS.c.id == int(action[0]["id"])
    return VERDICTS.c.action == str(name)
