"""Tables whose rows are opened: which one was chosen, and how to choose one."""

from __future__ import annotations

import streamlit as st


def chosen_row(key: str, rows: int) -> int | None:
    """Return the row just chosen in the table of this key, of `rows`; for its callback.

    The choice is taken back: a row that stays ticked is only unticked when it is chosen again.
    """
    ticked = st.session_state[key]["selection"]["rows"]
    if not ticked:
        return None
    st.session_state[key] = {"selection": {"rows": []}}
    row = int(ticked[0])
    return row if 0 <= row < rows else None


def how_to_choose(does: str = "open it") -> None:
    """Say below a table how a row is chosen, and what that does."""
    st.caption(f"Tick a row to {does}. By keyboard: arrow keys, then Shift+Space.")
