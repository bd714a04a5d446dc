"""Data: add a dataset, and see the health of the chosen one."""

import streamlit as st

from dvaudit.store import DatasetStatus, RunKind
from dvaudit.ui import health, history, importing
from dvaudit.ui.following import follow
from dvaudit.ui.removal import remove_button
from dvaudit.ui.session import current, empty_state, workspace
from dvaudit.ui.words import plain

ws = workspace()
dataset = current(ws).dataset

if importing.adding() or dataset is None:
    st.title("Add a dataset")
    st.caption("Images in a zip, or a table. The original is kept byte for byte.")
    importing.add_dataset(ws)
    if dataset is None:
        importing.introduction()
    else:
        st.button("Back to the datasets", on_click=importing.leave, icon=":material/arrow_back:")
    st.stop()

with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    with st.container(gap="xsmall"):
        st.title(plain(dataset.name))
        st.caption(history.dataset_facts(dataset))
    with st.container(horizontal=True, width="content"):
        remove_button(ws, dataset)
        st.button("Add a dataset", type="primary", icon=":material/add:", on_click=importing.begin)

if dataset.status is DatasetStatus.READY:
    health.show(ws, dataset)
else:
    imports = ws.runs(dataset.id, RunKind.IMPORT)
    if imports:
        follow(ws, imports[0], change=lambda: importing.set_up_again(dataset))
    else:
        empty_state("Nothing was imported", "Remove this dataset, and add the file again.")

datasets = ws.datasets()
if len(datasets) > 1:
    st.header("All datasets")
    history.datasets_table(datasets)
