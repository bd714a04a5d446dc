"""Samples: all of them in order of suspicion, with filters, a map, tables, and one in full."""

import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.ui import (
    filters,
    frames,
    map_view,
    sample_detail,
    samples_charts,
    samples_controls,
    samples_view,
    tables_view,
    training_view,
)
from dvaudit.ui.cutoff_view import choose_cut_off
from dvaudit.ui.earned_view import earned_panel
from dvaudit.ui.filter_columns import columns_of
from dvaudit.ui.session import require_audit, workspace
from dvaudit.ui.words import plain

ws = workspace()
st.title("Samples")
dataset, run = require_audit(ws)
labelled = dataset.task is not Task.UNSUPERVISED
order = "the most suspicious labels first" if labelled else "the farthest from all others first"
st.caption(f"{plain(dataset.name)}, {order}.")

frame = frames.findings(ws, run)
figures = samples_view.key_figures if labelled else samples_view.plain_figures
figures(ws, run)
views = samples_view.views(labelled)
with views[0]:
    columns = columns_of(ws, dataset, run)
    wanted, ignored = filters.current(ws, dataset, run)
    left, right = st.columns([1.3, 3.4], gap="medium")
    with left:
        charts = st.container()
        samples_controls.draw(ws, dataset, run, columns, wanted)
        if labelled:
            choose_cut_off(ws, run, frame)
    shown = filters.selected(ws, dataset, run, wanted)
    with right:
        with_map, pictures, size = samples_view.toolbar(ws, dataset, run, shown)
        misread = samples_view.misread(len(shown.positions), size)
        samples_controls.filter_line(wanted, (*ignored, *misread))
        if with_map:
            map_view.map_panel(ws, dataset, run, shown)
        samples_view.results(ws, dataset, frame, shown, pictures=pictures, size=size)
    with charts:  # after the samples, whose pictures are on their way while it is counted
        samples_charts.draw(ws, dataset, run, wanted)
more = (tables_view.duplicates, tables_view.classes, training_view.show_training, earned_panel)
for view, show in zip(views[1:], more, strict=False):
    if view.open:
        with view:
            show(ws, dataset, run)
sample_detail.show_addressed(ws, dataset, run)
