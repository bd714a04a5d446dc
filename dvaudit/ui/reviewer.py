"""Who is reviewing: a name that goes with every verdict, one per browser tab.

It is kept in the session and by the browser, not in the address: a link opens the same view for
somebody else, who is not the same reviewer.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dvaudit.core.errors import SettingsError
from dvaudit.ui.components.reviewer import remember
from dvaudit.ui.names import tidy
from dvaudit.ui.words import plain

_NAME, _SAID, _FIELD, _BROWSER = "reviewer", "reviewer_said", "reviewer_name", "reviewer_kept"
_REFUSED = "reviewer_refused"


def reviewer() -> str:
    """Return the name this person reviews under; "" where they have not said."""
    return str(st.session_state.get(_NAME, ""))


def choose_reviewer(spelled: Callable[[str], str] = str) -> None:
    """Draw the field for the name; draw it once on a page, before what stores verdicts.

    Args:
        spelled: returns a name as the dataset's verdicts spell it.
    """
    if _FIELD not in st.session_state:
        st.session_state[_FIELD] = reviewer()
    st.text_input(
        "Reviewer",
        key=_FIELD,
        placeholder="Your name",
        on_change=_say,
        args=(spelled,),
        autocomplete="off",
        help="Every verdict carries this name. Each browser tab keeps its own.",
    )
    refused = st.session_state.pop(_REFUSED, None)
    if refused:
        st.error(plain(refused), icon=":material/error:")
    remember(
        reviewer(),
        said=bool(st.session_state.get(_SAID)),
        key=_BROWSER,
        on_name=lambda: _told(spelled),
    )


def _say(spelled: Callable[[str], str]) -> None:
    try:
        name = spelled(tidy(st.session_state[_FIELD]))
    except SettingsError as refusal:
        st.session_state[_REFUSED] = f"{refusal} {_still(reviewer())}"
        st.session_state[_FIELD] = reviewer()
        return
    st.session_state[_NAME] = st.session_state[_FIELD] = name
    st.session_state[_SAID] = True


def _still(name: str) -> str:
    return f"You still review as {name}." if name else "You still review without a name."


def _told(spelled: Callable[[str], str]) -> None:
    """Take the name that the browser kept, unless the person has said another one meanwhile."""
    told = st.session_state.get(_BROWSER)
    try:
        name = spelled(tidy(told["name"])) if told else ""
    except SettingsError:  # no name that this app ever kept
        name = ""
    if not name or st.session_state.get(_SAID):
        return
    st.session_state[_NAME] = st.session_state[_FIELD] = name
    st.session_state[_SAID] = True
