"""The reviewer's name, kept by the browser: per tab, and for the next new tab."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dvaudit.ui.components.files import source

_remember = st.components.v2.component(
    "dvaudit_reviewer",
    html="<span hidden></span>\n",
    js=source(__file__, "index.js"),
)


def remember(name: str, *, said: bool, key: str, on_name: Callable[[], None]) -> None:
    """Let the browser keep `name`, or tell the one it kept.

    Args:
        said: the person has said in this session who they are, be it nobody; what the browser
            kept then counts no more.
        on_name: runs when the browser tells a name; it lies in `st.session_state[key]["name"]`.
    """
    _remember(key=key, data={"name": name, "said": said}, on_name_change=on_name)
