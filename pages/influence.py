"""Influence: the training samples that helped and hurt a known or an own sample most."""

import pandas as pd
import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.core.errors import NotFoundError
from dvaudit.store import DatasetRecord
from dvaudit.ui import (
    influence_answers,
    influence_data,
    influence_own,
    influence_query,
    influence_results,
    influence_view,
    sample_detail,
)
from dvaudit.ui.session import empty_state, require_audit, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Influence")
dataset, run = require_audit(ws, needs=influence_view.NEEDS)
st.caption(f"Which samples of {plain(dataset.name)} helped and hurt a sample whose label you know.")
if dataset.task is Task.UNSUPERVISED:
    empty_state(
        "This dataset has no labels",
        "Influence is on the loss of a label. Import the data again and set a label column.",
        "pages/data.py",
        "Go to Data",
    )
    st.stop()

influence_view.sample_followed(ws, run)
if not influence_data.has_embeddings(ws, run):
    influence_own.takes_none(run)
    influence_view.nothing_to_ask(ws, run)
    influence_view.many_own()
    st.stop()
owner: DatasetRecord | None
try:
    table = influence_data.queries(ws, run)
    owner = ws.dataset(str(table["dataset_id"].iat[0]))
except NotFoundError:  # the trusted set is gone; what was asked about own samples is not
    table, owner = pd.DataFrame(), None

influence_view.introduce(ws, run, owner, table)
left, right = st.columns([1, 2.3], gap="medium")
with left:
    own = influence_own.asks_own()
    if own:
        question = influence_own.choose(ws, dataset, run)
    elif owner is not None:
        row = influence_query.choose(ws, run, owner, table)
    influence_view.many_own()
with right:
    if own:
        influence_own.answer(ws, dataset, run, question)
    elif owner is None:
        influence_view.nothing_to_ask(ws, run)
    else:
        halves = influence_data.in_halves(ws, run)
        everything = "All samples" if halves else "All trusted samples"
        scope = influence_results.choose_scope(dataset, everything)
        answer = influence_answers.on_known(ws, run, table, row, scope)
        influence_results.results(ws, dataset, run, answer)
sample_detail.show_addressed(ws, dataset, run)
