"""The Influence page, opened and read."""

from __future__ import annotations

from typing import Any

import pandas as pd
from appview import open_page
from streamlit.testing.v1 import AppTest


def open_influence(**query: str) -> AppTest:
    app = open_page("influence", query)
    assert not app.exception
    return app


def influence_table(app: AppTest, side: str) -> pd.DataFrame:
    """The rows of what helped or hurt most."""
    found = [item.value for item in app.dataframe if "Influence" in item.value]
    return found[0 if side == "helped" else 1]


def offered_ids(app: AppTest) -> list[str]:
    """The ids of the samples that are offered, in order."""
    return next(list(item.value["Id"]) for item in app.dataframe if "Label" in item.value)


def button_of(app: AppTest, label: str) -> Any:
    return next(button for button in app.button if button.label == label)


def asked_line(app: AppTest) -> str:
    """The line that says whose loss is shown."""
    lines = [item.value for item in app.markdown]
    return next(line for line in lines if line.startswith(("On ", "Mean over")))
