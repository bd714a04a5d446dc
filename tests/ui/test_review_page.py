"""Review: the queue and the window of it that the browser holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from appview import add_table, in_address, open_page, texts
from audited import WRONG, add_audited_numbers, add_audited_pictures, add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit.core.decisions import Verdict
from dvaudit.core.places import Places
from dvaudit.findings import CutBy, CutOff
from dvaudit.findings.board import Board
from dvaudit.store import Workspace
from dvaudit.ui import review_view
from dvaudit.ui.components.review import Window
from dvaudit.ui.queue_choice import open_queue
from dvaudit.ui.review_events import Progress
from dvaudit.ui.review_queue import Kind, State, state_of
from dvaudit.ui.review_view import AHEAD, BEHIND, window_bounds


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """What the page sends to the browser, newest last."""
    windows: list[Window] = []

    def record(window: Window, **_: Any) -> None:
        windows.append(window)

    monkeypatch.setattr(review_view, "review", record)
    return windows


def _page() -> AppTest:
    app = open_page("review")
    assert not app.exception
    return app


def test_without_data_or_audit_the_page_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    assert "No dataset yet" in texts(open_page("review"))
    add_table(ws, tmp_path)
    assert "No finished audit yet" in texts(open_page("review"))


def test_the_browser_gets_flagged_samples_with_all_that_helps_to_judge(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    add_audited_table(ws, tmp_path)
    _page()
    window = sent[-1]
    assert [item.position for item in window.items] == list(WRONG)
    first = window.items[0]
    assert (first.name, first.given, first.suggestion) == ("0", "elm", "oak")
    assert (first.reason, first.rank, first.verdict) == ("reason 0", "Rank 1 of 30", None)
    assert [(near.position, near.same) for near in first.neighbours] == [
        (3, True), (6, True), (1, False), (2, False)
    ]  # fmt: skip
    assert (window.done, window.total, window.classes) == (0, 3, ("elm", "oak"))
    assert window.columns == ["width", "height"]
    assert (window.rows or {})[0] == ["0.5", "100"]
    assert {3, 6} <= set(window.rows or {})
    assert (first.image, first.pack) == (None, None)


def test_pictures_come_by_signed_address(ws: Workspace, tmp_path: Path, sent: list[Window]) -> None:
    dataset, _ = add_audited_pictures(ws, tmp_path)
    _page()
    first = sent[-1].items[0]
    assert (first.image or "").startswith(f"/api/image/{dataset}/0?token=")
    listed = ",".join(str(near.position) for near in first.neighbours)
    assert f"positions={listed}&token=" in (first.pack or "")
    assert (sent[-1].columns, sent[-1].rows) == ([], None)


def test_for_regression_there_are_no_classes(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    add_audited_numbers(ws, tmp_path)
    _page()
    assert (sent[-1].classes, sent[-1].shortcuts) == (None, [])
    assert sent[-1].items[0].suggestion == "42.5"


def test_reviewed_samples_are_left_out_until_asked_for(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.RELABEL, "oak")
    app = _page()
    assert [item.position for item in sent[-1].items] == [1, 2]
    assert (sent[-1].done, sent[-1].total, sent[-1].undoable) == (1, 3, True)
    app.toggle(key="review_reviewed").set_value(True).run()
    assert sent[-1].items[0].verdict == {"verdict": "relabel", "label": "oak"}


def test_the_queue_can_go_on_past_the_flagged(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    add_audited_table(ws, tmp_path)
    app = _page()
    app.toggle(key="review_every").set_value(True).run()
    assert len(sent[-1].items) == 30
    assert [item.counted for item in sent[-1].items] == [at in WRONG for at in range(30)]
    assert sent[-1].total == 3


def test_the_switches_and_the_class_are_in_the_address(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.KEEP)
    app = _page()
    app.toggle(key="review_every").set_value(True).run()
    app.toggle(key="review_reviewed").set_value(True).run()
    assert in_address(app, "review_every") == in_address(app, "review_reviewed") == "on"
    app.toggle(key="review_every").set_value(False).run()
    assert in_address(app, "review_every") is None
    app = open_page("review", {"review_every": "on", "review_reviewed": "on"})
    assert len(sent[-1].items) == 30
    app = open_page("review", {"queue": "class", "queue_class": "oak", "review_every": "on"})
    assert {item.given for item in sent[-1].items} == {"oak"}
    app.selectbox(key="queue_class").set_value("elm").run()
    assert {item.given for item in sent[-1].items} == {"elm"}
    assert in_address(app, "queue_class") is None  # the first one needs no word


def test_nonsense_in_the_address_is_said(ws: Workspace, tmp_path: Path) -> None:
    add_audited_table(ws, tmp_path)
    asked = {"queue": "newest", "queue_class": "fir", "review_every": "1"}
    app = open_page("review", asked)
    assert not app.exception
    (warning,) = (item.value for item in app.warning)
    assert "queue 'newest'; class 'fir'; review\\_every '1'" in warning
    assert not open_page("review", {"queue": "class", "queue_class": "oak"}).warning


def test_progress_counts_all_of_a_queue_in_which_nothing_is_flagged(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=0))
    open_page("review", {"review_every": "on"})
    assert (sent[-1].done, sent[-1].total, sent[-1].counts) == (0, 30, "reviewed")


def test_of_many_classes_each_sample_offers_its_likeliest(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    record = ws.dataset(dataset)
    names = ("elm", "oak", *(f"tree {number:02d}" for number in range(12)))
    run = ws.runs(dataset)[0]
    board = Board(Places(ws.run_samples(run.id)["id"]))
    queue = open_queue(ws, record, run, board, Kind.SUSPICION, "", every=True, reviewed=False)
    state = state_of(queue, board, "", frozenset())
    window = review_view._window(
        ws, replace(record, class_names=names), run, queue, state, board, Progress(), ""
    )
    assert window.shortcuts == []
    assert window.items[0].keys == [(name, name) for name in ("oak", *names[2:10])]


def test_what_was_just_decided_stays_to_go_back_to(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    dataset, run = add_audited_table(ws, tmp_path)
    app = _page()
    ws.decide(dataset, "0", Verdict.KEEP)
    key = f"review_{run}_progress"
    opened = app.session_state[key]
    app.session_state[key] = replace(opened, ack=("e1",), anchor=0, here=frozenset({0}))
    app.run()
    assert [item.position for item in sent[-1].items] == [0, 1, 2]
    assert (sent[-1].ack, sent[-1].done) == (("e1",), 1)
    app.selectbox(key="queue_chosen").set_value("disagreement").run()
    app.selectbox(key="queue_chosen").set_value("suspicion").run()
    assert [item.position for item in sent[-1].items] == [1, 2]  # opened anew


def test_each_queue_has_a_name_and_its_switches_do_not_change_it(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    add_audited_table(ws, tmp_path)
    app = _page()
    names = [sent[-1].queue]
    app.toggle(key="review_every").set_value(True).run()
    assert sent[-1].queue == names[0]
    for query in (
        {"queue": "class", "queue_class": "elm"},
        {"queue": "class", "queue_class": "oak"},
        {"queue": "mine"},
    ):
        app = open_page("review", query)
        names.append(sent[-1].queue)
    app.text_input(key="reviewer_name").set_value("bob").run()
    names.append(sent[-1].queue)
    assert len(set(names)) == 5


def test_when_all_is_reviewed_the_page_leads_to_export(ws: Workspace, tmp_path: Path) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    for name in "012":
        ws.decide(dataset, name, Verdict.KEEP)
    assert "All flagged samples are reviewed" in texts(_page())


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ("", "You have judged 3 flagged samples."),
        ("02", "You have judged 1 of 3 flagged samples, others the rest."),
        ("012", "You have judged none of 3 flagged samples, others all."),
    ],
)
def test_the_end_of_the_flagged_says_how_many_were_judged_by_this_person(
    ws: Workspace, tmp_path: Path, others: str, said: str
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    for name in "012":
        ws.decide(dataset, name, Verdict.KEEP, reviewer="ann" if name in others else "bob")
    app = _page()
    app.text_input(key="reviewer_name").set_value("bob").run()
    assert said in texts(app)


def test_one_conflict_is_counted_as_one(ws: Workspace, tmp_path: Path, sent: list[Window]) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    for name, reviewer in (("0", "ann"), ("1", "ann"), ("0", "bob"), ("1", "bob")):
        verdict = Verdict.KEEP if reviewer == "ann" else Verdict.DROP
        ws.decide(dataset, name, verdict, reviewer=reviewer)
        if len(ws.history(dataset)) == 3:
            open_page("review", {"queue": "conflicts"})
            assert (sent[-1].total, sent[-1].counts) == (1, "conflict settled")
    open_page("review", {"queue": "conflicts"})
    assert (sent[-1].total, sent[-1].counts) == (2, "conflicts settled")


def test_what_waits_in_the_browser_is_asked_for_even_with_an_empty_queue(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    for name in "012":
        ws.decide(dataset, name, Verdict.KEEP)
    _page()
    assert sent[-1].items == []
    assert sent[-1].outbox == review_view.outbox_name(ws.dataset(dataset))


def test_the_browser_keeps_apart_what_waits_for_different_data(
    ws: Workspace, tmp_path: Path
) -> None:
    one = ws.dataset(add_table(ws, tmp_path, "one"))
    other = ws.dataset(add_table(ws, tmp_path, "other"))
    elsewhere = replace(one, created=one.created + timedelta(milliseconds=1))
    changed = replace(one, fingerprint="0" * 64)
    names = [review_view.outbox_name(record) for record in (one, other, elsewhere, changed)]
    assert len(set(names)) == 4


def test_where_nothing_is_flagged_the_page_says_what_to_do(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    ws.set_cut_off(run, CutOff(CutBy.RANK, rank=0))
    assert "Nothing is flagged" in texts(_page())


def test_the_window_lies_around_the_place_of_the_person() -> None:
    def state(order: Any, judged: int) -> State:
        return State(np.asarray(order), np.arange(300) < judged, 0, 0)

    every = np.arange(200)
    assert window_bounds(state(every, 0), None) == (0, AHEAD)
    assert window_bounds(state(every, 20), None) == (20 - BEHIND, 20 + AHEAD)
    assert window_bounds(state(every, 0), 100) == (100 - BEHIND, 100 + AHEAD)
    assert window_bounds(state(every, 0), 199) == (199 - BEHIND, 200)
    assert window_bounds(state(every, 0), 5000) == (0, AHEAD)
    assert window_bounds(state(every, 300), None) == (0, AHEAD)
    assert window_bounds(state(np.zeros(0, dtype=int), 0), None) == (0, 0)
