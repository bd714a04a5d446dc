"""Choices kept in the address of the page: one update for each, and nothing in it is trusted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import streamlit as st
from streamlit.errors import StreamlitAPIException

from dvaudit.ui.words import plain

_LONGEST = 40  # letters shown of what the address asks for


def in_address(params: Mapping[str, Sequence[str]]) -> None:
    """Set or, where there is no value, take away parameters of the address, in one step.

    Each change of the address is a step of the browser's Back button.
    """
    kept = {key: st.query_params.get_all(key) for key in st.query_params if key not in params}
    after = {key: list(values) for key, values in {**kept, **params}.items() if values}
    try:
        st.query_params.from_dict(after)
    except StreamlitAPIException:
        # A parameter that belongs to a widget cannot be written, not even as it is. The others
        # are written alone; without values they leave the address all the same.
        st.query_params.update({key: list(values) for key, values in params.items()})


def asked(key: str, options: Sequence[str]) -> str:
    """Return the option that the address asks for by `key`, the first one where it names none."""
    value = st.query_params.get(key, "")
    return value if value in options else options[0]


def misread(key: str, options: Sequence[str], said: str) -> list[str]:
    """Return in words what the address asks for by `key` and is none of `options`; mostly nothing.

    Before the widget is drawn: of one that is bound to the address, Streamlit takes away what it
    does not know.

    Args:
        said: what people call `key`.
    """
    given = st.query_params.get_all(key)
    return [f"{said} {value[:_LONGEST]!r}" for value in given if value not in ("", *options)]


def left_over(key: str, owner: str) -> bool:
    """Return whether `key` may be in the address from before another owner was chosen in this tab.

    A page asks once in each of its runs.

    Args:
        owner: the id of what `key` is about.
    """
    memory = f"{key}_was_of"
    before = st.session_state.get(memory, owner)
    st.session_state[memory] = owner
    return bool(before != owner)


def not_followed(asked_in_vain: Sequence[str], holder: str = "this audit") -> None:
    """Say what of the address cannot be followed; nothing where all of it can.

    Args:
        holder: what does not have it.
    """
    if asked_in_vain:
        st.warning(
            f"The address asks for what {holder} does not have: "
            f"{plain('; '.join(asked_in_vain))}. The rest of it is followed.",
            icon=":material/link_off:",
        )


def mirrored(key: str, options: Sequence[str], reset: Sequence[str] = ()) -> Callable[[], None]:
    """Let the widget of this key show what the address says; return its callback.

    The first option is left out of the address, and so are the parameters of `reset` once another
    one is chosen.
    """
    st.session_state[key] = asked(key, options)

    def follow() -> None:
        value = st.session_state[key]
        there = [] if value in (None, options[0]) else [str(value)]
        in_address({key: there, **{other: [] for other in reset}})

    return follow


def chosen_among(key: str, options: Collection[str]) -> str | None:
    """Return what a box holds, for its callback; None where that is no option.

    The browser sends an option as its text. While a run goes on, texts that tell its state change,
    and one that was on its way comes back as itself.
    """
    chosen = st.session_state.get(key)
    return chosen if chosen in options else None
