"""Methods: what each of them measures, when to use it, what it needs and costs."""

import streamlit as st

from dvaudit import valuators
from dvaudit.ui import methods_list, methods_page
from dvaudit.ui.session import current, workspace
from dvaudit.ui.words import plain

ws = workspace()
dataset = current(ws).dataset
known = {info.name: info for info in valuators.describe()}
wanted = st.query_params.get("method")
if dataset is None:
    methods_page.note_address(wanted)
if wanted in known:
    methods_page.method(ws, dataset, known[wanted])
    st.stop()

st.title("Methods")
st.caption(
    "What each method measures, when to use it, what it needs and what it costs. "
    "Of every method, a higher value means a more useful sample."
)
if wanted:
    st.warning(
        f"There is no method {plain(wanted[:40])}; these are all.", icon=":material/link_off:"
    )
methods_list.methods(ws, dataset, tuple(known.values()))
