"""The state of a review by several people, against a slow replay of the whole log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.decisions import Decision, Entry, Verdict
from dvaudit.core.errors import ConflictError
from dvaudit.core.places import Places
from dvaudit.findings.board import CODES, PACE_SECONDS, Board
from dvaudit.store import Workspace
from dvaudit.store.database import Database
from dvaudit.store.verdicts import Verdicts

IDS = ["a", "b", "c", "d"]
NAMES = ["", "ann", "bob"]
CHOICES = {
    "keep": (Verdict.KEEP, None),
    "drop": (Verdict.DROP, None),
    "x": (Verdict.RELABEL, "x"),
    "y": (Verdict.RELABEL, "y"),
}
ACTION = st.tuples(
    st.sampled_from(["one", "many", "settle", "clear", "undo"]),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(IDS), min_size=1, unique=True),
    st.sampled_from(sorted(CHOICES)),
)


class Slow:
    """Everything worked out anew from all rows; the obvious way."""

    def __init__(self, rows: list[Entry]) -> None:
        undone = {row.undoes for row in rows}
        self.rows = rows
        self.live = [row for row in rows if row.undoes is None and row.number not in undone]

    def in_force(self, sample: str) -> Decision | None:
        mine = [row.decision for row in self.rows if row.sample_id == sample]
        return mine[-1] if mine else None

    def opinion(self, reviewer: str, sample: str) -> Decision | None:
        mine = [
            row.decision for row in self.live if (row.sample_id, row.reviewer) == (sample, reviewer)
        ]
        return mine[-1] if mine else None

    def in_conflict(self, sample: str) -> bool:
        live = [row for row in self.live if row.sample_id == sample]
        settled = max((at for at, row in enumerate(live) if row.resolves), default=0)
        newest = {row.reviewer: row.decision for row in live[settled:]}
        return len({made for made in newest.values() if made is not None}) > 1


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], tuple[Verdicts, str]]]:
    root: Path = tmp_path_factory.mktemp("board")
    (root / "source").touch()
    ws = Workspace(root / "home")
    database = Database(ws.root / "state.db")
    verdicts = Verdicts(database)

    def fresh() -> tuple[Verdicts, str]:
        return verdicts, ws.add_dataset("x", root / "source", copy=False, roles={}, task=None)

    yield fresh
    ws.close()
    database.close()


def _carry_out(log: Verdicts, dataset: str, action: tuple[str, str, list[str], str]) -> None:
    what, who, samples, choice = action
    verdict, label = CHOICES[choice]
    if what == "undo":
        try:
            log.undo(dataset, who)
        except ConflictError:
            return
    elif what == "many":
        log.append_many(dataset, [Decision(name, verdict, label) for name in samples], who)
    elif what == "clear":
        log.append(dataset, samples[0], None, None, who)
    else:
        decision = Decision(samples[0], verdict, label)
        log.append(dataset, samples[0], decision, None, who, resolves=what == "settle")


@settings(max_examples=60, deadline=None)
@given(actions=st.lists(ACTION, min_size=3, max_size=25))
def test_the_board_says_what_a_replay_of_the_log_says(
    log: Callable[[], tuple[Verdicts, str]], actions: list[tuple[str, str, list[str], str]]
) -> None:
    verdicts, dataset = log()
    board = Board(Places(pd.Series(IDS)))
    for action in actions:
        _carry_out(verdicts, dataset, action)
        board.add(verdicts.since(dataset, max(0, board.read - 2)))  # rows may come again
        slow = Slow(verdicts.since(dataset, 0))
        standing = {name: slow.in_force(name) for name in IDS}
        assert verdicts.decisions(dataset) == {
            name: made for name, made in standing.items() if made is not None
        }
        for at, name in enumerate(IDS):
            assert board.in_force(at) == standing[name]
            assert board.in_conflict(at) == slow.in_conflict(name)
            for who in NAMES:
                assert board.opinion(who, at) == slow.opinion(who, name)
            said = {who: made for who, made, _ in board.opinions_on(at)}
            assert said == {
                who: made for who in NAMES if (made := slow.opinion(who, name)) is not None
            }
        assert board.standing().tolist() == [
            0 if (made := standing[name]) is None else CODES[made.verdict] for name in IDS
        ]
        for who in NAMES:
            mine = [at for at, name in enumerate(IDS) if slow.opinion(who, name)]
            others = [
                at
                for at, name in enumerate(IDS)
                if any(slow.opinion(other, name) for other in NAMES if other != who)
            ]
            assert sorted(board.judged_by(who)) == mine
            assert board.judged_by_others(who).tolist() == others
            assert board.can_undo(who) == any(row.reviewer == who for row in slow.live)
        assert board.conflicts().tolist() == [
            at for at, name in enumerate(IDS) if slow.in_conflict(name)
        ]


def _entry(number: int, at: float, reviewer: str = "ann", **more: object) -> Entry:
    made = Decision("a", Verdict.KEEP)
    return Entry(number, at, "a", number, made, reviewer, **more)  # type: ignore[arg-type]


def _board(*entries: Entry) -> Board:
    board = Board(Places(pd.Series(IDS)))
    board.add(entries)
    return board


def test_a_settled_sample_is_in_conflict_again_when_somebody_differs_from_it() -> None:
    keep, drop = Decision("a", Verdict.KEEP), Decision("a", Verdict.DROP)
    rows = [
        Entry(1, 0, "a", 1, keep, "ann"),
        Entry(2, 0, "a", 2, drop, "bob"),
        Entry(3, 0, "a", 3, keep, "lead", resolves=True),
        Entry(4, 0, "a", 4, keep, "bob"),
        Entry(5, 0, "a", 5, drop, "ann"),
    ]
    found = [_board(*rows[:upto]).in_conflict(0) for upto in range(1, 6)]
    assert found == [False, True, False, False, True]


def test_the_pace_counts_recent_verdicts_given_one_by_one() -> None:
    steady = [_entry(number, 1000 + 10 * number) for number in range(1, 8)]
    pace = _board(*steady).pace("ann", 1070)
    assert (pace.judged, pace.recent, pace.per_minute) == (1, 7, pytest.approx(6.0))
    assert _board(*steady).pace("ann", 1070 + 2 * PACE_SECONDS).per_minute is None
    assert _board(*steady[:2]).pace("ann", 1021).per_minute is None
    assert _board(*steady).pace("bob", 1070).recent == 0
    burst = [_entry(number, 1000 + 0.1 * number) for number in range(1, 8)]
    assert _board(*burst).pace("ann", 1002).per_minute is None
    assert _board(*burst).pace("ann", 1060.2).per_minute == pytest.approx(6.0, rel=0.01)
    bulk = [_entry(number, 1000, action="m") for number in range(1, 8)]
    assert _board(*bulk).pace("ann", 1001).recent == 0


def test_the_last_action_names_what_an_undo_takes_back() -> None:
    bulk = [_entry(number, 0, action="m") for number in (2, 3)]
    assert _board(_entry(1, 0), *bulk).last_action("ann") == ("m", 2)
    assert _board(*bulk, _entry(4, 0)).last_action("ann") == (None, 1)
    assert _board(*bulk).last_action("bob") == (None, 0)


def test_rows_on_samples_that_are_gone_are_passed_over() -> None:
    board = _board(Entry(1, 0, "gone", 1, Decision("gone", Verdict.KEEP), "ann"))
    assert (board.read, board.standing().any()) == (1, False)
