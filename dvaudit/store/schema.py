"""Tables of state.db as they are now, and the numbered steps that lead there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

METADATA: Final = MetaData()

DATASETS: Final = Table(
    "dataset",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("source", Text, nullable=False),  # relative to the workspace when copied
    Column("copied", Integer, nullable=False),
    Column("source_size", Integer),
    Column("source_mtime_ns", Integer),
    Column("roles", Text, nullable=False),
    Column("task", Text),
    Column("kind", Text),
    Column("samples", Integer),
    Column("class_names", Text, nullable=False),
    Column("class_counts", Text, nullable=False),
    Column("fingerprint", Text),
    Column("notes", Text, nullable=False),
    Column("unreadable", Text, nullable=False),
    Column("error", Text),
    Column("created", Float, nullable=False),
    Column("deleted", Float),
    sqlite_autoincrement=True,
)

RUNS: Final = Table(
    "run",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", Integer, ForeignKey("dataset.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("fraction", Float, nullable=False),
    Column("eta", Float),
    Column("error", Text),
    Column("attempt", Integer, nullable=False),
    Column("pid", Integer),
    Column("cancel_requested", Float),
    Column("created", Float, nullable=False),
    Column("submitted", Float),
    Column("started", Float),
    Column("updated", Float),
    Column("finished", Float),
    Index("run_by_status", "status"),
    Index("run_by_dataset", "dataset_id"),
    sqlite_autoincrement=True,
)

VERDICTS: Final = Table(
    "verdict",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", Integer, ForeignKey("dataset.id"), nullable=False),
    Column("sample", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("label", Text),
    Column("reviewer", Text, nullable=False),
    Column("undoes", Integer, ForeignKey("verdict.id"), unique=True),
    Column("at", Float, nullable=False),
    Column("event", Text, unique=True),
    Column("action", Text),  # rows with the same one were stored, and are undone, at once
    Column("resolves", Integer, nullable=False, server_default="0"),
    Index("verdict_by_action", "action"),
    UniqueConstraint("dataset_id", "sample", "version"),
    CheckConstraint("verdict in ('keep', 'relabel', 'drop', 'unsure', 'clear')"),
    CheckConstraint("(verdict = 'relabel') = (label is not null)"),
    sqlite_autoincrement=True,
)

ASSIGNMENTS: Final = Table(
    "assignment",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("dataset_id", Integer, ForeignKey("dataset.id"), nullable=False),
    Column("at", Float, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("parts", Text, nullable=False),
    Index("assignment_by_dataset", "dataset_id"),
    sqlite_autoincrement=True,
)

# A step is history: it is never edited once released, and tables above follow the newest one.
STEPS: Final[Mapping[int, tuple[str, ...]]] = {
    1: (
        """create table dataset (
            id integer primary key autoincrement,
            name text not null, status text not null,
            source text not null, copied integer not null,
            source_size integer, source_mtime_ns integer,
            roles text not null, task text, kind text, samples integer,
            class_names text not null, class_counts text not null, fingerprint text,
            notes text not null, unreadable text not null, error text,
            created float not null, deleted float)""",
        """create table run (
            id integer primary key autoincrement,
            dataset_id integer not null references dataset(id),
            kind text not null, params text not null,
            status text not null, stage text not null, fraction float not null, eta float,
            error text, attempt integer not null, pid integer, cancel_requested float,
            created float not null, submitted float, started float, updated float,
            finished float)""",
        "create index run_by_status on run(status)",
        "create index run_by_dataset on run(dataset_id)",
        """create table verdict (
            id integer primary key autoincrement,
            dataset_id integer not null references dataset(id),
            sample text not null, version integer not null,
            verdict text not null, label text, reviewer text not null,
            undoes integer unique references verdict(id),
            at float not null,
            unique (dataset_id, sample, version),
            check (verdict in ('keep', 'relabel', 'drop', 'unsure', 'clear')),
            check ((verdict = 'relabel') = (label is not null)))""",
        """create trigger verdict_no_update before update on verdict
            begin select raise(abort, 'verdicts are append-only'); end""",
        """create trigger verdict_no_delete before delete on verdict
            begin select raise(abort, 'verdicts are append-only'); end""",
    ),
    2: (
        "alter table verdict add column event text",
        "create unique index verdict_by_event on verdict(event)",
    ),
    3: (
        "alter table verdict add column action text",
        "alter table verdict add column resolves integer not null default 0",
        "create index verdict_by_action on verdict(action)",
        """create table assignment (
            id integer primary key autoincrement,
            dataset_id integer not null references dataset(id),
            at float not null, made_by text not null, queue text not null,
            parts text not null)""",
        "create index assignment_by_dataset on assignment(dataset_id)",
    ),
}


def apply_step(connection: Connection, number: int, statements: tuple[str, ...]) -> None:
    """Run one step and note its number, inside the caller's transaction."""
    for statement in statements:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"pragma user_version = {number}")
