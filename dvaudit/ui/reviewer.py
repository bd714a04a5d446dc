"""Who is reviewing: a name that goes with every verdict, one per browser tab.

It is kept in the session and by the browser, not in the address: a link opens the same view for
somebody else, who is not the same reviewer.
"""

from __future__ import annotations

import streamlit as st

from dvaudit.ui.components.reviewer import remember
from dvaudit.ui.names import LONGEST, tidy

_NAME, _SAID, _FIELD, _BROWSER = "reviewer", "reviewer_said", "reviewer_name", "reviewer_kept"


def reviewer() -> str:
    """Return the name this person reviews under; "" where they have not said."""
    return str(st.session_state.get(_NAME, ""))


def choose_reviewer() -> None:
    """Draw the field for the name; draw it once on a page, before what stores verdicts."""
    if _FIELD not in st.session_state:
        st.session_state[_FIELD] = reviewer()
    st.text_input(
        "Reviewer",
        key=_FIELD,
        max_chars=LONGEST,
        placeholder="Your name",
        on_change=_say,
        autocomplete="off",
        help="Every verdict carries this name. Each browser tab keeps its own.",
    )
    remember(
        reviewer(),
        said=bool(st.session_state.get(_SAID)),
        key=_BROWSER,
        on_name=_told,
    )


def _say() -> None:
    name = tidy(st.session_state[_FIELD])
    st.session_state[_NAME] = st.session_state[_FIELD] = name
    st.session_state[_SAID] = True


def _told() -> None:
    """Take the name that the browser kept, unless the person has said another one meanwhile."""
    told = st.session_state.get(_BROWSER)
    name = tidy(told["name"]) if told else ""
    if not name or st.session_state.get(_SAID):
        return
    st.session_state[_NAME] = st.session_state[_FIELD] = name
    st.session_state[_SAID] = True
