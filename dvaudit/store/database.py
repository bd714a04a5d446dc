"""Connections to state.db: durable, safe between threads and processes, schema checked."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from dvaudit.store.errors import WorkspaceError
from dvaudit.store.schema import STEPS, apply_step

BUSY_SECONDS = 30


def wal_safe(version: tuple[int, int, int]) -> bool:
    """True for SQLite releases without the WAL-reset bug, which can lose committed rows."""
    return (
        version >= (3, 51, 3)
        or (3, 50, 7) <= version < (3, 51, 0)
        or (3, 44, 6) <= version < (3, 45, 0)
    )


class Database:
    """One SQLite file. Every process opens it with the standard library's SQLite and no other:
    two SQLite libraries in one process drop each other's file locks and lose rows.

    Raises:
        WorkspaceError: the file is no SQLite database, or of a newer schema than this program.
    """

    def __init__(self, path: Path, steps: Mapping[int, tuple[str, ...]] = STEPS) -> None:
        self.path = path
        self._engine = _engine(path)
        # The same connections; the option makes their transactions begin with the write lock.
        self._writer = self._engine.execution_options(immediate=True)
        try:
            self._migrate(steps)
        except DatabaseError as error:
            self.close()
            raise WorkspaceError(
                f"{path} cannot be opened as a workspace database ({error.orig}). "
                "Restore it from a backup, or name another folder in DVAUDIT_HOME."
            ) from error
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view. Fetch and leave: an open view keeps writers waiting."""
        with self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed on leaving and rolled back on an exception.

        It takes the write lock at its start: a transaction that reads first and asks for the
        lock later fails at once when another writer came between.
        """
        with self._writer.begin() as connection:
            yield connection

    def version(self) -> int:
        """The schema version noted in the file."""
        with self.read() as connection:
            return int(connection.exec_driver_sql("pragma user_version").scalar_one())

    def close(self) -> None:
        """Close all connections; the object opens new ones when used again."""
        self._engine.dispose()

    def _migrate(self, steps: Mapping[int, tuple[str, ...]]) -> None:
        newest = max(steps)
        if self.version() == newest:
            return
        with FileLock(self.path.with_suffix(".lock"), timeout=BUSY_SECONDS * 2):
            found = self.version()
            if found > newest:
                raise WorkspaceError(
                    f"{self.path} has schema version {found}; this dvaudit knows versions up to "
                    f"{newest}. Upgrade dvaudit, or name another folder in DVAUDIT_HOME."
                )
            if 0 < found < newest:
                self._back_up(found)
            for number in range(found + 1, newest + 1):
                with self.write() as connection:
                    apply_step(connection, number, steps[number])

    def _back_up(self, version: int) -> None:
        target = self.path.with_name(f"{self.path.stem}.before-upgrade-from-{version}.db")
        with (
            contextlib.closing(sqlite3.connect(self.path)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)


def _engine(path: Path) -> Engine:
    journal = "wal" if wal_safe(sqlite3.sqlite_version_info) else "truncate"
    engine = create_engine(
        f"sqlite:///{path}",
        # isolation_level None leaves BEGIN to the listener below.
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        for pragma in (f"journal_mode={journal}", "synchronous=full", "foreign_keys=on"):
            connection.execute(f"pragma {pragma}").fetchall()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("begin immediate" if immediate else "begin")

    return engine
