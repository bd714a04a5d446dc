"""Samples: all of them in order of suspicion, with filters, tables, and one in full."""

import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Task
from dvaudit.ui import frames, sample_detail, samples_view, tables_view, training_view
from dvaudit.ui.ranking import select
from dvaudit.ui.session import empty_state, require_audit, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Samples")
dataset, run = require_audit(ws)
st.caption(f"{plain(dataset.name)}, the most suspicious labels first.")
if dataset.task is Task.UNSUPERVISED:
    empty_state(
        "No labels",
        "Samples are ranked by how wrong their label looks.",
        "pages/data.py",
        "Go to Data",
    )
    st.stop()

frame = frames.findings(ws, run)
samples_view.key_figures(ws, run)
ranked, classes, duplicates, training = st.tabs(
    ["Samples", "Classes", "Duplicates", "Training"],
    key="view",
    on_change="rerun",
    bind="query-params",
)
with ranked:
    left, right = st.columns([1, 3.4], gap="medium")
    with left:
        wanted, flagged = samples_view.filters(ws, run, dataset, frame)
    decisions = audits.decisions(ws, dataset.id)
    with right:
        positions = select(frame, flagged, wanted, decisions)
        samples_view.results(ws, dataset, frame, positions, flagged, wanted.column, decisions)
if classes.open:
    with classes:
        tables_view.classes(ws, dataset, run)
if duplicates.open:
    with duplicates:
        tables_view.duplicates(ws, dataset, run)
if training.open:
    with training:
        training_view.show_training(ws, dataset, run)
sample_detail.show_addressed(ws, dataset, run)
