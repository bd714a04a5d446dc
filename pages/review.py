"""Review: one sample at a time, decided by keyboard."""

import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.ui import review_view
from dvaudit.ui.session import empty_state, require_audit, workspace
from dvaudit.ui.words import plain

ws = workspace()
with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    with st.container(gap="xsmall", width="content"):
        st.title("Review")
        head = st.container()
    switches = st.container(width="content")

dataset, run = require_audit(ws)
head.caption(f"Flagged samples of {plain(dataset.name)}, most suspicious first.")
if dataset.task is Task.UNSUPERVISED:
    empty_state(
        "This dataset has no labels", "There is nothing to review.", "pages/data.py", "Go to Data"
    )
    st.stop()
with switches:
    every, reviewed = review_view.choose_queue(run.id)
review_view.review_samples(ws, dataset, run, every, reviewed)
