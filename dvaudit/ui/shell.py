"""The frame around every page: navigation, and the choice of dataset and audit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import streamlit as st

from dvaudit.store import DatasetRecord, DatasetStatus, RunKind, RunRecord, RunStatus, Workspace
from dvaudit.ui import dialogs, history, theme
from dvaudit.ui.addressed import chosen_among
from dvaudit.ui.session import absence_shown, current, select, workspace
from dvaudit.ui.words import ago, plain, shortened

START = "home"
LONGEST_NAME = 16  # letters of a dataset's name that fit into its box beside a count
PAGES = {
    "": ((START, "Home", ":material/home:"),),
    "Prepare": (
        ("data", "Data", ":material/database:"),
        ("audit", "Audit", ":material/troubleshoot:"),
    ),
    "Review": (
        ("samples", "Samples", ":material/grid_view:"),
        ("review", "Review", ":material/rate_review:"),
        ("compare", "Compare", ":material/compare_arrows:"),
    ),
    "Understand": (
        ("dynamics", "Dynamics", ":material/show_chart:"),
        ("influence", "Influence", ":material/hub:"),
        ("contributors", "Contributors", ":material/groups:"),
        ("methods", "Methods", ":material/menu_book:"),
    ),
    "Act": (
        ("pruning", "Pruning", ":material/content_cut:"),
        ("export", "Export", ":material/download:"),
    ),
}


def main(home: Path) -> None:
    """Draw the page the address names; `home` is the folder of app.py."""
    dialogs.page_begins()
    theme.dress(home)
    page = st.navigation(
        {
            section: [
                st.Page(
                    f"pages/{name}.py",
                    title=title,
                    icon=icon,
                    url_path=name,
                    default=name == START,
                )
                for name, title, icon in pages
            ]
            for section, pages in PAGES.items()
        }
    )
    st.set_page_config(page_title=f"{page.title} · dvaudit")
    ws = workspace()
    with st.sidebar:
        _choose(ws)
    absence_shown(page.url_path)
    page.run()


def _choose(ws: Workspace) -> None:
    """Dataset and audit selectors; they show the selection, and change it in callbacks."""
    selection = current(ws)
    if selection.dataset is None:
        return
    datasets = {record.id: record for record in ws.datasets()}
    names = _dataset_texts(list(datasets.values()))
    st.session_state["choose_dataset"] = selection.dataset.id
    st.selectbox(
        "Dataset",
        list(datasets),
        format_func=lambda key: names.get(key, key),
        key="choose_dataset",
        on_change=_choose_dataset,
        args=(list(datasets),),
        # The box has no room for a long name.
        help=plain(_dataset_text(selection.dataset)),
    )
    runs = {record.id: record for record in ws.runs(selection.dataset.id, RunKind.AUDIT)}
    if selection.run is None:
        return
    st.session_state["choose_run"] = selection.run.id
    st.selectbox(
        "Audit",
        list(runs),
        format_func=lambda key: run_text(runs[key]) if key in runs else key,
        key="choose_run",
        on_change=_choose_run,
        args=(selection.dataset.id, list(runs)),
        help=history.facts(selection.run),
    )


def _choose_dataset(known: Sequence[str]) -> None:
    if chosen := chosen_among("choose_dataset", known):
        select(chosen)


def _choose_run(dataset_id: str, known: Sequence[str]) -> None:
    if chosen := chosen_among("choose_run", known):
        select(dataset_id, chosen)


def _dataset_texts(records: Sequence[DatasetRecord]) -> dict[str, str]:
    """Return what to call each dataset, by id; those of one name get their number, because the
    browser sends a choice back as its text.
    """
    texts = {record.id: _dataset_text(record, LONGEST_NAME) for record in records}
    repeated = Counter(texts.values())
    return {
        key: f"{text} #{int(key[1:])}" if repeated[text] > 1 else text
        for key, text in texts.items()
    }


def _dataset_text(record: DatasetRecord, longest: int | None = None) -> str:
    """Return name and size or state of a dataset, the name in `longest` letters."""
    name = record.name if longest is None else shortened(record.name, longest)
    if record.status is not DatasetStatus.READY or record.samples is None:
        return f"{name} ({record.status})"
    return f"{name} ({record.samples:,})"


def run_text(run: RunRecord, now: datetime | None = None) -> str:
    """Return an audit in as few words as the sidebar has room for: number, and age or state."""
    state = run.status.value
    if run.status is RunStatus.DONE:
        state = ago(run.finished or run.created, now)
    return f"{run.title}, {state}"
