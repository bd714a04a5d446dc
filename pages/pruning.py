"""Pruning: how much of the data a model can do without, and that subset to take away."""

import streamlit as st

from dvaudit.ui import pruning_view, sample_detail
from dvaudit.ui.session import require_audit, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Pruning")
dataset, run = require_audit(ws)
st.caption(f"How much of {plain(dataset.name)} a model can do without, and in which order.")
pruning_view.pruning(ws, dataset, run)
sample_detail.show_addressed(ws, dataset, run)
