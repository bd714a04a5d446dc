"""The Compare page over a table whose audit ran three methods."""

from __future__ import annotations

from pathlib import Path

from appview import open_page
from audited import add_audited_table
from compared import add_methods
from streamlit.testing.v1 import AppTest

from dvaudit.store import Workspace


def add_compared(ws: Workspace, folder: Path) -> tuple[str, str]:
    """Import a table and store an audit of three methods; return the ids of both."""
    dataset, run = add_audited_table(ws, folder)
    return dataset, add_methods(ws, run)


def open_compare(tab: str = "Agreement", **query: str) -> AppTest:
    """Open a tab of the page."""
    app = open_page("compare", {"compare": tab, **query})
    assert not app.exception
    return app


def labels_of(app: AppTest) -> list[str]:
    """The words on the buttons."""
    return [button.label for button in app.button]


def pressed(app: AppTest, label: str) -> AppTest:
    """The page after a press of the first button of this label."""
    after = next(button for button in app.button if button.label == label).click().run()
    assert not after.exception
    return after


def alts_of(app: AppTest) -> list[str]:
    """What each chart says to those who do not see it."""
    return [chart.proto.alt for chart in app.get("plotly_chart")]
