"""The verdict log of a dataset: who, what and when; newest first, and the whole as a file."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.store import DatasetRecord, Workspace
from dvaudit.ui.names import shown
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count

ROWS = 100
_PAGE = "history_page"


def history(ws: Workspace, dataset: DatasetRecord) -> None:
    """Draw the log, filtered by sample and reviewer, and a button to take it away."""
    log = ws.history(dataset.id)
    if log.empty:
        empty_state(
            "No verdicts yet",
            "Everything that anybody decides here is kept: who, what and when.",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        find = st.text_input(
            "Sample", key="history_sample", placeholder="Part of an id", type="search", width=240
        )
        names = sorted(log["reviewer"].unique())
        chosen = st.multiselect(
            "Reviewer",
            names,
            key="history_reviewers",
            format_func=shown,
            placeholder="Everybody",
            width=280,
        )
        st.download_button(
            "Download the log",
            data=lambda: audits.history_file(ws, dataset.id).read_bytes(),
            file_name="verdicts.jsonl",
            mime="application/jsonl",
            icon=":material/download:",
            on_click="ignore",
        )
    found = log
    if (find or "").strip():
        fits = found["sample_id"].str.contains(find.strip(), case=False, regex=False)
        found = found[fits]
    if chosen:
        found = found[found["reviewer"].isin(chosen)]
    pages = max(1, -(-len(found) // ROWS))
    if st.session_state.get(_PAGE, 1) > pages:
        st.session_state[_PAGE] = pages
    page = st.pagination(pages, key=_PAGE) if pages > 1 else 1
    newest = found.iloc[::-1].iloc[(page - 1) * ROWS : page * ROWS]
    st.caption(f"{count(len(found), 'entry', 'entries')}, the newest first. Times are UTC.")
    st.dataframe(
        history_table(newest),
        hide_index=True,
        height="content" if len(newest) <= 16 else 600,
        column_config={"When": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss")},
        alt="The verdict log, one entry per row",
    )


def history_table(entries: pd.DataFrame) -> pd.DataFrame:
    """Return entries of the log as they are shown; `clear` is the state without a verdict."""
    return pd.DataFrame(
        {
            "When": entries["at"].dt.tz_localize(None),
            "Reviewer": [shown(name) for name in entries["reviewer"]],
            "Sample": entries["sample_id"],
            "In force from then": [
                {"relabel": f"relabel to {label}", "clear": "no verdict"}.get(verdict, verdict)
                for verdict, label in zip(entries["verdict"], entries["label"], strict=True)
            ],
            "By": [_how(entry) for entry in entries.itertuples()],
        }
    )


def _how(entry: object) -> str:
    assert hasattr(entry, "undo")
    assert hasattr(entry, "resolution")
    assert hasattr(entry, "action")
    if entry.undo:
        return "undo"
    if entry.resolution:
        return "settling a conflict"
    return "verdict" if entry.action is None else "verdict on many at once"
