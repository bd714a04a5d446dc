"""Keys that step to the sample before or after, and a line that says which."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dvaudit.ui.components.files import source

_steps = st.components.v2.component(
    "dvaudit_steps",
    html="<span class='keys'></span>",
    css=source(__file__, "index.css"),
    js=source(__file__, "index.js"),
)


def step_keys(place: int, count: int, *, key: str, on_step: Callable[[int], None]) -> None:
    """Draw the legend; call `on_step` with the place that the keys led to.

    The arrow to the right and J lead on, the arrow to the left and K back. Keys that are pressed
    while the page draws a step add up.

    Args:
        place: of the sample that is shown, from 0, among `count`.
    """

    def stepped() -> None:
        asked = (st.session_state.get(key) or {}).get("step")
        if asked is not None and 0 <= int(asked["to"]) < count:
            on_step(int(asked["to"]))

    data = {"place": place, "count": count}
    _steps(key=key, data=data, on_step_change=stepped, width="content")
