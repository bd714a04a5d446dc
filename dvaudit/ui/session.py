"""What the person is looking at: the chosen dataset and audit, kept in the address of the page.

The address wins over the browser tab's memory, which wins over the newest; neither is trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from dvaudit.core.errors import DvauditError
from dvaudit.server.opened import workspace
from dvaudit.store import DatasetRecord, DatasetStatus, RunKind, RunRecord, RunStatus, Workspace
from dvaudit.ui.words import plain

__all__ = [
    "Selection",
    "current",
    "empty_state",
    "refusals_shown",
    "require_audit",
    "require_dataset",
    "select",
    "workspace",
]

_DATASET, _RUN = "dataset", "run"


@dataclass(frozen=True)
class Selection:
    """The chosen dataset, and the chosen audit of it; None where there is none to choose."""

    dataset: DatasetRecord | None
    run: RunRecord | None


def current(ws: Workspace) -> Selection:
    """Return the selection and write it back to the address of the page.

    Without a choice it is the newest dataset and its newest finished audit.
    """
    datasets = {record.id: record for record in ws.datasets()}
    dataset = datasets.get(_remembered(_DATASET)) or next(iter(datasets.values()), None)
    run = None
    if dataset is not None:
        runs = {record.id: record for record in ws.runs(dataset.id, RunKind.AUDIT)}
        finished = (record for record in runs.values() if record.status is RunStatus.DONE)
        newest = next(iter(runs.values()), None)
        run = runs.get(_remembered(_RUN)) or next(finished, newest)
    select(dataset.id if dataset else None, run.id if run else None)
    return Selection(dataset, run)


def select(dataset_id: str | None, run_id: str | None = None) -> None:
    """Choose a dataset and an audit for this tab and its address."""
    for key, value in ((_DATASET, dataset_id), (_RUN, run_id)):
        st.session_state[f"selected_{key}"] = value
        if value is None:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != value:
            st.query_params[key] = value


def require_dataset(ws: Workspace) -> DatasetRecord:
    """Return the chosen dataset, ready to use; otherwise say what to do and end the page."""
    dataset = current(ws).dataset
    if dataset is None:
        empty_state(
            "No dataset yet",
            "Add a zip of images or a table, and dvaudit finds the labels that look wrong.",
            "pages/data.py",
            "Add a dataset",
        )
        st.stop()
    if dataset.status is not DatasetStatus.READY:
        failed = dataset.status is DatasetStatus.FAILED
        empty_state(
            f"{plain(dataset.name)} {'could not be imported' if failed else 'is being imported'}",
            plain(dataset.error or "")
            if failed
            else "The Data page shows how far it is. Come back when it is done.",
            "pages/data.py",
            "Go to Data",
        )
        st.stop()
    return dataset


def require_audit(ws: Workspace) -> tuple[DatasetRecord, RunRecord]:
    """Return the chosen dataset and its finished audit; otherwise say what to do and end."""
    dataset = require_dataset(ws)
    run = current(ws).run
    if run is None or run.status is not RunStatus.DONE:
        live = run is not None and run.status.is_live
        empty_state(
            "The audit is still running" if live else "No finished audit yet",
            "The Audit page shows how far it is. Results appear here when it is done."
            if live
            else f"Run an audit of {plain(dataset.name)} to see which labels look wrong.",
            "pages/audit.py",
            "Go to Audit",
        )
        st.stop()
    return dataset, run


def empty_state(title: str, text: str, page: str | None = None, action: str = "") -> None:
    """Say that there is nothing here, why, and link to the page that changes it.

    `title` and `text` are Markdown: escape other people's text with `words.plain`.
    """
    with (
        st.container(border=True, horizontal_alignment="center", gap="small"),
    ):
        st.space("small")
        st.markdown(f"### {title}", text_alignment="center")
        st.markdown(text, text_alignment="center")
        if page and st.button(action, type="primary", key=f"empty_{page}"):
            st.switch_page(page)
        st.space("small")


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Show a refusal of dvaudit as an error message where it happened; the page goes on."""
    try:
        yield
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")


def _remembered(key: str) -> str:
    return str(st.query_params.get(key) or st.session_state.get(f"selected_{key}") or "")
