"""The cards of the home page: one dataset each, with where work on it goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Task
from dvaudit.core.machine import size_text
from dvaudit.store import DatasetRecord, DatasetStatus, RunKind, RunRecord, Workspace
from dvaudit.ui import frames, home_facts, home_runs
from dvaudit.ui.components.gallery import gallery
from dvaudit.ui.following import follow
from dvaudit.ui.history import share_text, unlabelled_headline
from dvaudit.ui.home_removal import delete_dataset, rename_dataset
from dvaudit.ui.words import ago, count, plain

PER_PAGE = 8
PAGE, FIND = "home_page", "find_dataset"


@dataclass(frozen=True)
class Activity:
    """A dataset with its runs, newest first, and when something was last done with it."""

    record: DatasetRecord
    runs: tuple[RunRecord, ...]
    last: datetime


def by_activity(ws: Workspace) -> list[Activity]:
    """Return all datasets, those worked on last first."""
    runs: dict[str, list[RunRecord]] = defaultdict(list)
    for run in ws.runs():
        runs[run.dataset_id].append(run)
    found = []
    for record in ws.datasets():
        own = tuple(runs[record.id])
        times = [run.finished or run.started or run.created for run in own]
        found.append(Activity(record, own, max([record.created, *times])))
    return sorted(found, key=lambda activity: activity.last, reverse=True)


def total(ws: Workspace, activities: Sequence[Activity]) -> str:
    """Return how much the workspace holds, in one line."""
    runs = sum(len(activity.runs) for activity in activities)
    live = sum(run.status.is_live for activity in activities for run in activity.runs)
    parts = [count(len(activities), "dataset"), count(runs, "run")]
    if live:
        parts.append(f"{live:,} at work or waiting")
    return plain(" · ".join(parts))


def page_of(activities: Sequence[Activity]) -> list[Activity]:
    """Draw the search and the page control where there are many; return what to show."""
    if len(activities) <= PER_PAGE:
        return list(activities)
    wanted = st.text_input(
        "Find a dataset",
        key=FIND,
        placeholder="Part of its name",
        on_change=_first_page,
        bind="query-params",
        width=320,
    )
    fitting = [item for item in activities if wanted.casefold() in item.record.name.casefold()]
    pages = max(1, -(-len(fitting) // PER_PAGE))
    if st.session_state.get(PAGE, 1) > pages:
        st.session_state[PAGE] = pages
    page = st.pagination(pages, key=PAGE, bind="query-params") if pages > 1 else 1
    first = (page - 1) * PER_PAGE
    shown = fitting[first : first + PER_PAGE]
    if not shown:
        st.markdown(f"No dataset has **{plain(wanted)}** in its name.")
    elif len(fitting) > len(shown):
        st.caption(f"{first + 1:,} to {first + len(shown):,} of {count(len(fitting), 'dataset')}")
    return shown


def _first_page() -> None:
    st.session_state[PAGE] = 1


def card(ws: Workspace, activity: Activity) -> None:
    """Draw a dataset: what it is, how far work on it is, where it goes on, its runs."""
    record = activity.record
    with st.container(border=True, key=f"card_{record.id}"):
        _head(ws, activity)
        left, right = st.columns([3, 2], gap="large")
        with left:
            _work(ws, activity)
        if record.status is DatasetStatus.READY:
            with right:
                _look(ws, record)
        home_runs.runs_of(ws, record, activity.runs)


def _head(ws: Workspace, activity: Activity) -> None:
    record = activity.record
    with st.container(
        horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        st.markdown(f"## {plain(record.name)}", width="content")
        with st.container(horizontal=True, width="content", gap="xsmall"):
            for label, icon, dialog in (
                ("Rename", ":material/edit:", rename_dataset),
                ("Delete", ":material/delete:", delete_dataset),
            ):
                if st.button(label, key=f"{label}_{record.id}", icon=icon, type="tertiary"):
                    dialog(ws, record)


def _facts(ws: Workspace, activity: Activity) -> str:
    record = activity.record
    parts = []
    if record.samples is not None:
        parts.append(count(record.samples, "sample"))
    if record.class_names:
        parts.append(count(len(record.class_names), "class", "classes"))
    elif record.task is not None and record.status is DatasetStatus.READY:
        parts.append("numbers to predict" if record.task is Task.REGRESSION else "no labels")
    if record.kind is not None:
        parts.append({"image": "images", "tabular": "table"}.get(record.kind, str(record.kind)))
    taken = home_facts.dataset_bytes(ws, record)
    if taken:
        parts.append(f"{size_text(taken)} on disk")
    parts.append(f"last worked on {ago(activity.last)}")
    return plain(" · ".join(parts))


def _work(ws: Workspace, activity: Activity) -> None:
    """Say how far work on the dataset is, and link to where it goes on."""
    record, runs = activity.record, activity.runs
    st.caption(_facts(ws, activity))
    if record.status is not DatasetStatus.READY:
        _import(ws, activity)
        return
    decided = audits.decisions(ws, record.id)
    audit = home_facts.finished_audit(runs)
    if audit is None:
        _without_audit(record, runs)
    else:
        _audited(ws, record, audit, tuple(decided))
    for run in runs:
        if run.status.is_live:
            follow(ws, run)


def _import(ws: Workspace, activity: Activity) -> None:
    record = activity.record
    imports = [run for run in activity.runs if run.kind is RunKind.IMPORT]
    if imports:
        follow(ws, imports[0])
    else:
        why = plain(record.error or "Nothing was imported.")
        st.error(f"**Import failed.** {why}", icon=":material/error:")
    if imports and record.status is DatasetStatus.FAILED:
        st.page_link(
            "pages/data.py",
            label="Change the set-up",
            icon=":material/edit:",
            query_params={"dataset": record.id, "add": "1", "again": record.id},
        )
    else:
        _link(record, "data", "Open in Data", ":material/database:")


def _without_audit(record: DatasetRecord, runs: Sequence[RunRecord]) -> None:
    if not any(run.kind is RunKind.AUDIT and run.status.is_live for run in runs):
        st.markdown("**Ready.** No finished audit yet.")
    with st.container(horizontal=True):
        _link(record, "audit", "Audit it", ":material/troubleshoot:")
        _link(record, "data", "Open in Data", ":material/database:")


def _audited(
    ws: Workspace, record: DatasetRecord, audit: RunRecord, decided: tuple[str, ...]
) -> None:
    if record.task is Task.UNSUPERVISED:
        st.markdown(unlabelled_headline(frames.summary(ws, audit)))
        with st.container(horizontal=True):
            _link(record, "samples", "Samples", ":material/grid_view:", audit)
            _link(record, "audit", "Audit again", ":material/troubleshoot:")
        return
    standing = home_facts.standing(ws, audit, decided)
    rate = "not estimated" if standing.rate is None else share_text(standing.rate)
    figures = (
        ("Flagged", f"{standing.flagged:,}", "Samples above the cut-off of the newest audit."),
        ("Verdicts", f"{len(decided):,}", "Samples with a verdict in force, flagged or not."),
        ("Labels wrong, about", rate, standing.how or None),
    )
    with st.container(horizontal=True, gap="large"):
        for label, value, help in figures:
            st.metric(label, value, help=plain(help) if help else None, width="content")
    with st.container(horizontal=True):
        todo = f"Review, {standing.left:,} left" if standing.left else "Review, none left"
        _link(record, "review", todo, ":material/rate_review:", audit)
        _link(record, "samples", "Samples", ":material/grid_view:", audit)
        _link(record, "export", "Export", ":material/download:", audit)
        _link(record, "audit", "Audit again", ":material/troubleshoot:")


def _look(ws: Workspace, record: DatasetRecord) -> None:
    """Show a few samples: thumbnails, or the first rows and columns."""
    if home_facts.is_pictures(record):
        cards = home_facts.cards(ws, record)
        gallery(record.id, cards, key=f"look_{record.id}", size=44, opens=False)
        return
    rows = home_facts.first_rows(ws, record)
    if rows.shape[1]:
        # With the number: two datasets may have one name, and regions of a page may not.
        told = f"First rows of {record.name}, dataset {int(record.id[1:])}"
        st.dataframe(rows, key=f"look_{record.id}", hide_index=True, alt=told)


def _link(
    record: DatasetRecord, page: str, label: str, icon: str, run: RunRecord | None = None
) -> None:
    query = {"dataset": record.id} | ({"run": run.id} if run else {})
    st.page_link(f"pages/{page}.py", label=label, icon=icon, query_params=query, width="content")
