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

_NAME, _SAID, _ANSWERED = "reviewer", "reviewer_said", "reviewer_answered"
_FIELD, _BROWSER = "reviewer_name", "reviewer_kept"
_REFUSED = "reviewer_refused"
Spelled = Callable[[str], str]


def reviewer() -> str:
    """Return the name this person reviews under; "" where they have not said."""
    return str(st.session_state.get(_NAME, ""))


def is_known() -> bool:
    """Return whether it is settled who reviews, be it nobody: no name is on its way any more."""
    return bool(st.session_state.get(_SAID) or st.session_state.get(_ANSWERED))


def said_in_session() -> bool:
    """Return whether the name, be it "", was said here or told by the browser."""
    return bool(st.session_state.get(_SAID))


def choose_reviewer(spelled: Spelled = str, *, place: str = "", ask: bool = False) -> None:
    """Draw the field for the name, before what stores verdicts.

    Args:
        spelled: returns a name as the dataset's verdicts spell it.
        place: names the field where a page draws several.
        ask: reruns this part of the page once the browser has said that it keeps no name, too;
            for controls that wait for `is_known`.
    """
    _field(spelled, place)
    ask_browser(spelled, place=place, ask=ask)


def reviewing_as(spelled: Spelled, *, place: str) -> None:
    """Draw the name in one line, which opens the field to change it.

    Arguments as of `choose_reviewer`; the browser is always asked.
    """
    name = reviewer()
    words = f"as {plain(name)}" if name else "without a name" if is_known() else "as …"
    with st.popover(words, icon=":material/person:", type="tertiary", disabled=not is_known()):
        _field(spelled, place)
    ask_browser(spelled, place=place)


def _field(spelled: Spelled, place: str) -> None:
    key = _FIELD + place
    if st.session_state.get(key) != reviewer():
        st.session_state[key] = reviewer()
    st.text_input(
        "Reviewer",
        key=key,
        placeholder="Your name",
        on_change=_say,
        args=(spelled, key),
        autocomplete="off",
        help="Every verdict carries this name. Each browser tab keeps its own.",
    )
    refused = st.session_state.pop(_REFUSED, None)
    if refused:
        st.error(plain(refused), icon=":material/error:")


def ask_browser(spelled: Spelled, *, place: str, ask: bool = True) -> None:
    """Let the browser tell the name it kept, and with `ask` that it kept none; draws nothing."""
    key = _BROWSER + place
    remember(
        reviewer(),
        said=said_in_session(),
        ask=ask and not is_known(),
        key=key,
        on_name=lambda: _told(spelled, key),
    )


def _say(spelled: Spelled, key: str) -> None:
    try:
        name = spelled(tidy(st.session_state[key]))
    except SettingsError as refusal:
        st.session_state[_REFUSED] = f"{refusal} {_still(reviewer())}"
        return
    st.session_state[_NAME] = name
    st.session_state[_SAID] = True


def _still(name: str) -> str:
    return f"You still review as {name}." if name else "You still review without a name."


def _told(spelled: Spelled, key: str) -> None:
    """Take the name that the browser kept, unless the person has said another one meanwhile."""
    told = (st.session_state.get(key) or {}).get("name")
    if told is None or said_in_session():
        return
    st.session_state[_ANSWERED] = True
    try:
        name = spelled(tidy(told["kept"]))
    except SettingsError:  # this app never kept such a name, so nobody said it here
        name = ""
    if name or told["kept"]:
        st.session_state[_NAME] = name
        st.session_state[_SAID] = True
