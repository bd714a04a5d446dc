"""What the methods of an audit say of their own run: warnings, failures, and what they did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from dvaudit import valuators
from dvaudit.store import RunRecord, RunStatus, Workspace
from dvaudit.ui import frames
from dvaudit.ui.words import plain


def title_of(name: str) -> str:
    """Return a method's title; its name where this version does not know it."""
    return valuators.lookup(name).title if name in valuators.names() else name


def warnings_of(ws: Workspace, run: RunRecord, method: str | None = None) -> list[tuple[str, str]]:
    """Return (title, text) of each warning of the methods of a finished audit, or of one.

    Audits of earlier versions have none: what they warned of is in their status.
    """
    return [
        (title_of(name), str(text))
        for name, told in _record(ws, run).get("valuators", {}).items()
        if method in (None, name)
        for text in told.get("warnings", ())
    ]


def statuses_of(ws: Workspace, run: RunRecord) -> list[tuple[str, str]]:
    """Return (title, text) of what each method of a finished audit did."""
    return [
        (title_of(name), str(told["status"]))
        for name, told in _record(ws, run).get("valuators", {}).items()
        if told.get("status")
    ]


def failures_of(ws: Workspace, run: RunRecord) -> list[tuple[str, str]]:
    """Return (title, reason) of each method that failed in a finished audit."""
    failed = _record(ws, run).get("failed", {})
    return [(title_of(name), str(reason)) for name, reason in failed.items()]


def failures_told(ws: Workspace, run: RunRecord) -> None:
    """Say in a line which methods of a finished audit failed; the Audit page says why."""
    if run.status is not RunStatus.DONE:
        return
    titles = [plain(title) for title, _ in failures_of(ws, run)]
    if titles:
        st.caption(f"Failed in this audit: {', '.join(titles)}. The page Audit says why.")


def warnings_shown(
    ws: Workspace, run: RunRecord, method: str | None = None, *, said: str | None = None
) -> None:
    """Show the warnings of the methods of a finished audit, or of one; each text once.

    Args:
        said: how a warning starts that the page itself gives.
    """
    titles: dict[str, list[str]] = {}
    for title, text in warnings_of(ws, run, method):
        if said is not None and text.startswith(said):
            continue
        titles.setdefault(text, []).append(title)
    of_methods: dict[str, list[str]] = {}
    for text, names in titles.items():
        of_methods.setdefault(", ".join(names), []).append(text)
    for methods, texts in of_methods.items():
        lines = [plain(text) for text in texts]
        listed = lines[0] if len(lines) == 1 else "".join(f"\n- {line}" for line in lines)
        st.warning(f"**{plain(methods)}:** {listed}", icon=":material/warning:")


def methods_said(ws: Workspace, run: RunRecord, change: Callable[[], None]) -> None:
    """Show which methods failed, what the others warn of, and what each did.

    Args:
        change: leads to where the set-up of the audit can be changed.
    """
    failures = failures_of(ws, run)
    for title, reason in failures:
        st.error(f"**{plain(title)} failed.** {plain(reason)}", icon=":material/error:")
    if failures:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Change the set-up",
                key=f"change_{run.id}",
                icon=":material/edit:",
                on_click=change,
            )
            st.caption("What was found is by the other methods.", width="stretch")
    warnings_shown(ws, run)
    statuses = statuses_of(ws, run)
    if statuses:
        with st.expander("What the methods did", icon=":material/info:", key=f"did_{run.id}"):
            for title, text in statuses:
                st.markdown(f"**{plain(title)}:** {plain(text)}")


def _record(ws: Workspace, run: RunRecord) -> Mapping[str, Any]:
    record: Mapping[str, Any] = frames.summary(ws, run).get("record", {})
    return record
