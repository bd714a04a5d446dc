"""Verdicts on what a person no longer sees as it is: judged elsewhere, or removed, meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from appview import texts
from audited import add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit import audits
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.places import Places
from dvaudit.findings.board import Board
from dvaudit.store import OvertakenError, Workspace
from dvaudit.ui import review_view
from dvaudit.ui.review_events import Progress, apply
from dvaudit.ui.review_view import _lost, _Verdicts

TAB, OTHER = "0a1b2c3d", "9f8e7d6c"


class Desk:
    """The dataset's review, as pages in browsers send events to it."""

    def __init__(self, ws: Workspace, folder: Path) -> None:
        self.ws = ws
        self.dataset, self.run = add_audited_table(ws, folder)
        self.frame = ws.run_samples(self.run)
        self.board = Board(Places(self.frame["id"]))
        self.progress: dict[str, Progress] = {}

    def send(
        self, page: str, number: int, who: str, verdict: str, seen: int | None, **more: Any
    ) -> Progress:
        event = {
            "id": f"{page}-{number}", "kind": "decide", "position": 0, "verdict": verdict,
            "reviewer": who, "seen": seen, **more,
        }  # fmt: skip
        return self.deliver(page, event)

    def deliver(self, page: str, *events: dict[str, Any], blind: bool = False) -> Progress:
        audits.bring_up_to_date(self.ws, self.dataset, self.board)
        act = _Verdicts(self.ws, self.dataset, self.board, blind=blind)
        before = self.progress.get(page, Progress())
        after = apply(list(events), before, self.frame, ("elm", "oak"), act)
        audits.bring_up_to_date(self.ws, self.dataset, self.board)
        self.progress[page] = after
        return after

    @property
    def in_force(self) -> Decision | None:
        return self.ws.decisions(self.dataset).get("0")


@pytest.fixture
def desk(ws: Workspace, tmp_path: Path) -> Desk:
    return Desk(ws, tmp_path)


def test_a_stale_verdict_is_not_stored_and_one_key_repeats_it(desk: Desk) -> None:
    desk.send(TAB, 1, "ann", "keep", 0)
    after = desk.send(OTHER, 1, "Ann", "drop", 0)
    assert desk.in_force == Decision("0", Verdict.KEEP)
    (lost,) = after.overtaken
    assert (lost.newer, lost.version) == (Decision("0", Verdict.KEEP), 1)
    told = _lost(desk.board, lost, "ann")
    assert told.text == (
        "0 is kept since, by you, in another place. Your verdict (dropped) is not stored."
    )
    after = desk.send(OTHER, 2, "ann", told.verdict, told.version)
    assert desk.in_force == Decision("0", Verdict.DROP)
    assert (after.overtaken, after.error) == ((), None)


def test_a_verdict_that_was_not_stored_can_be_let_go(desk: Desk) -> None:
    desk.send(TAB, 1, "", "keep", 0)
    desk.send(OTHER, 1, "", "drop", 0)
    leave = {"id": f"{OTHER}-2", "kind": "leave", "position": 0}
    assert desk.deliver(OTHER, leave).overtaken == ()
    assert desk.in_force == Decision("0", Verdict.KEEP)


def test_the_keys_of_one_page_never_overtake_each_other(desk: Desk) -> None:
    for number, verdict in enumerate(("keep", "drop", "unsure"), start=1):
        assert not desk.send(TAB, number, "ann", verdict, 0).overtaken
    desk.deliver(TAB, {"id": f"{TAB}-4", "kind": "undo", "position": 0, "reviewer": "ann"})
    assert not desk.send(TAB, 5, "ann", "keep", 0).overtaken
    # After a reload: what the page before left on its way was shown, and is named.
    assert not desk.send(OTHER, 1, "ann", "drop", 0, waiting=[f"{TAB}-5"]).overtaken
    assert desk.in_force == Decision("0", Verdict.DROP)


def test_the_same_verdict_twice_is_no_conflict(desk: Desk) -> None:
    desk.send(TAB, 1, "ann", "keep", 0)
    assert not desk.send(OTHER, 1, "ann", "keep", 0).overtaken


def test_another_reviewers_verdict_stays_beside_this_one_and_is_told(desk: Desk) -> None:
    desk.send(TAB, 1, "ann", "keep", 0)
    after = desk.send(OTHER, 1, "bob", "drop", 0)
    assert "judged otherwise meanwhile (ann: kept)" in (after.note or "")
    assert desk.board.in_conflict(0)
    assert desk.board.opinion("ann", 0) == Decision("0", Verdict.KEEP)
    event = {"id": "5c5c5c5c-1", "kind": "decide", "position": 0, "verdict": "unsure",
             "reviewer": "cleo", "seen": 0}  # fmt: skip
    assert desk.deliver("5c5c5c5c", event, blind=True).note is None


def test_a_settlement_never_goes_over_one_that_was_not_seen(desk: Desk) -> None:
    desk.send(TAB, 1, "ann", "keep", 0)
    desk.send(OTHER, 1, "bob", "drop", 1)
    desk.send(OTHER, 2, "bob", "unsure", 2, resolves=True)
    after = desk.send(TAB, 2, "ann", "keep", 2, resolves=True)
    assert [lost.by for lost in after.overtaken] == ["bob"]
    assert desk.in_force == Decision("0", Verdict.UNSURE)


def test_the_store_says_what_is_newer(desk: Desk) -> None:
    desk.ws.decide(desk.dataset, "0", "keep", reviewer="ann")
    with pytest.raises(OvertakenError) as caught:
        desk.ws.decide(desk.dataset, "0", "drop", seen_version=0, reviewer="ANN", senders=[TAB])
    assert caught.value.entry.version == 1


def _fragment() -> None:
    """Draw the review as its fragment does: with the records that the page once read."""
    import streamlit as st

    from dvaudit.server.opened import workspace
    from dvaudit.ui import queue_choice
    from dvaudit.ui.boards import review_board
    from dvaudit.ui.review_queue import Kind
    from dvaudit.ui.review_view import review_samples

    ws = workspace()
    if "held" not in st.session_state:
        dataset, run = ws.datasets()[0], ws.runs(ws.datasets()[0].id)[0]
        board = review_board(ws, dataset, run)
        queue = queue_choice.open_queue(
            ws, dataset, run, board, Kind.SUSPICION, "", every=False, reviewed=False
        )
        st.session_state["held"] = (dataset, run, queue)
    review_samples(ws, *st.session_state["held"])


@pytest.mark.parametrize("what", ["dataset", "audit"])
def test_what_was_removed_in_another_tab_is_said_where_one_judges(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    drawn: list[object] = []
    monkeypatch.setattr(review_view, "review", lambda window, **_: drawn.append(window))
    app = AppTest.from_function(_fragment, default_timeout=20).run()
    assert len(drawn) == 1
    if what == "dataset":
        ws.delete_dataset(dataset)
    else:
        ws.delete_run(run)
    app.run()
    assert not app.exception
    assert "was removed while it was reviewed here" in texts(app)
    assert len(drawn) == 1
