"""Contributors: who contributes what, towards a trusted set."""

import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.store import RunKind, RunStatus
from dvaudit.ui import contributors_setup, contributors_tables, contributors_view
from dvaudit.ui.following import follow
from dvaudit.ui.session import empty_state, require_dataset, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Contributors")
dataset = require_dataset(ws)
st.caption(f"Who contributes what to {plain(dataset.name)}, without training a model.")

if dataset.task in (None, Task.UNSUPERVISED):
    empty_state(
        "This dataset has no labels",
        "Contributors are valued by their labelled samples. Import the data again and set a label "
        "column.",
        "pages/data.py",
        "Go to Data",
    )
    st.stop()

people = contributors_setup.contributors_of(ws, dataset)
if len(people) < 2:
    empty_state(
        "Only one contributor" if people else "No contributors are named",
        "There is nobody to compare with. "
        if people
        else "Each contributor is one value of a column: a site, a supplier, an annotator. "
        "Import the data again in Data, and give that column the role **group**.",
        "pages/data.py",
        "Go to Data",
    )
    st.stop()

runs = ws.runs(dataset.id, RunKind.CONTRIBUTORS)
run = contributors_setup.chosen_run(dataset, runs)
if run is None:
    contributors_setup.set_up(ws, dataset, people)
    st.stop()

if run.status is RunStatus.DONE:
    contributors_view.results(ws, dataset, run, runs)
else:
    follow(ws, run)
# Under another key it is closed again once a run was started from it.
with st.expander("Value them again", icon=":material/play_arrow:", key=f"value_again_{len(runs)}"):
    contributors_setup.set_up(ws, dataset, people)
st.header("Valuations of these contributors")
contributors_tables.runs_table(ws, runs)
