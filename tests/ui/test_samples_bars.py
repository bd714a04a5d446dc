"""What the bars of Samples are given, and what is made of what they send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from appview import open_page, texts
from audited import WRONG, add_audited_numbers, add_audited_table
from streamlit.testing.v1 import AppTest

from dvaudit.store import Workspace
from dvaudit.ui.samples_charts import chosen_classes, chosen_range


def given(app: AppTest) -> dict[str, Any]:
    """What the bars were given."""
    assert not app.exception
    found = [item.proto for item in app.get("bidi_component")]
    (proto,) = (item for item in found if item.component_name.endswith("dvaudit_bars"))
    return dict(json.loads(proto.json))


def test_a_histogram_is_given_edges_counts_and_the_range_of_the_address(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audited_table(ws, tmp_path)
    data = given(open_page("samples"))
    assert data["kind"] == "values"
    assert data["title"] == "Margin"
    assert data["chosen"] is None
    assert len(data["edges"]) == len(data["rest"]) + 1 == len(data["flagged"]) + 1
    assert sum(data["flagged"]) == len(WRONG)
    assert sum(data["rest"]) == 30 - len(WRONG)
    assert data["ends"][0] <= data["edges"][0]
    assert data["ends"][1] > data["edges"][-1]
    assert data["name"].startswith("Distribution of Margin over 30 samples")
    again = given(open_page("samples", {"range": "margin~-0.5~0.25"}))
    assert again == {**data, "chosen": [-0.5, 0.25]}


def test_rows_are_given_counts_and_the_classes_of_the_address(
    ws: Workspace, tmp_path: Path
) -> None:
    add_audited_table(ws, tmp_path)
    data = given(open_page("samples", {"chart": "classes", "class": "oak"}))
    assert data == {
        "kind": "classes",
        "names": ["elm", "oak"],
        "rest": [9, 18],
        "flagged": [1, 2],
        "chosen": ["oak"],
        "name": "Samples of 2 classes, flagged ones marked",
    }


def test_of_many_classes_some_are_drawn_and_those_chosen_are_all_said(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvaudit.ui.charts.shown_classes", lambda sizes, marked: ["oak"])
    add_audited_table(ws, tmp_path)
    app = open_page("samples", {"chart": "classes", "class": "elm"})
    data = given(app)
    assert (data["names"], data["chosen"]) == (["oak"], ["elm"])
    assert "1 more class in the list below" in texts(app)


def test_numbers_as_labels_have_a_histogram(ws: Workspace, tmp_path: Path) -> None:
    add_audited_numbers(ws, tmp_path)
    assert given(open_page("samples"))["kind"] == "values"


def test_a_range_is_two_rising_numbers() -> None:
    assert chosen_range([-1, 2.5]) == (-1.0, 2.5)


@pytest.mark.parametrize(
    "sent", [None, "12", [], [1], [1, 2, 3], [2, 1], [1, 1], ["a", "b"], [0, float("inf")], [[], 1]]
)
def test_anything_else_is_no_range(sent: object) -> None:
    assert chosen_range(sent) is None


def test_classes_are_taken_once_each_in_their_order() -> None:
    assert chosen_classes(["b", "a", "b"], {"a", "b", "c"}) == ("b", "a")
    assert chosen_classes([], {"a"}) == ()


@pytest.mark.parametrize("sent", [None, "a", ["a", "x"], [1], [["a"]]])
def test_what_is_no_class_is_refused(sent: object) -> None:
    assert chosen_classes(sent, {"a", "b"}) is None
