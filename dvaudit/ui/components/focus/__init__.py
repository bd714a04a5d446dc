"""Unticks the row of the table beside it that opened a dialog, and hands the focus back after."""

from __future__ import annotations

import streamlit as st

from dvaudit.ui.components.files import source

_focus = st.components.v2.component(
    "dvaudit_focus",
    html="<span hidden></span>\n",
    js=source(__file__, "index.js"),
)


def focus_back(*, opened: int, times: int, here: bool, key: str) -> None:
    """Give the table in the same container the focus where a closed dialog lost it.

    Args:
        opened: rows of this table opened so far; the tick of a row goes when it goes up.
        times: dialogs closed so far; the focus comes back when it goes up.
        here: the last of them was not opened from elsewhere on the page.
    """
    _focus(key=key, data={"opened": opened, "times": times, "here": here})
