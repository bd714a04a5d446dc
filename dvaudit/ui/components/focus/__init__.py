"""Hands the focus back to the table beside it, once a dialog opened from there has closed."""

from __future__ import annotations

import streamlit as st

from dvaudit.ui.components.files import source

_focus = st.components.v2.component(
    "dvaudit_focus",
    html="<span hidden></span>\n",
    js=source(__file__, "index.js"),
)


def focus_back(*, times: int, here: bool, key: str) -> None:
    """Give the table in the same container the focus where a closed dialog lost it.

    Args:
        times: dialogs closed so far; the focus comes back when it goes up.
        here: the last of them was not opened from elsewhere on the page.
    """
    _focus(key=key, data={"times": times, "here": here})
