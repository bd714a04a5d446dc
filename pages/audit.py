"""Audit: choose methods, see what they cost, start, follow, and look back."""

import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.store import RunKind
from dvaudit.ui import auditing, history
from dvaudit.ui.session import current, require_dataset, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Audit")
dataset = require_dataset(ws)
st.caption(
    f"Find the samples of {plain(dataset.name)} that are unlike the rest, and its duplicates. "
    "Without labels there are no wrong ones to find."
    if dataset.task is Task.UNSUPERVISED
    else f"Find the labels of {plain(dataset.name)} that look wrong."
)

runs = ws.runs(dataset.id, RunKind.AUDIT)
auditing.standing(ws, dataset, runs, current(ws).run)
auditing.set_up(ws, dataset)

if runs:
    st.header("Audits of this dataset")
    history.audits_table(runs)
