"""Removing a dataset from the workspace."""

from __future__ import annotations

import streamlit as st

from dvaudit.store import DatasetRecord, Workspace
from dvaudit.ui.session import refusals_shown, select
from dvaudit.ui.words import plain


def remove_button(ws: Workspace, dataset: DatasetRecord) -> None:
    """Draw a button that says what goes, and asks once more."""
    with st.popover("Remove", icon=":material/delete:"):
        st.markdown(f"Remove **{plain(dataset.name)}** with its audits and verdicts?")
        st.caption(
            "The copy in the workspace goes too; your own file stays."
            if dataset.copied
            else "Your own file stays where it is."
        )
        st.button("Remove this dataset", on_click=_remove, args=(ws, dataset.id), type="primary")


def _remove(ws: Workspace, dataset_id: str) -> None:
    with refusals_shown():
        ws.delete_dataset(dataset_id)
        select(None)
