"""The health of a dataset: how much, of what, and what is already wrong before any audit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.core.dataset import Kind, Task
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, Workspace
from dvaudit.ui import charts, frames
from dvaudit.ui.components.gallery import Card, gallery
from dvaudit.ui.session import page_button
from dvaudit.ui.words import count, plain

GLANCE = 24
ROWS = 100
_TILE = 150  # pixels: all key figures stand in one row of a page 1,280 wide


@dataclass(frozen=True)
class Health:
    """Counts of samples without a label and of exact copies; targets (n,) for regression."""

    missing: int
    copies: int
    groups: int
    targets: NDArray[np.float64] | None


def show(ws: Workspace, dataset: DatasetRecord) -> None:
    """Draw the key figures, the class chart, notes, unreadable items and a look at the data."""
    health = health_of(ws, dataset)
    _source(ws, dataset)
    _figures(dataset, health)
    left, right = st.columns([3, 2], gap="small")
    with left, st.container(border=True, height="stretch"):
        _labels(dataset, health)
    with right:
        _next_step(ws, dataset)
        with st.container(border=True, height="stretch"):
            _remarks(dataset)
    _look(ws, dataset)


def _source(ws: Workspace, dataset: DatasetRecord) -> None:
    """Say where data that is read in place is no longer as it was imported."""
    change = ws.source_change(dataset.id)
    if change is not None:
        st.warning(
            f"**The data is not what was imported.** {plain(change)} Until then no audit can "
            "start, and corrected data cannot be exported. Finished audits and verdicts stay.",
            icon=":material/warning:",
        )


def health_of(ws: Workspace, dataset: DatasetRecord) -> Health:
    """Return the health of a ready dataset; computed once per content."""
    return _health(ws, str(ws.root), dataset.id, dataset.fingerprint or "", dataset.task)


@st.cache_resource(max_entries=16, show_spinner=False)
def _health(
    _ws: Workspace, root: str, dataset_id: str, fingerprint: str, task: Task | None
) -> Health:
    samples = _samples(_ws, root, dataset_id, fingerprint)
    sizes = samples["hash"].value_counts()
    repeated = sizes[sizes > 1]
    targets = None
    if task is Task.REGRESSION:
        targets = pd.to_numeric(samples["label"], errors="coerce").to_numpy(dtype=np.float64)
    missing = 0 if task is Task.UNSUPERVISED else int(samples["label"].isna().sum())
    return Health(missing, int(repeated.sum()), len(repeated), targets)


@st.cache_resource(max_entries=4, show_spinner=False)
def _samples(_ws: Workspace, root: str, dataset_id: str, fingerprint: str) -> pd.DataFrame:
    return _ws.samples(dataset_id)[["id", "label", "hash"]]


def _figures(dataset: DatasetRecord, health: Health) -> None:
    classes = len(dataset.class_names)
    figures = [("Samples", dataset.samples or 0, f"{dataset.kind} data")]
    if classes:
        figures.append(("Classes", classes, _spread(dataset)))
    if dataset.task is not Task.UNSUPERVISED:
        missing = "scored by no method" if health.missing else "none"
        figures.append(("Missing labels", health.missing, missing))
    figures += [
        ("Unreadable", len(dataset.unreadable), "left out" if dataset.unreadable else "none"),
        (
            "Exact duplicates",
            health.copies,
            f"in {count(health.groups, 'group')}" if health.groups else "none",
        ),
    ]
    row = st.grid(len(figures), gap="small", min_column_width=_TILE)
    for label, value, below in figures:
        with row.container(border=True, height="stretch", gap="xsmall"):
            st.metric(label, f"{value:,}")
            st.caption(below)


def _spread(dataset: DatasetRecord) -> str:
    counts = [number for number in dataset.class_counts if number]
    if not counts:
        return "no labelled sample"
    low, high = min(counts), max(counts)
    return f"{low:,} each" if low == high else f"{low:,} to {high:,} each"


def _labels(dataset: DatasetRecord, health: Health) -> None:
    if dataset.class_names:
        st.markdown("**Samples per class**")
        counts = dict(zip(dataset.class_names, dataset.class_counts, strict=True))
        shown = charts.shown_classes(counts)
        st.plotly_chart(
            charts.class_bars(counts),
            key="health_classes",
            alt=f"Samples per class: {_spread(dataset)}",
            config={"displayModeBar": False},
        )
        if len(shown) < len(counts):
            st.caption(f"The {len(shown)} largest of {len(counts):,} classes.")
    elif health.targets is not None:
        st.markdown("**Distribution of the labels**")
        st.plotly_chart(
            charts.histogram(health.targets, title="label"),
            key="health_targets",
            alt="Distribution of the numeric labels",
            config={"displayModeBar": False},
        )
    else:
        st.markdown("**No labels**")
        st.caption(
            "An audit finds duplicates and outliers. To look for wrong labels, import the data "
            "again and set a label column."
        )


def _next_step(ws: Workspace, dataset: DatasetRecord) -> None:
    """Lead to the audit, or to what it found."""
    labelled = dataset.task is not Task.UNSUPERVISED
    finished = audits.latest_audit(ws, dataset.id)
    with st.container(border=True, gap="small"):
        st.markdown("**Next**")
        if finished is None:
            st.caption(
                "Find the labels that look wrong."
                if labelled
                else "Find duplicates, and samples far from all others."
            )
            page_button(
                "Audit this data",
                "pages/audit.py",
                key="health_audit",
                icon=":material/troubleshoot:",
            )
        elif not labelled:
            summary = frames.summary(ws, finished)
            st.caption(
                f"The last audit found {count(summary['outliers'], 'outlier')} and "
                f"{count(summary['duplicate_groups'], 'group')} of duplicates."
            )
            page_button(
                "See the samples",
                "pages/samples.py",
                key="health_samples",
                icon=":material/grid_view:",
            )
        else:
            found = frames.findings(ws, finished)
            flagged = int(flags(found, ws.cut_off(finished.id)).sum())
            st.caption(f"The last audit flags {count(flagged, 'sample')} of {len(found):,}.")
            page_button(
                "Review them",
                "pages/review.py",
                key="health_review",
                icon=":material/rate_review:",
            )


def _remarks(dataset: DatasetRecord) -> None:
    st.markdown("**Notes from the import**")
    if not dataset.notes and not dataset.unreadable:
        st.caption("Everything was read as it is: no conversions, no guesses, nothing left out.")
    for note in dataset.notes:
        st.markdown(f"- {plain(note)}")
    if dataset.unreadable:
        st.markdown(f"**Left out** ({len(dataset.unreadable):,})")
        st.dataframe(
            {
                "Name": [item.name for item in dataset.unreadable],
                "Reason": [item.reason for item in dataset.unreadable],
            },
            hide_index=True,
            height=min(38 + 35 * len(dataset.unreadable), 248),
        )


def _look(ws: Workspace, dataset: DatasetRecord) -> None:
    samples = _samples(ws, str(ws.root), dataset.id, dataset.fingerprint or "")
    total = dataset.samples or 0
    if dataset.kind is Kind.IMAGE:
        st.markdown("**A look inside**")
        chosen = sorted({total * step // GLANCE for step in range(GLANCE)})
        rows = samples.iloc[chosen]
        cards = [
            Card(position, "no label" if pd.isna(label) else str(label), name=str(name))
            for position, name, label in zip(chosen, rows["id"], rows["label"], strict=True)
        ]
        gallery(dataset.id, cards, key="health_gallery", opens=False)
        return
    st.markdown(f"**The first {min(ROWS, total):,} rows**")
    columns = frames.features(ws, dataset).head(ROWS)
    unlabelled = dataset.task is Task.UNSUPERVISED
    named = samples[["id"] if unlabelled else ["id", "label"]].head(ROWS)
    st.dataframe(pd.concat([named, columns], axis=1), hide_index=True, height=320)
