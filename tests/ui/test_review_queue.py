"""Queues against the obvious way of making them, and as the page opens them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from appview import open_page, texts
from audited import WRONG, add_audited_table
from hypothesis import given
from hypothesis import strategies as st

from dvaudit import audits
from dvaudit.core.decisions import Decision, Entry, Verdict
from dvaudit.core.places import Places
from dvaudit.findings.board import Board
from dvaudit.store import Workspace
from dvaudit.ui import review_view
from dvaudit.ui.components.review import Window
from dvaudit.ui.review_queue import (
    BLIND,
    Kind,
    Queue,
    by_disagreement,
    by_suspicion,
    shown_verdict,
    spread,
    state_of,
)

RANKS = st.lists(st.one_of(st.none(), st.integers(1, 9)), min_size=1, max_size=12)


def _ranks(given_ranks: list[int | None]) -> np.ndarray:
    return np.array([math.nan if rank is None else float(rank) for rank in given_ranks])


@given(ranks=RANKS, every=st.booleans(), data=st.data())
def test_the_flagged_come_first_and_then_the_most_suspicious(
    ranks: list[int | None], every: bool, data: st.DataObject
) -> None:
    flagged = data.draw(st.lists(st.booleans(), min_size=len(ranks), max_size=len(ranks)))
    slow = sorted(
        (not flagged[at], rank, at)
        for at, rank in enumerate(ranks)
        if rank is not None and (flagged[at] or every)
    )
    found = by_suspicion(_ranks(ranks), np.array(flagged), every=every)
    assert found.tolist() == [at for _, _, at in slow]


@given(
    st.lists(
        st.tuples(*[st.one_of(st.just(math.nan), st.integers(0, 5).map(float))] * 3),
        min_size=1,
        max_size=9,
    )
)
def test_the_spread_is_between_the_extreme_ranks(rows: list[tuple[float, ...]]) -> None:
    columns = {str(k): np.array([row[k] for row in rows]) for k in range(3)}

    def share(column: np.ndarray, value: float) -> float:
        known = column[np.isfinite(column)]
        rank = (known < value).sum() + ((known == value).sum() + 1) / 2
        return float((rank - 0.5) / len(known))

    found = spread(columns)
    for at, row in enumerate(rows):
        shares = [share(columns[str(k)], row[k]) for k in range(3) if math.isfinite(row[k])]
        if len(shares) < 2:
            assert math.isnan(found[at])
        else:
            assert found[at] == pytest.approx(max(shares) - min(shares))


def test_disagreement_leaves_out_chance_and_what_nobody_ranked() -> None:
    frame = pd.DataFrame(
        {
            "a.value": [0.1, 0.2, 0.3, 0.4],
            "b.value": [0.4, 0.2, 0.3, 0.1],
            "random.value": [0.1, 0.9, 0.2, 0.3],
        }
    )
    ranks = np.array([1.0, 2.0, 3.0, math.nan])
    assert by_disagreement(frame, ranks).tolist() == [0]
    assert by_disagreement(frame[["a.value"]], ranks).tolist() == []
    assert by_disagreement(frame[[]], ranks).tolist() == []


IDS = list("abcdef")
ENTRY = st.tuples(
    st.sampled_from(IDS), st.sampled_from(["", "ann", "bob"]), st.sampled_from(["keep", "drop"]),
    st.booleans(),
)  # fmt: skip


@given(
    rows=st.lists(ENTRY, max_size=14),
    kind=st.sampled_from(list(Kind)),
    who=st.sampled_from(["", "ann"]),
    here=st.sets(st.integers(0, 5)),
    reviewed=st.booleans(),
)
def test_what_is_left_of_a_queue_is_what_it_asks_about(
    rows: list[tuple[str, str, str, bool]],
    kind: Kind,
    who: str,
    here: set[int],
    reviewed: bool,
) -> None:
    board = Board(Places(pd.Series(IDS)))
    board.add(
        Entry(number, 0.0, name, number, Decision(name, Verdict(said)), by, resolves=settles)
        for number, (name, by, said, settles) in enumerate(rows, start=1)
    )
    ranks = np.array([6.0, 5, 4, 3, 2, 1])
    made = kind in (Kind.SECOND, Kind.CONFLICTS)
    order = np.array([] if made else [3, 0, 5, 1], dtype=np.int64)
    queue = Queue(kind, order, ranks, np.zeros(6, dtype=bool), reviewed=reviewed)
    state = state_of(queue, board, who, here)

    others = {name for name, by, _, _ in rows if by != who}
    mine = {name for name, by, _, _ in rows if by == who}
    anybody = others | mine
    if kind is Kind.CONFLICTS:
        settled = {at for at in here if IDS[at] in anybody}
        pool = [at for at in (5, 4, 3, 2, 1, 0) if board.in_conflict(at) or at in settled]
        done = {at for at in pool if not board.in_conflict(at)}
    elif kind is Kind.SECOND:
        pool = [at for at in (5, 4, 3, 2, 1, 0) if IDS[at] in others]
        done = {at for at in pool if IDS[at] in mine}
    else:
        pool = order.tolist()
        judged = mine if kind in BLIND else anybody
        done = {at for at in pool if IDS[at] in judged}
    assert state.order.tolist() == [at for at in pool if reviewed or at not in done or at in here]
    assert (state.done, state.total) == (len(done), len(pool))
    for at in pool:  # the browser takes a sample without a verdict for one to judge
        assert (shown_verdict(queue, board, who, at) is None) == (at not in done)


# The page


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Window]:
    """What the page sends to the browser, newest last."""
    windows: list[Window] = []

    def record(window: Window, **_: Any) -> None:
        windows.append(window)

    monkeypatch.setattr(review_view, "review", record)
    return windows


def _shown(window: Window) -> list[int]:
    return [item.position for item in window.items]


def test_the_queue_of_the_address_is_opened(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("review", {"queue": "class", "queue_class": "elm"})
    assert app.selectbox(key="queue_chosen").value == "class"
    given_labels = {item.given for item in sent[-1].items}
    assert given_labels == {"elm"}
    assert sent[-1].counts == "reviewed"
    open_page("review", {"queue": "nonsense"})
    assert _shown(sent[-1]) == list(WRONG)


def test_the_selection_on_samples_is_a_queue(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    add_audited_table(ws, tmp_path)
    open_page("review", {"queue": "selection", "class": "elm", "order": "least"})
    assert _shown(sent[-1]) == list(range(27, -1, -3))
    assert (sent[-1].done, sent[-1].total) == (0, 10)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("conflicts", "No conflicts"),
        ("second", "Nothing waits for a second opinion"),
        ("mine", "Nothing is shared out to you"),
        ("audit", "No audit sample is drawn"),
        ("disagreement", "The methods do not disagree"),
    ],
)
def test_an_empty_queue_says_why(
    ws: Workspace, tmp_path: Path, sent: list[Window], kind: str, words: str
) -> None:
    add_audited_table(ws, tmp_path)
    app = open_page("review", {"queue": kind})
    assert not app.exception
    assert words in texts(app)
    assert sent[-1].items == []


def test_a_second_opinion_is_asked_for_blind(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    for name in ("4", "2"):
        audits.decide(ws, dataset, name, "drop", reviewer="ann")
    app = open_page("review", {"queue": "second"})
    app.text_input(key="reviewer_name").set_value("bob").run()
    assert _shown(sent[-1]) == [2, 4]
    assert {(item.verdict, item.opinions) for item in sent[-1].items} == {(None, None)}
    audits.decide(ws, dataset, "2", "keep", reviewer="bob")
    app.run()
    assert (_shown(sent[-1]), sent[-1].done, sent[-1].total) == ([4], 1, 2)
    app.toggle(key="review_reviewed").set_value(True).run()
    both = sent[-1].items[0]
    assert both.verdict == {"verdict": "keep", "label": None}
    assert "ann: dropped" in (both.opinions or "")
    assert sent[-1].reviewer == "bob"


def test_conflicts_are_settled_and_what_is_in_force_is_said(
    ws: Workspace, tmp_path: Path, sent: list[Window]
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    audits.decide(ws, dataset, "3", "keep", reviewer="ann")
    audits.decide(ws, dataset, "3", "relabel", "elm", reviewer="bob")
    open_page("review", {"queue": "conflicts"})
    [item] = sent[-1].items
    assert (item.position, item.verdict, item.conflict) == (3, None, True)
    assert (item.opinions or "").endswith("the newest is in force: relabelled to elm.")
    audits.decide(ws, dataset, "3", "keep", reviewer="lead", resolves=True)
    assert "No conflicts" in texts(open_page("review", {"queue": "conflicts"}))


def test_each_reviewer_sees_the_own_part(ws: Workspace, tmp_path: Path, sent: list[Window]) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    audits.assign(ws, dataset, ["9", "8", "7", "6"], ["ann", "bob"], queue="some")
    app = open_page("review", {"queue": "mine"})
    app.text_input(key="reviewer_name").set_value(" ann ").run()
    assert app.text_input(key="reviewer_name").value == "ann"
    assert (_shown(sent[-1]), sent[-1].total) == ([9, 7], 2)
    audits.decide(ws, dataset, "9", "keep", reviewer="bob")
    app.run()
    assert (_shown(sent[-1]), sent[-1].done) == ([9, 7], 0)
