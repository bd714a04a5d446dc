"""The audit's tables: classes, confusions, duplicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit.core.dataset import Kind
from dvaudit.findings import CutBy, classes_at, confusions_among, flags
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import charts, filters, frames
from dvaudit.ui.components.gallery import Card, gallery
from dvaudit.ui.sample_facts import text_or_none
from dvaudit.ui.samples_view import closed_sample, open_sample, sample_table
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count

MOST_DUPLICATES = 120
_CHART = "class_chart"
_PERCENT = "%.1f%%"


def classes(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Show how flagged samples spread over the classes, and which are taken for which."""
    table, confusions = frames.tables(ws, run, "classes"), frames.tables(ws, run, "confusions")
    cut = ws.cut_off(run.id)
    if cut.by is not CutBy.METHODS and dataset.task is not None:
        samples = frames.findings(ws, run)
        samples = samples.assign(flagged=flags(samples, cut))
        table = classes_at(table, samples, dataset.task)
        confusions = confusions_among(samples, dataset.task)
    if table.empty:
        empty_state("No classes", "This audit judged no labels, so there is nothing to compare.")
        return
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.header("Samples per class")
        _bars(ws, dataset, run, table)
    with right:
        st.header("Taken for each other")
        _confusions(confusions)
    st.header("Class table")
    st.caption(f"Flagged: {cut.words()}.")
    st.dataframe(
        in_percent(table, ("share", "share_flagged")),
        hide_index=True,
        height=_height(table, 460),
        column_config={
            "class": st.column_config.TextColumn("Class", pinned=True),
            "samples": st.column_config.NumberColumn("Samples", format="localized"),
            "share": st.column_config.NumberColumn("Share", format=_PERCENT),
            "flagged": st.column_config.NumberColumn("Flagged", format="localized"),
            "share_flagged": st.column_config.ProgressColumn(
                "Share flagged", format=_PERCENT, min_value=0, max_value=100
            ),
            "mean_margin": st.column_config.NumberColumn("Mean margin", format="%.3f"),
            "most_confused_with": st.column_config.TextColumn("Most confused with"),
            "note": st.column_config.TextColumn("Note"),
        },
        alt="One row per class: samples, flagged share, the class it is most confused with",
    )


def _bars(ws: Workspace, dataset: DatasetRecord, run: RunRecord, table: pd.DataFrame) -> None:
    known = dataset.class_names
    names = [str(name) for name in table["class"]]
    counts = dict(zip(names, table["samples"].astype(int), strict=True))
    flagged = dict(zip(names, table["flagged"].astype(int), strict=True))
    worst = max(names, key=lambda name: flagged[name] / max(counts[name], 1))
    charts.show(
        charts.class_bars(counts, flagged),
        key=_CHART,
        alt=f"Samples per class, flagged ones marked; the largest flagged share is in {worst}",
        modes=("points",),
        on_select=lambda: _choose_class(ws, dataset, run),
    )
    hidden = len(names) - len(charts.shown_classes(counts, flagged))
    more = f" {count(hidden, 'class', 'classes')} with fewer flagged samples are in the table."
    st.caption(
        "Flagged samples are at the end of each bar."
        + (" Click one to filter the samples." if known else "")
        + (more if hidden else "")
    )


def _choose_class(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    chosen = charts.selected_classes(st.session_state[_CHART])
    # For regression the bars are ranges of the target, which is nothing to filter by.
    known = tuple(name for name in chosen if name in dataset.class_names)
    filters.amend(ws, dataset, run, classes=known)


def _confusions(table: pd.DataFrame) -> None:
    if table.empty:
        st.caption("No flagged sample has a suggestion for another class.")
        return
    shown = in_percent(table.drop(columns=["examples"], errors="ignore"), ("share",))
    st.dataframe(
        shown,
        hide_index=True,
        height=_height(shown, 420),
        column_config={
            "given_label": st.column_config.TextColumn("Given label"),
            "suggested_label": st.column_config.TextColumn("Suggested"),
            "samples": st.column_config.NumberColumn("Samples", format="localized"),
            "share": st.column_config.NumberColumn("Share of the class", format=_PERCENT),
        },
        alt="Pairs of given and suggested label, most frequent first",
    )


def duplicates(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Show the duplicate groups, those with different labels first."""
    table = frames.tables(ws, run, "duplicates")
    if table.empty:
        empty_state(
            "No duplicates", "No two samples of this dataset are the same, or nearly the same."
        )
        return
    groups = table.groupby("group")["conflict"].any()
    st.markdown(
        f"**{count(len(groups), 'group')}**, {int(groups.sum()):,} of them with different labels."
    )
    ordered = table.sort_values(["conflict", "group"], ascending=[False, True], kind="stable")
    shown = ordered.head(MOST_DUPLICATES)
    if len(shown) < len(ordered):
        st.caption(
            f"The first {len(shown):,} of {len(ordered):,} samples; the report has them all."
        )
    ids = pd.Index(frames.findings(ws, run)["id"].astype(str))
    positions = ids.get_indexer(pd.Index(shown["id"].astype(str)))
    if dataset.kind is Kind.IMAGE:
        _pictures(dataset.id, shown, positions)
    else:
        words = {"group": "Group", "kind": "Kind", "id": "Id", "given_label": "Given",
                 "conflict": "Other labels", "keep": "Copy to keep"}  # fmt: skip
        sample_table(shown.rename(columns=words), positions, key="duplicate_rows")


def _pictures(dataset_id: str, table: pd.DataFrame, positions: np.ndarray) -> None:
    cards = [
        Card(
            position=int(at),
            label=text_or_none(label) or "no label",
            value=f"group {group}",
            flagged=False,
            suggestion="other labels" if conflict else None,
            name=str(name),
        )
        for at, label, group, conflict, name in zip(
            positions, table["given_label"], table["group"], table["conflict"], table["id"],
            strict=True,
        )
    ]  # fmt: skip
    opened = gallery(dataset_id, cards, key="duplicate_gallery", back=closed_sample())
    if opened is not None:
        open_sample(opened)


def in_percent(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return a table with shares times 100: Streamlit's own percent has decimals as they come."""
    return table.assign(**{name: 100 * table[name] for name in columns if name in table})


def _height(table: pd.DataFrame, most: int) -> int:
    return min(40 + 35 * len(table), most)
