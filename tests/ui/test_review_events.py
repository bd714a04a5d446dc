"""What the browser reports of a review: applied once, in order, and never trusted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import ConflictError
from dvaudit.store import RepeatedEventError
from dvaudit.ui.components.review import shortcuts
from dvaudit.ui.review_events import By, Progress, apply

FRAME = pd.DataFrame({"id": ["a", "b", "c"]})
CLASSES = ("cat", "dog")


class Log:
    """Verdicts in memory, with undo."""

    def __init__(self) -> None:
        self.made: list[Decision] = []
        self.known: set[str] = set()
        self.who: list[tuple[str, bool]] = []
        self.at_once = 1  # verdicts of one action

    def decide(self, position: int, decision: Decision, by: By) -> str | None:
        self._once(by.event)
        assert FRAME["id"].iat[position] == decision.sample_id
        self.made.append(decision)
        self.who.append((by.reviewer, by.resolves))
        return None

    def undo(self, by: By) -> tuple[Decision, ...]:
        self._once(by.event)
        taken = self.made[-self.at_once :]
        del self.made[-self.at_once :]
        return tuple(taken)

    def position(self, sample_id: str) -> int | None:
        found = FRAME.index[FRAME["id"] == sample_id]
        return int(found[0]) if len(found) else None

    def _once(self, event: str) -> None:
        if event in self.known:
            raise RepeatedEventError("stored already")
        self.known.add(event)


def _id(number: int) -> str:
    return f"0a1b2c3d-{number}"


def _decide(number: int, position: Any, verdict: str = "keep", label: Any = None) -> dict[str, Any]:
    return {
        "id": _id(number), "kind": "decide", "position": position, "verdict": verdict,
        "label": label,
    }  # fmt: skip


def _undo(number: int, position: int | None = None) -> dict[str, Any]:
    return {"id": _id(number), "kind": "undo", "position": position}


def test_an_outbox_that_comes_again_is_applied_once() -> None:
    log = Log()
    first = [_decide(1, 0), _decide(2, 1, "relabel", "dog")]
    after = apply(first, Progress(), FRAME, CLASSES, log)
    after = apply([*first, _decide(3, 2, "drop")], after, FRAME, CLASSES, log)
    assert log.made == [
        Decision("a", Verdict.KEEP),
        Decision("b", Verdict.RELABEL, "dog"),
        Decision("c", Verdict.DROP),
    ]
    assert (after.anchor, after.here) == (2, {0, 1, 2})
    assert after.ack == (_id(1), _id(2), _id(3))


def test_what_an_earlier_session_applied_is_acknowledged_and_not_applied_again() -> None:
    log = Log()
    outbox = [_decide(1, 0), _decide(2, 1), _undo(3, 1)]
    apply(outbox, Progress(), FRAME, CLASSES, log)
    after = apply([*outbox, _decide(4, 2)], Progress(), FRAME, CLASSES, log)
    assert [decision.sample_id for decision in log.made] == ["a", "c"]
    assert (after.ack, after.error) == (tuple(map(_id, (1, 2, 3, 4))), None)


def test_an_undo_that_was_refused_does_not_take_back_what_came_later() -> None:
    log = Log()
    after = apply([_undo(1)], Progress(), FRAME, CLASSES, log)
    assert "no verdict of yours left" in (after.error or "")
    after = apply([_undo(1), _decide(2, 0)], after, FRAME, CLASSES, log)
    after = apply([_undo(1), _decide(2, 0), _decide(3, 1)], after, FRAME, CLASSES, log)
    assert [decision.sample_id for decision in log.made] == ["a", "b"]


def test_events_are_applied_in_the_order_they_come() -> None:
    log = Log()
    apply([_decide(2, 1), _decide(1, 0)], Progress(), FRAME, CLASSES, log)
    assert [decision.sample_id for decision in log.made] == ["b", "a"]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (_decide(1, 3), "sample 3 of 3"),
        (_decide(1, -1), "sample -1"),
        (_decide(1, "0"), "sample '0'"),
        (_decide(1, None), "sample None"),
        (_decide(1, 0, "delete"), "'delete' is no verdict"),
        (_decide(1, 0, "relabel", "cow"), "no class 'cow'"),
        (_decide(1, 0, "relabel"), "no class None"),
        ({"id": _id(1), "kind": "drop table"}, "named sample None"),
        ({"id": _id(1), "kind": "nonsense", "position": 0}, "unknown event"),
    ],
)
def test_a_false_event_is_refused_and_the_next_one_counts(
    event: dict[str, Any], message: str
) -> None:
    log = Log()
    after = apply([event], Progress(), FRAME, CLASSES, log)
    assert message in (after.error or "")
    after = apply([event, _decide(2, 1)], after, FRAME, CLASSES, log)
    assert (after.ack, after.error) == ((_id(1), _id(2)), None)
    assert [decision.sample_id for decision in log.made] == ["b"]


@pytest.mark.parametrize("events", [None, "x", [1, None, {}, {"id": 1}, {"id": "../x"}]])
def test_what_is_no_list_of_events_changes_nothing(events: object) -> None:
    before = Progress(ack=(_id(4),))
    assert apply(events, before, FRAME, CLASSES, Log()) == before


def test_a_refusal_of_the_store_is_reported() -> None:
    class Refusing(Log):
        def decide(self, position: int, decision: Decision, by: By) -> str | None:
            raise ConflictError("somebody was faster")

    after = apply([_decide(1, 0)], Progress(), FRAME, CLASSES, Refusing())
    assert (after.ack, after.error) == ((_id(1),), "somebody was faster")


def test_undo_goes_back_and_jumps_only_where_the_browser_is_not() -> None:
    log = Log()
    after = apply([_decide(1, 0), _decide(2, 1)], Progress(), FRAME, CLASSES, log)
    after = apply([_undo(3, 1)], after, FRAME, CLASSES, log)
    assert (after.anchor, after.jumps) == (1, 0)
    after = apply([_undo(4)], after, FRAME, CLASSES, log)
    assert (after.anchor, after.jump, after.jumps) == (0, 0, 1)
    after = apply([_undo(5)], after, FRAME, CLASSES, log)
    assert "no verdict of yours left" in (after.error or "")
    assert log.made == []


@pytest.mark.parametrize(
    ("label", "fine"),
    [("3.5", True), (" -2e3 ", True), ("nan", False), ("inf", False), ("x", False), (None, False)],
)
def test_a_regression_label_is_a_finite_number(label: object, fine: bool) -> None:
    log = Log()
    after = apply([_decide(1, 0, "relabel", label)], Progress(), FRAME, (), log)
    assert (after.error is None) is fine
    assert len(log.made) == int(fine)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["0", "1", "7"], [("0", "0"), ("1", "1"), ("7", "7")]),
        (["cat", "dog"], [("1", "cat"), ("2", "dog")]),
        ([str(i) * 2 for i in range(10)], ("0", "99")),
        ([str(i) * 2 for i in range(11)], []),  # see review_keys
        ([], []),
    ],
)
def test_number_keys_of_classes(classes: list[str], expected: object) -> None:
    found = shortcuts(classes)
    assert (found == expected) if isinstance(expected, list) else (found[-1] == expected)


def test_each_event_carries_the_name_the_tab_had() -> None:
    log = Log()
    events = [
        {**_decide(1, 0), "reviewer": "  Ann   Lee "},
        {**_decide(2, 1), "reviewer": ["Bob"], "resolves": True},
        {**_decide(3, 2), "reviewer": "Cleo", "resolves": "yes"},
        {**_decide(4, 2), "reviewer": "x" * 41},
    ]
    after = apply(events, Progress(), FRAME, CLASSES, log, "Zoe")
    assert log.who == [("Ann Lee", False), ("", True), ("Cleo", False)]
    assert "has 41 letters" in (after.error or "")


def test_what_a_tab_typed_before_its_name_arrived_gets_the_name() -> None:
    log = Log()
    apply([{**_decide(1, 0), "own": True}, _decide(2, 1)], Progress(), FRAME, CLASSES, log, "Zoe")
    assert log.who == [("Zoe", False), ("", False)]


def test_taking_back_many_verdicts_at_once_is_said() -> None:
    log = Log()
    after = apply([_decide(1, 0), _decide(2, 2)], Progress(), FRAME, CLASSES, log)
    log.at_once = 2
    after = apply([_undo(3, 2)], after, FRAME, CLASSES, log)
    assert after.note == "Took back 2 verdicts given together."
    assert (after.jump, after.here) == (0, {0, 2})
    assert apply([_undo(3, 2), _decide(4, 1)], after, FRAME, CLASSES, log).note is None
