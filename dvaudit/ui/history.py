"""What was done so far: the audits of a dataset, and the datasets of the workspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Task
from dvaudit.findings import CutBy, flags
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import frames
from dvaudit.ui.row_choice import chosen_row, how_to_choose
from dvaudit.ui.session import page_button, select
from dvaudit.ui.words import ago, count, duration, plain


def outcome(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Say what a finished audit found, and lead to it."""
    found, cut, summary = frames.findings(ws, run), ws.cut_off(run.id), frames.summary(ws, run)
    if dataset.task is Task.UNSUPERVISED:
        said = unlabelled_headline(summary)
    else:
        rate = audits.error_rate(ws, run, frame=found, summary=summary).rate
        said = headline(int(flags(found, cut).sum()), len(found), rate)
    with st.container(
        border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"
    ):
        with st.container(gap="xsmall"):
            st.markdown(said)
            if cut.by is not CutBy.METHODS:
                st.caption(f"The cut-off was moved: {cut.words()}.")
            st.caption(facts(run))
        with st.container(horizontal=True, width="content"):
            page_button(
                "See the samples",
                "pages/samples.py",
                key="outcome_samples",
                icon=":material/grid_view:",
            )
            if dataset.task is not Task.UNSUPERVISED:
                page_button(
                    "Review them",
                    "pages/review.py",
                    key="outcome_review",
                    icon=":material/rate_review:",
                )


def headline(flagged: int, samples: int, rate: float | None) -> str:
    """Return how many samples are worth checking, and what share of the labels is wrong.

    Flags are no count of wrong labels: on hard data most of them are on right ones.
    """
    share = (
        "how many labels are wrong could not be estimated"
        if rate is None
        else f"about {share_text(rate)} of the labels are estimated to be wrong"
    )
    return f"**{flagged:,} of {count(samples, 'sample')} to check**; {share}"


def unlabelled_headline(summary: Mapping[str, Any]) -> str:
    """Return what an audit of data without labels found: outliers and duplicates."""
    outliers, copies = summary["outliers"], summary["duplicate_groups"]
    return (
        f"**{count(outliers, 'outlier')} and {count(copies, 'group')} of duplicates** in "
        f"{count(summary['samples'], 'sample')}"
    )


def share_text(share: float) -> str:
    """Return a share in 0 to 1 as people say it: "14%", "2.3%", "less than 0.1%"."""
    if 0 < share < 0.001:
        return "less than 0.1%"
    return f"{share:.1%}" if 0 < share < 0.0995 else f"{share:.0%}"


def facts(run: RunRecord) -> str:
    """Return number, methods, features, seed, time taken and age of an audit in one line."""
    parts = [
        f"Audit {number(run)}",
        ", ".join(run.params.get("valuators", ())),
        f"features: {run.params.get('extractor') or 'automatic'}",
        f"seed {run.params.get('seed', 0)}",
    ]
    if run.started and run.finished:
        parts.append(f"took {duration((run.finished - run.started).total_seconds())}")
    parts.append(ago(run.finished or run.created))
    return plain_parts(parts)


def plain_parts(parts: list[str]) -> str:
    """Join facts to one line, escaped."""
    return " · ".join(plain(part) for part in parts)


def number(run: RunRecord) -> str:
    """Return an audit's number as people say it."""
    return str(int(run.id[1:]))


def audits_table(runs: Sequence[RunRecord]) -> None:
    """List audits, newest first; choosing a row makes it the one on screen."""
    table = pd.DataFrame(
        {
            "Audit": [int(number(run)) for run in runs],
            "Status": [run.status.value for run in runs],
            "Methods": [", ".join(run.params.get("valuators", ())) for run in runs],
            "Features": [run.params.get("extractor") or "automatic" for run in runs],
            "Seed": [run.params.get("seed", 0) for run in runs],
            "Settings": [_settings(run) for run in runs],
            "Started": [run.created for run in runs],
            "Took": [_took(run) for run in runs],
            "Reason": [run.error or "" for run in runs],
        }
    )
    table = table.drop(columns=[name for name in ("Settings", "Reason") if not table[name].any()])
    st.dataframe(
        table,
        key="audits_table",
        hide_index=True,
        on_select=lambda: _choose_run(runs),
        selection_mode="single-row",
        column_config={"Started": st.column_config.DatetimeColumn(format="distance")},
    )
    how_to_choose("show that audit")


def _choose_run(runs: Sequence[RunRecord]) -> None:
    row = chosen_row("audits_table", len(runs))
    if row is not None:
        select(runs[row].dataset_id, runs[row].id)


def _settings(run: RunRecord) -> str:
    given = run.params.get("settings", {})
    return ", ".join(
        f"{name}.{key}={value}" for name, values in given.items() for key, value in values.items()
    )


def _took(run: RunRecord) -> str:
    if run.status is not RunStatus.DONE or not (run.started and run.finished):
        return ""
    return duration((run.finished - run.started).total_seconds())


def task_words(task: Task | None) -> str:
    """Return what the labels of a dataset are for, as people say it; empty where not known yet."""
    return "no labels" if task is Task.UNSUPERVISED else str(task or "")


def dataset_facts(record: DatasetRecord) -> str:
    """Return format, task, source and age of a dataset in one line."""
    parts = [f"added {ago(record.created)}", f"from {record.source.name}"]
    if record.task:
        parts.insert(0, task_words(record.task))
    return plain_parts(parts)


def datasets_table(records: Sequence[DatasetRecord]) -> None:
    """List the datasets, newest first; choosing a row makes it the one on screen."""
    table = pd.DataFrame(
        {
            "Name": [record.name for record in records],
            "Status": [record.status.value for record in records],
            "Kind": [str(record.kind or "") for record in records],
            "Task": [task_words(record.task) for record in records],
            "Samples": pd.array([record.samples for record in records], dtype="Int64"),
            "Classes": [len(record.class_names) for record in records],
            "Added": [record.created for record in records],
        }
    )
    st.dataframe(
        table,
        key="datasets_table",
        hide_index=True,
        on_select=lambda: _choose_dataset(records),
        selection_mode="single-row",
        column_config={
            "Samples": st.column_config.NumberColumn(format="localized"),
            "Added": st.column_config.DatetimeColumn(format="distance"),
        },
    )
    how_to_choose("show that dataset")


def _choose_dataset(records: Sequence[DatasetRecord]) -> None:
    row = chosen_row("datasets_table", len(records))
    if row is not None:
        select(records[row].id)
