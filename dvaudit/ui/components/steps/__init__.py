"""Keys that step to the sample before or after, and a line that says which."""

from __future__ import annotations

import streamlit as st

from dvaudit.ui.components.files import source

_steps = st.components.v2.component(
    "dvaudit_steps",
    html="<span class='keys'></span>",
    css=source(__file__, "index.css"),
    js=source(__file__, "index.js"),
)


def step_keys(*, key: str) -> int:
    """Draw the legend; return 1 when the arrow to the right or J was just pressed, -1 for the
    arrow to the left or K, else 0.
    """
    pressed = _steps(key=key, on_step_change=lambda: None, width="content").step
    return 0 if pressed is None else int(pressed)
