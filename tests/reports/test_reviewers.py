"""Who judged what, read from a real verdict log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from appview import add_table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvaudit.core.errors import ConflictError
from dvaudit.core.places import Places
from dvaudit.findings.board import Board
from dvaudit.reports.reviewers import UNNAMED, agreements, opinions, reviewers
from dvaudit.reports.types import no_history
from dvaudit.store import Workspace


@pytest.fixture
def log(tmp_path: Path) -> Iterator[tuple[Workspace, str]]:
    with Workspace(tmp_path / "home") as ws:
        yield ws, add_table(ws, tmp_path, rows=6)


def test_each_reviewer_has_the_own_last_verdict(log: tuple[Workspace, str]) -> None:
    ws, dataset = log
    ws.decide(dataset, "0", "keep", reviewer="ana")
    ws.decide(dataset, "0", "relabel", "oak", reviewer="ana")
    ws.decide(dataset, "1", "drop", reviewer="ana")
    ws.decide(dataset, "0", "relabel", "oak", reviewer="ben")
    ws.decide(dataset, "1", "keep", reviewer="ben")
    ws.decide(dataset, "2", "unsure")
    ws.decide(dataset, "3", "drop", reviewer="cy")
    ws.undo(dataset, reviewer="cy")
    history = ws.history(dataset)
    assert opinions(history) == {
        "ana": {"0": ("relabel", "oak"), "1": ("drop", None)},
        "ben": {"0": ("relabel", "oak"), "1": ("keep", None)},
        UNNAMED: {"2": ("unsure", None)},
    }
    people = reviewers(history)
    assert [(person.name, person.samples) for person in people] == [
        *(("ana", 2), ("ben", 2), (UNNAMED, 1)),
    ]
    assert people[0].verdicts == {"keep": 0, "relabel": 1, "drop": 1, "unsure": 0}
    assert people[0].first == history["at"][0].floor("s")
    assert people[0].last == history["at"][2].floor("s")
    (pair,) = agreements(history)
    assert (pair.one, pair.other, pair.samples, pair.equal) == ("ana", "ben", 2, 1)
    # Half agree; by chance 1/2 * 1/2 would: kappa = (1/2 - 1/4) / (1 - 1/4).
    assert pair.kappa == pytest.approx(1 / 3)


def test_nobody_has_reviewed() -> None:
    assert reviewers(no_history()) == ()
    assert agreements(no_history()) == ()


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["ana", "ben", "cy"]),
            st.sampled_from(["0", "1", "2"]),
            st.sampled_from(["keep", "drop", "clear", "undo"]),
        ),
        max_size=15,
    )
)
def test_opinions_are_those_of_the_review_page(
    log: tuple[Workspace, str], tmp_path: Path, steps: list[tuple[str, str, str]]
) -> None:
    ws, _ = log
    dataset = add_table(ws, tmp_path, rows=6)
    for who, sample, what in steps:
        if what == "undo":
            try:
                ws.undo(dataset, reviewer=who)
            except ConflictError:
                continue
        elif what == "clear":
            ws.clear(dataset, sample, reviewer=who)
        else:
            ws.decide(dataset, sample, what, reviewer=who)
    ids = ws.samples(dataset)["id"]
    board = Board(Places(ids))
    board.add(ws.verdicts_since(dataset, 0))
    expected = {
        who: {str(ids[at]): said for at, said in mine.items()}
        for who, mine in board.opinions().items()
    }
    assert opinions(ws.history(dataset)) == expected
