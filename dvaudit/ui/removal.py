"""Removing a dataset from the workspace, and what else stops working then."""

from __future__ import annotations

import streamlit as st

from dvaudit.store import DatasetRecord, RunKind, Workspace
from dvaudit.ui.session import refusals_shown, select
from dvaudit.ui.words import count, plain

MOST_USERS = 5  # runs named before "more"


def remove_button(ws: Workspace, dataset: DatasetRecord) -> None:
    """Draw a button that says what goes, and asks once more.

    Keyed by the dataset: the next one at this place is not asked about at once.
    """
    with st.popover("Remove", icon=":material/delete:", key=f"remove_{dataset.id}"):
        st.markdown(f"Remove **{plain(dataset.name)}** with its audits and verdicts?")
        st.caption(
            "The copy in the workspace goes too; your own file stays."
            if dataset.copied
            else "Your own file stays where it is."
        )
        for line in losses_elsewhere(ws, dataset):
            st.warning(line, icon=":material/warning:")
        st.button(
            "Remove this dataset",
            key=f"remove_now_{dataset.id}",
            on_click=_remove,
            args=(ws, dataset.id),
            type="primary",
        )


def losses_elsewhere(ws: Workspace, dataset: DatasetRecord) -> list[str]:
    """Return what work on other datasets loses with this one, as Markdown; mostly nothing."""
    users = [run for run in ws.users_of(dataset.id) if run.dataset_id != dataset.id]
    if not users:
        return []
    names = {record.id: record.name for record in ws.datasets()}
    named = [f"{run.title} of {names.get(run.dataset_id, 'another dataset')}" for run in users]
    more = len(named) - MOST_USERS
    listed = ", ".join(named[:MOST_USERS]) + (f" and {more:,} more" if more > 0 else "")
    lost = "What is finished stays, but cannot be run again in this way."
    if any(run.kind is RunKind.AUDIT for run in users):
        lost += (
            " On Influence, these audits can no longer be asked about the trusted samples, nor "
            "about new ones of your own."
        )
    return [
        plain(f"{count(len(users), 'run')} on other data used this as trusted samples: {listed}. ")
        + f" {lost}"
    ]


def _remove(ws: Workspace, dataset_id: str) -> None:
    with refusals_shown():
        ws.delete_dataset(dataset_id)
        select(None)
