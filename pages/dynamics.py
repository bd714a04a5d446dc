"""Dynamics: values over training, while it goes on and afterwards."""

import streamlit as st

from dvaudit.store import RunKind, RunStatus
from dvaudit.ui import dynamics_frames, dynamics_live, dynamics_view
from dvaudit.ui.method_words import failures_told
from dvaudit.ui.session import current, empty_state, require_dataset, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Dynamics")
dataset = require_dataset(ws)
st.caption(f"How the values of {plain(dataset.name)} come about while a net trains.")

run = current(ws).run
if run is None:
    empty_state(
        "No audit yet",
        dynamics_view.what_to_run(dataset.task),
        "pages/audit.py",
        "Go to Audit",
    )
    st.stop()

dynamics_view.another_at_work(dataset, run, ws.runs(dataset.id, RunKind.AUDIT))
failures_told(ws, run)
if run.status is not RunStatus.DONE:
    dynamics_live.show_live(ws, dataset, run, dynamics_view.following(run))
elif methods := dynamics_frames.methods(ws, run):
    dynamics_view.results(ws, dataset, run, methods)
else:
    dynamics_view.no_training(run, dataset.task)
