"""Verdicts on many samples at once, by several people; and workspaces of older versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import ConflictError, NotFoundError
from dvaudit.store import RepeatedEventError, Workspace
from dvaudit.store.database import Database
from dvaudit.store.schema import STEPS

Home = tuple[Workspace, str]
ALL = [f"{at}.png" for at in range(6)]


@pytest.fixture
def home(tmp_path: Path, filled: Callable[[Path], Home]) -> Iterator[Home]:
    opened = filled(tmp_path)
    yield opened
    opened[0].close()


def _all(verdict: Verdict, names: list[str] = ALL) -> list[Decision]:
    return [Decision(name, verdict) for name in names]


def test_many_verdicts_are_one_action(home: Home) -> None:
    ws, dataset = home
    ws.decide(dataset, "1.png", "relabel", "dog", reviewer="ann")
    assert ws.decide_many(dataset, _all(Verdict.DROP), reviewer="ann") == 6
    assert set(ws.decisions(dataset).values()) == set(_all(Verdict.DROP))
    assert ws.versions(dataset) == {name: 2 if name == "1.png" else 1 for name in ALL}
    log = ws.history(dataset)
    assert log["action"].isna().tolist() == [True] + [False] * 6
    assert log["action"].nunique() == 1
    assert len(ws.undo_action(dataset, reviewer="ann")) == 6
    assert ws.decisions(dataset) == {"1.png": Decision("1.png", Verdict.RELABEL, "dog")}
    assert ws.undo(dataset) == Decision("1.png", Verdict.RELABEL, "dog")
    assert ws.undo_action(dataset) == ()


def test_samples_with_a_verdict_can_be_left_alone(home: Home) -> None:
    ws, dataset = home
    ws.decide(dataset, "0.png", "keep")
    ws.decide(dataset, "2.png", "keep")
    ws.clear(dataset, "2.png")
    assert ws.decide_many(dataset, _all(Verdict.DROP), only_open=True) == 5
    assert ws.decisions(dataset)["0.png"].verdict is Verdict.KEEP
    assert ws.decisions(dataset)["2.png"].verdict is Verdict.DROP


@pytest.mark.parametrize("wrong", ["9.png", "0.png"])
def test_all_of_them_or_none(home: Home, wrong: str) -> None:
    ws, dataset = home
    with pytest.raises((NotFoundError, ValueError), match=r"no sample '9\.png'|named twice"):
        ws.decide_many(dataset, [*_all(Verdict.KEEP), Decision(wrong, Verdict.DROP)])
    assert ws.history(dataset).empty


def test_a_failure_half_way_leaves_nothing(home: Home) -> None:
    ws, dataset = home
    trigger = """create trigger full before insert on verdict when new.sample = '4.png'
        begin select raise(abort, 'the disk is full'); end"""
    with sqlite3.connect(ws.root / "state.db") as connection:
        connection.execute(trigger)
    connection.close()
    with pytest.raises(ConflictError):
        ws.decide_many(dataset, _all(Verdict.KEEP))
    assert ws.history(dataset).empty


def test_a_message_that_comes_again_counts_once(home: Home) -> None:
    ws, dataset = home
    ws.decide_many(dataset, _all(Verdict.KEEP), event="one-event")
    with pytest.raises(RepeatedEventError):
        ws.decide_many(dataset, _all(Verdict.DROP), event="one-event")
    assert len(ws.history(dataset)) == 6


def test_undo_of_many_stops_where_somebody_else_has_decided_since(home: Home) -> None:
    ws, dataset = home
    ws.decide_many(dataset, _all(Verdict.DROP), reviewer="ann")
    ws.decide(dataset, "3.png", "keep", reviewer="bob")
    with pytest.raises(ConflictError, match=r"1 of the 6 samples .* by bob since \(3\.png\)"):
        ws.undo(dataset, reviewer="ann")
    assert len(ws.history(dataset)) == 7
    ws.undo(dataset, reviewer="bob")
    ws.undo(dataset, reviewer="ann")
    assert ws.decisions(dataset) == {}


def test_undo_takes_back_ones_own(home: Home) -> None:
    ws, dataset = home
    ws.decide_many(dataset, _all(Verdict.DROP, ALL[:2]), reviewer="ann")
    ws.decide_many(dataset, _all(Verdict.KEEP, ALL[2:]), reviewer="bob")
    assert {item.sample_id for item in ws.undo_action(dataset, reviewer="ann")} == set(ALL[:2])
    assert ws.undo(dataset, reviewer="ann") is None
    assert set(ws.decisions(dataset)) == set(ALL[2:])


def test_another_process_sees_every_new_row(home: Home) -> None:
    ws, dataset = home
    with Workspace(ws.root) as other:
        assert other.decisions(dataset) == {}
        ws.decide(dataset, "0.png", "keep", reviewer="ann", resolves=True)
        other.decide(dataset, "1.png", "drop")
        assert list(ws.decisions(dataset)) == list(other.decisions(dataset)) == ALL[:2]
        entries = other.verdicts_since(dataset, 0)
        assert [entry.resolves for entry in entries] == [True, False]
        assert other.verdicts_since(dataset, entries[0].number) == entries[1:]


def test_what_was_returned_is_a_copy(home: Home) -> None:
    ws, dataset = home
    ws.decide(dataset, "0.png", "keep")
    ws.decisions(dataset).clear()
    assert len(ws.decisions(dataset)) == 1


def test_assignments_are_replaced_and_ended(home: Home) -> None:
    ws, dataset = home
    assert ws.assignment(dataset) is None
    ws.assign(dataset, {"ann": ALL[:3], "bob": ALL[2:]}, made_by="lead", queue="Most suspicious")
    with Workspace(ws.root) as other:
        made = other.assignment(dataset)
        assert made is not None
        assert (made.of("ann"), made.of("cleo")) == (tuple(ALL[:3]), ())
        assert (made.made_by, made.queue) == ("lead", "Most suspicious")
        ws.assign(dataset, {"ann": ALL[:1]}, made_by="", queue="x")
        again = other.assignment(dataset)
        assert again is not None
        assert again.parts == {"ann": ("0.png",)}
        ws.assign(dataset, {}, made_by="", queue="")
        assert other.assignment(dataset) is None
    with pytest.raises(NotFoundError, match="9"):
        ws.assign(dataset, {"ann": ["9.png"]}, made_by="", queue="")


def test_an_older_workspace_is_brought_up_to_date(tmp_path: Path) -> None:
    root = tmp_path / "home"
    root.mkdir()
    old = Database(root / "state.db", {step: STEPS[step] for step in (1, 2)})
    with old.write() as connection:
        connection.execute(
            text(
                "insert into dataset (name, status, source, copied, roles, class_names, "
                "class_counts, notes, unreadable, created) "
                "values ('pets', 'ready', '/x', 0, '{}', '[]', '[]', '[]', '[]', 1.0)"
            )
        )
        for version, verdict in ((1, "keep"), (2, "drop")):
            connection.execute(
                text(
                    "insert into verdict (dataset_id, sample, version, verdict, reviewer, at) "
                    f"values (1, 'a', {version}, '{verdict}', 'ann', {version}.0)"
                )
            )
    old.close()
    with Workspace(root) as ws:
        assert ws.decisions("d0001") == {"a": Decision("a", Verdict.DROP)}
        assert not ws.history("d0001")["resolution"].any()
        assert ws.undo("d0001", reviewer="ann") == Decision("a", Verdict.DROP)
        assert ws.decisions("d0001") == {"a": Decision("a", Verdict.KEEP)}
        assert ws.assignment("d0001") is None
    assert (root / "state.before-upgrade-from-2.db").exists()
