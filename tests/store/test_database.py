"""The database file: versions, upgrades, triggers, damage."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import DatabaseError

from dvaudit.store import Workspace, WorkspaceError
from dvaudit.store.database import Database, wal_safe
from dvaudit.store.schema import METADATA, STEPS
from dvaudit.store.verdicts import Verdicts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 53, 4), True),
    ],
)
def test_wal_is_used_only_where_it_loses_nothing(version: tuple[int, int, int], safe: bool) -> None:
    assert wal_safe(version) is safe


def test_connections_are_durable(path: Path) -> None:
    database = Database(path)
    with database.read() as connection:
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1
        journal = connection.exec_driver_sql("pragma journal_mode").scalar()
    database.close()
    assert journal == ("wal" if wal_safe(sqlite3.sqlite_version_info) else "truncate")


def test_steps_lead_to_the_tables_in_use(path: Path) -> None:
    database = Database(path)
    with database.read() as connection:
        found = inspect(connection)
        assert set(found.get_table_names()) >= set(METADATA.tables)
        for name, table in METADATA.tables.items():
            columns = {column["name"]: column["nullable"] for column in found.get_columns(name)}
            expected = {
                column.name: bool(column.nullable or column.primary_key) for column in table.columns
            }
            assert columns == expected
    database.close()


def test_newer_schema_is_refused(path: Path) -> None:
    newest = max(STEPS)
    Database(path, {**STEPS, newest + 1: ()}).close()
    with pytest.raises(WorkspaceError, match=rf"version {newest + 1}.*up to {newest}.*Upgrade"):
        Database(path)


def test_older_schema_is_upgraded_once_and_kept_aside(path: Path) -> None:
    Database(path, {1: ("create table old (x)", "insert into old values (7)")}).close()
    steps = {1: (), 2: ("create table new as select x + 1 as x from old",), 3: ("drop table old",)}
    for _ in range(2):
        database = Database(path, steps)
        with database.read() as connection:
            assert connection.exec_driver_sql("select x from new").scalar() == 8
        assert database.version() == 3
        database.close()
    backup = sqlite3.connect(path.with_name("state.before-upgrade-from-1.db"))
    assert backup.execute("select x from old").fetchall() == [(7,)]
    backup.close()


def test_a_verdict_log_of_the_first_schema_is_kept(path: Path) -> None:
    old = Database(path, {1: STEPS[1]})
    with old.write() as connection:
        connection.exec_driver_sql(
            """insert into dataset (id, name, status, source, copied, roles, class_names,
            class_counts, notes, unreadable, created)
            values (1, 'trees', 'ready', 'trees.csv', 0, '{}', '[]', '[]', '[]', '[]', 0)"""
        )
        connection.exec_driver_sql(
            """insert into verdict (dataset_id, sample, version, verdict, reviewer, at)
            values (1, 'a', 1, 'keep', '', 0)"""
        )
    old.close()
    upgraded = Database(path)
    assert list(Verdicts(upgraded).decisions("d0001")) == ["a"]
    upgraded.close()


def test_failing_step_changes_nothing(path: Path) -> None:
    Database(path, {1: ("create table old (x)",)}).close()
    with pytest.raises(WorkspaceError):
        Database(path, {1: (), 2: ("create table new (x)", "this is no sql")})
    database = Database(path, {1: ()})
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["old"]
    database.close()


def test_many_may_open_a_new_workspace_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: Workspace(tmp_path / "home"), range(6)))
    for ws in opened:
        assert ws.datasets() == ()
        ws.close()


def test_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_bytes(b"these are my holiday pictures" * 100)
    with pytest.raises(WorkspaceError, match=r"state\.db cannot be opened"):
        Database(path)
    assert path.read_bytes().startswith(b"these are my holiday")


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="DVAUDIT_HOME"):
        Workspace(tmp_path / "file" / "home")


def test_home_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVAUDIT_HOME", str(tmp_path / "elsewhere"))
    with Workspace() as ws:
        assert ws.root == tmp_path / "elsewhere"
        assert ws.uploads.is_dir()
        assert ws.feature_cache.is_dir()


@pytest.mark.parametrize(
    "statement", ["update verdict set label = 'x'", "delete from verdict", "delete from dataset"]
)
def test_verdicts_cannot_be_changed(
    tmp_path: Path, filled: Callable[[Path], tuple[Workspace, str]], statement: str
) -> None:
    ws, dataset_id = filled(tmp_path)
    ws.decide(dataset_id, "0.png", "keep")
    ws.close()
    database = Database(ws.root / "state.db")
    with pytest.raises(DatabaseError, match=r"append-only|FOREIGN KEY"), database.write() as db:
        db.exec_driver_sql(statement)
    database.close()
    assert len(ws.history(dataset_id)) == 1
    ws.close()
