"""Whether a dialog is open: drawing the whole page anew would close it."""

from __future__ import annotations

import streamlit as st

__all__ = ["is_open", "opened", "page_begins"]

_OPEN = "dialog_open"


def opened() -> None:
    """Note that a dialog is open; for its body. Its `on_dismiss` must be "rerun"."""
    st.session_state[_OPEN] = True


def is_open() -> bool:
    """True between the drawing of a dialog and the next run of the whole page."""
    return bool(st.session_state.get(_OPEN, False))


def page_begins() -> None:
    """Note that the whole page is drawn anew, which closes any dialog that is not drawn again."""
    st.session_state.pop(_OPEN, None)
