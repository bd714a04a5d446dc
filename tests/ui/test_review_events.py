"""What the browser reports of a review: applied once, in order, and never trusted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import ConflictError
from dvaudit.ui.components.review import shortcuts
from dvaudit.ui.review_events import Progress, apply

FRAME = pd.DataFrame({"id": ["a", "b", "c"]})
CLASSES = ("cat", "dog")


class Log:
    """Verdicts in memory, with undo."""

    def __init__(self) -> None:
        self.made: list[Decision] = []

    def decide(self, sample_id: str, verdict: Verdict, label: str | None) -> None:
        self.made.append(Decision(sample_id, verdict, label))

    def undo(self) -> Decision | None:
        return self.made.pop() if self.made else None


def _decide(seq: int, position: Any, verdict: str = "keep", label: Any = None) -> dict[str, Any]:
    return {
        "seq": seq, "kind": "decide", "position": position, "verdict": verdict, "label": label
    }  # fmt: skip


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
    assert (after.ack, after.anchor, after.here) == (3, 2, {"a", "b", "c"})


def test_events_are_applied_in_the_order_of_their_numbers() -> None:
    log = Log()
    apply([_decide(2, 1), _decide(1, 0)], Progress(), FRAME, CLASSES, log)
    assert [decision.sample_id for decision in log.made] == ["a", "b"]


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
        ({"seq": 1, "kind": "drop table"}, "named sample None"),
        ({"seq": 1, "kind": "nonsense", "position": 0}, "unknown event"),
    ],
)
def test_a_false_event_is_refused_and_the_next_one_counts(
    event: dict[str, Any], message: str
) -> None:
    log = Log()
    after = apply([event], Progress(), FRAME, CLASSES, log)
    assert message in (after.error or "")
    after = apply([event, _decide(2, 1)], after, FRAME, CLASSES, log)
    assert (after.ack, after.error) == (2, None)
    assert [decision.sample_id for decision in log.made] == ["b"]


@pytest.mark.parametrize("events", [None, "x", [1, None, {}, {"seq": "1"}]])
def test_what_is_no_list_of_events_changes_nothing(events: object) -> None:
    assert apply(events, Progress(ack=4), FRAME, CLASSES, Log()) == Progress(ack=4)


def test_a_refusal_of_the_store_is_reported() -> None:
    class Refusing(Log):
        def decide(self, sample_id: str, verdict: Verdict, label: str | None) -> None:
            raise ConflictError("somebody was faster")

    after = apply([_decide(1, 0)], Progress(), FRAME, CLASSES, Refusing())
    assert (after.ack, after.error) == (1, "somebody was faster")


def test_undo_goes_back_and_jumps_only_where_the_browser_is_not() -> None:
    log = Log()
    after = apply([_decide(1, 0), _decide(2, 1)], Progress(), FRAME, CLASSES, log)
    after = apply([{"seq": 3, "kind": "undo", "position": 1}], after, FRAME, CLASSES, log)
    assert (after.anchor, after.jumps) == (1, 0)
    after = apply([{"seq": 4, "kind": "undo", "position": None}], after, FRAME, CLASSES, log)
    assert (after.anchor, after.jump, after.jumps) == (0, 0, 1)
    after = apply([{"seq": 5, "kind": "undo", "position": None}], after, FRAME, CLASSES, log)
    assert "no verdict left" in (after.error or "")
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
        ([str(i) * 2 for i in range(11)], ("9", "88")),
        ([], []),
    ],
)
def test_number_keys_of_classes(classes: list[str], expected: object) -> None:
    found = shortcuts(classes)
    assert (found == expected) if isinstance(expected, list) else (found[-1] == expected)
