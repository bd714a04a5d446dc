"""What the person is looking at: dataset, audit and filter, kept in the address of the page.

The address wins over the browser tab's memory, which wins over the newest; neither is trusted.
The menu opens pages without an address: there the memory puts all of it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.core.errors import DvauditError
from dvaudit.server.opened import workspace
from dvaudit.store import DatasetRecord, DatasetStatus, RunKind, RunRecord, RunStatus, Workspace
from dvaudit.ui.addressed import in_address
from dvaudit.ui.filter_address import KEYS
from dvaudit.ui.words import plain

__all__ = [
    "Selection",
    "absence_shown",
    "current",
    "empty_state",
    "page_button",
    "refusals_shown",
    "require_audit",
    "require_dataset",
    "select",
    "workspace",
]

_DATASET, _RUN = "dataset", "run"
_MEMORY, _JUST_CHOSEN, _ABSENT = "selected", "just_chosen", "absent"
_FILTERED = "filtered"


@dataclass(frozen=True)
class Selection:
    """The chosen dataset, and the chosen audit of it; None where there is none to choose."""

    dataset: DatasetRecord | None
    run: RunRecord | None


def current(ws: Workspace) -> Selection:
    """Return the selection, and note it and its filter in the address of the page.

    Without a choice it is the newest dataset and its newest finished audit.
    """
    dataset_id, run_id, addressed = _wanted()
    datasets = {record.id: record for record in ws.datasets()}
    dataset = datasets.get(dataset_id) or next(iter(datasets.values()), None)
    run = None
    if dataset is not None:
        runs = {record.id: record for record in ws.runs(dataset.id, RunKind.AUDIT)}
        finished = (record for record in runs.values() if record.status is RunStatus.DONE)
        newest = next(iter(runs.values()), None)
        run = runs.get(run_id) or next(finished, newest)
        if addressed:
            _note_absence(dataset_id, run_id, dataset, run)
    _note(dataset.id if dataset else "", run.id if run else "", addressed)
    return Selection(dataset, run)


def select(dataset_id: str | None, run_id: str | None = None) -> None:
    """Choose a dataset and an audit, in place of what the address says; None = the newest."""
    st.session_state[_MEMORY] = (dataset_id or "", run_id or "")
    st.session_state[_JUST_CHOSEN] = True
    st.session_state.pop(_ABSENT, None)


def absence_shown(page: str) -> None:
    """Say what the address asked for and this workspace does not have.

    It stays until the person goes to another page or chooses something: the address itself is
    right again at once.
    """
    absent: _Absent | None = st.session_state.get(_ABSENT)
    if absent is None:
        return
    if absent.page not in (None, page):
        del st.session_state[_ABSENT]
        return
    st.session_state[_ABSENT] = replace(absent, page=page)
    st.warning(absent.text, icon=":material/link_off:")


@dataclass(frozen=True)
class _Absent:
    """What to say of an address that could not be followed, and the page it was first said on."""

    text: str
    page: str | None = None


def _note_absence(
    dataset_id: str, run_id: str, dataset: DatasetRecord, run: RunRecord | None
) -> None:
    """Note where what is shown is not what the address asked for."""
    if dataset_id != dataset.id:
        text = f"{_shown(dataset_id)} is not in this workspace; showing {plain(dataset.name)}."
    elif run_id and (run is None or run_id != run.id):
        instead = f"audit {int(run.id[1:])}" if run else "it without an audit"
        text = f"{_shown(run_id)} is no audit of {plain(dataset.name)}; showing {instead}."
    else:
        return
    st.session_state[_ABSENT] = _Absent(text)


def _shown(asked: str) -> str:
    """Return an id that came with the address, fit to be shown."""
    return plain(asked if len(asked) <= 30 else asked[:29] + "…")


def _wanted() -> tuple[str, str, bool]:
    """Return the ids asked for, unchecked, empty where there are none; and whether the address
    asks for them."""
    remembered: tuple[str, str] = st.session_state.get(_MEMORY, ("", ""))
    if st.session_state.pop(_JUST_CHOSEN, False):
        return *remembered, False
    asked = st.query_params.get(_DATASET, "")
    return (asked, st.query_params.get(_RUN, ""), True) if asked else (*remembered, False)


def _note(dataset_id: str, run_id: str, addressed: bool) -> None:
    chosen = (dataset_id, run_id)
    wanted = _filter_of(chosen, addressed)
    st.session_state[_MEMORY], st.session_state[_FILTERED] = chosen, (chosen, wanted)
    for key, value in zip((_DATASET, _RUN), chosen, strict=True):
        wanted = {**wanted, key: [value] if value else []}
    # One update for all: each change of the address is a step of the browser's Back button, and a
    # step that a page completes at once could never be left.
    there = {key: st.query_params.get_all(key) for key in (_DATASET, _RUN, *KEYS)}
    changed = {key: wanted.get(key, []) for key in there if wanted.get(key, []) != there[key]}
    if changed:
        in_address(changed)


def _filter_of(chosen: tuple[str, str], addressed: bool) -> Mapping[str, list[str]]:
    """Return the filter of the address, or the one kept for this dataset and audit.

    Where the address names a dataset, its filter is what was asked for, and none is none.
    """
    there = {key: values for key in KEYS if (values := st.query_params.get_all(key))}
    owner, kept = st.session_state.get(_FILTERED, (("", ""), {}))
    if addressed:
        return there
    if owner == chosen:
        return there or kept
    # Another dataset or audit was chosen, and the address still has the filter of the one before.
    return {} if there == kept else there


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


def require_audit(
    ws: Workspace, *, without: Callable[[DatasetRecord], None] | None = None, needs: str = ""
) -> tuple[DatasetRecord, RunRecord]:
    """Return the chosen dataset and its finished audit; otherwise say what to do and end.

    Args:
        without: draws what the page can do without an audit.
        needs: what the page needs of an audit, a sentence in Markdown; said where there is none.
    """
    dataset = require_dataset(ws)
    run = current(ws).run
    if run is None or run.status is not RunStatus.DONE:
        empty_state(
            *_without_results(dataset, run, needs),
            "pages/audit.py",
            "Go to Audit",
        )
        if without is not None:
            without(dataset)
        st.stop()
    return dataset, run


def _without_results(dataset: DatasetRecord, run: RunRecord | None, needs: str) -> tuple[str, str]:
    """Return why there is nothing to show of the chosen audit, and what to do."""
    if run is None and needs:
        return "No finished audit yet", needs
    if run is None:
        unlabelled = dataset.task is Task.UNSUPERVISED
        seen = "its outliers and duplicates" if unlabelled else "which labels look wrong"
        return (
            "No finished audit yet",
            f"Run an audit of {plain(dataset.name)} to see {seen}.",
        )
    if run.status.is_live:
        return (
            "The audit is still running",
            "The Audit page shows how far it is. Results appear here when it is done.",
        )
    return (
        "The chosen audit has no results",
        f"It ended as {run.status}. Choose another audit at the left, or run it again.",
    )


def empty_state(title: str, text: str, page: str | None = None, action: str = "") -> None:
    """Say that there is nothing here, why, and link to the page that changes it.

    `title` and `text` are Markdown: escape other people's text with `words.plain`.
    """
    with (
        st.container(border=True, horizontal_alignment="center", gap="small"),
    ):
        st.space("small")
        st.markdown(f"## {title}", text_alignment="center")
        st.markdown(text, text_alignment="center")
        if page:
            page_button(action, page, key=f"empty_{page}", primary=True)
        st.space("small")


def page_button(
    label: str, page: str, *, key: str, icon: str | None = None, primary: bool = False
) -> None:
    """Draw a button that opens another page of the app."""
    if st.button(label, key=key, icon=icon, type="primary" if primary else "secondary"):
        st.switch_page(page)


@contextmanager
def refusals_shown() -> Iterator[None]:
    """Show a refusal of dvaudit as an error message where it happened; the page goes on."""
    try:
        yield
    except DvauditError as refusal:
        st.error(plain(str(refusal)), icon=":material/error:")
