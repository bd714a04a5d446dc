"""Compare: where methods agree, where they part, how firm they are, and which to trust here."""

import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.store import RunStatus
from dvaudit.ui import (
    compare_agreement,
    compare_disagreements,
    compare_selftest,
    compare_stability,
    sample_detail,
)
from dvaudit.ui.addressed import misread, not_followed
from dvaudit.ui.session import current, empty_state, require_audit, require_dataset, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Compare")
dataset = require_dataset(ws)
st.caption(f"How the methods judge {plain(dataset.name)}, and which of them to trust here.")
if dataset.task in (None, Task.UNSUPERVISED):
    empty_state(
        "This dataset has no labels",
        "Methods are compared by how they judge labels. Import the data again and set a label "
        "column.",
        "pages/data.py",
        "Go to Data",
    )
    st.stop()

tabs = ("Agreement", "Disagreements", "Self-test", "Stability")
not_followed(misread("compare", tabs, "tab"), "this page")
agreement, disagreements, selftest, stability = st.tabs(
    tabs,
    key="compare",
    on_change="rerun",
    bind="query-params",
)
run = current(ws).run
if selftest.open:
    with selftest:
        compare_selftest.selftest(ws, dataset, run)
if agreement.open:
    with agreement:
        compare_agreement.agreement(ws, require_audit(ws)[1])
if disagreements.open:
    with disagreements:
        compare_disagreements.disagreements(ws, *require_audit(ws))
if stability.open:
    with stability:
        compare_stability.stability(ws, require_audit(ws)[1])
if run is not None and run.status is RunStatus.DONE:
    sample_detail.show_addressed(ws, dataset, run)
