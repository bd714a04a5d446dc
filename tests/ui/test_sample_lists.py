"""Lists of samples: cards, and rows beside the data's own columns."""

from __future__ import annotations

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dvaudit.core.dataset import Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.ui.sample_lists import beside_own_columns, sample_card


@pytest.mark.parametrize(
    ("own", "named"),
    [
        (["age", "sex"], ["Id", "Given", "age", "sex"]),
        (["Id", "age"], ["Id", "Given", "Id (column)", "age"]),
        (["Id (column)", "Id"], ["Id", "Given", "Id (column)", "Id (column) (column)"]),
        (["Given", "Given (column)"], ["Id", "Given", "Given (column)", "Given (column) (column)"]),
    ],
)
def test_every_column_has_a_name_of_its_own(own: list[str], named: list[str]) -> None:
    facts = pd.DataFrame({"Id": ["c", "a"], "Given": ["x", "y"]}, index=[7, 9])
    data = pd.DataFrame([[1, 2], [3, 4], [5, 6]], columns=own)
    table = beside_own_columns(facts, data, [2, 0], most=5)
    assert list(table.columns) == named
    assert table.to_numpy().tolist() == [["c", "x", 5, 6], ["a", "y", 1, 2]]
    assert list(beside_own_columns(facts, data, [2, 0], most=1).columns) == named[:3]


def test_a_card_says_what_the_audit_and_the_reviewer_said() -> None:
    frame = pd.DataFrame(
        {
            "id": ["a", "b"],
            "given_label": ["1234567.25", None],
            "suggested_label": ["2.5", "2.5"],
        }
    )
    decided = {"a": Decision("a", Verdict.RELABEL, "2.5")}
    card, bare = (
        sample_card(frame, at, task=Task.REGRESSION, value="#1", flagged=at == 0, decisions=decided)
        for at in (0, 1)
    )
    assert (card.position, card.name, card.value) == (0, "a", "#1")
    assert (card.label, card.suggestion, card.verdict) == ("1234567", "2.5", "relabel")
    assert (bare.label, bare.suggestion, bare.verdict) == ("no label", None, None)


def test_more_grows_what_is_shown_by_a_step() -> None:
    def page() -> None:
        import streamlit as st

        from dvaudit.ui.sample_lists import more_button

        shown = st.session_state.get("shown", 12)
        st.text(f"{shown} shown")
        more_button("shown", shown, 5, "Show 5 more")

    app = AppTest.from_function(page).run()
    app.button[0].click().run()
    assert app.text[0].value == "17 shown"
