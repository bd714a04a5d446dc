"""One sample in full: under whose name a verdict is stored."""

from __future__ import annotations

from pathlib import Path

from appview import open_page
from audited import add_audited_table
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace


def _button(app: AppTest, label: str) -> Button:
    return next(button for button in app.button if button.label == label)


def test_a_verdict_carries_the_name_that_is_shown_and_can_be_changed(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    app = open_page("samples", {"sample": "0"})
    app.text_input(key="reviewer_name_sample").set_value("Ann").run()
    _button(app, "Keep").click().run()
    app.text_input(key="reviewer_name_sample").set_value("Bob").run()
    _button(app, "Take back").click().run()
    assert ws.history(dataset)["reviewer"].tolist() == ["Ann", "Bob"]


def test_no_verdict_can_be_given_before_the_browser_has_said_whose_it_is(
    ws: Workspace, tmp_path: Path
) -> None:
    dataset, _ = add_audited_table(ws, tmp_path)
    ws.decide(dataset, "0", Verdict.DROP)
    app = open_page("samples", {"sample": "0"}, answered=False)
    asked = ("Keep", "Relabel to oak", "Drop", "Unsure", "Take back")
    assert all(_button(app, label).disabled for label in asked)
    assert app.selectbox(key="other_label_0").disabled
