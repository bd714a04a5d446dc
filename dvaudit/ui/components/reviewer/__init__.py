"""The reviewer's name, kept by the browser: per tab, and for the next new tab."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dvaudit.ui.components.files import source

_remember = st.components.v2.component(
    "dvaudit_reviewer",
    html="<span hidden></span>\n",
    js="".join(source(__file__, name) for name in ("kept.js", "index.js")),
)


def remember(
    name: str, *, said: bool, ask: bool = False, key: str, on_name: Callable[[], None]
) -> None:
    """Let the browser keep `name`, or tell the one it kept.

    Args:
        said: the person has said in this session who they are, be it nobody; what the browser
            kept then counts no more.
        ask: the browser answers also if it kept no name.
        on_name: runs when the browser answers; `st.session_state[key]["name"]["kept"]` is the
            name, "" for none.
    """
    data = {"name": name, "said": said, "ask": ask}
    _remember(key=key, data=data, on_name_change=on_name)
