"""Values over training of a finished audit: classes, single samples, early detection, phases."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit import valuators
from dvaudit.core.dataset import Task
from dvaudit.dynamics import StoredTrace
from dvaudit.findings import flags
from dvaudit.reports import write_csv
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import dynamics_charts as charts
from dvaudit.ui import dynamics_frames, frames, theme
from dvaudit.ui import dynamics_maths as maths
from dvaudit.ui.addressed import in_address, misread, not_followed
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.dynamics_readings import early_detection, influential_phases
from dvaudit.ui.dynamics_samples import single_samples
from dvaudit.ui.history import number
from dvaudit.ui.method_words import warnings_shown
from dvaudit.ui.ranking import numbers
from dvaudit.ui.session import empty_state, select
from dvaudit.ui.words import count, plain

METHOD = "method"  # in the address
_TABS = ("Values", "Samples", "Early detection", "Phases")


def following(run: RunRecord) -> list[str]:
    """Return the methods asked of an audit that tell of a training while it goes on."""
    told = maths.UNITS.keys() - set(maths.BACKWARDS)
    return [name for name in run.params.get("valuators", ()) if name in told]


def what_to_run(task: Task | None) -> str:
    """Return which methods follow a training, in a sentence of Markdown."""
    fit = [info for info in valuators.describe() if info.name in maths.UNITS and task in info.tasks]
    free = [info.name for info in fit if "trusted" not in info.needs]
    towards = [info.name for info in fit if "trusted" in info.needs]
    said = []
    if free:
        said.append(f"{', '.join(free)} need{'s' if len(free) == 1 else ''} nothing else")
    if towards:
        measure = "measures" if len(towards) == 1 else "measure"
        said.append(f"{', '.join(towards)} {measure} against trusted samples")
    return f"Run an audit with a method that trains a net: {'; '.join(said)}."


def another_at_work(dataset: DatasetRecord, run: RunRecord, runs: Sequence[RunRecord]) -> None:
    """Offer the way to an audit of the same dataset that trains now."""
    live = next((other for other in runs if other.status.is_live and following(other)), None)
    if live is None or live.id == run.id:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"Audit {number(live)} with {plain(', '.join(following(live)))} is at work.",
            width="stretch",
        )
        st.button(
            "Watch it",
            key="dynamics_watch",
            icon=":material/visibility:",
            on_click=select,
            args=(dataset.id, live.id),
        )


def no_training(run: RunRecord, task: Task | None) -> None:
    """Say that no method of the audit followed a training, and which would."""
    ran = ", ".join(run.params.get("valuators", ())) or "no method"
    empty_state(
        "This audit followed no training",
        f"Audit {number(run)} ran {plain(ran)}. {what_to_run(task)}",
        "pages/audit.py",
        "Go to Audit",
    )


@st.fragment
def results(ws: Workspace, dataset: DatasetRecord, run: RunRecord, methods: list[str]) -> None:
    """Show the values over training of one of `methods`."""
    method = _choose(run, methods)
    not_followed([*misread(METHOD, methods, "method"), *misread("over", _TABS, "tab")])
    trace = dynamics_frames.trace(ws, run, method)
    st.caption(_facts(ws, run, method, trace))
    warnings_shown(ws, run, method)
    classes, samples, early, phases = st.tabs(
        _TABS, key="over", on_change="rerun", bind="query-params"
    )
    if classes.open:
        with classes:
            _classes(ws, dataset, run, method, trace)
    if samples.open:
        with samples:
            single_samples(ws, dataset, run, method)
    if early.open:
        with early:
            early_detection(trace, method)
    if phases.open:
        with phases:
            influential_phases(dynamics_frames.phases(ws, run), dataset)


def _choose(run: RunRecord, methods: list[str]) -> str:
    if len(methods) == 1:
        return methods[0]
    key = f"dynamics_method_{run.id}"
    wanted = st.query_params.get(METHOD)
    if wanted in methods:
        st.session_state[key] = wanted
    elif st.session_state.get(key) not in methods:
        st.session_state[key] = methods[0]
    chosen = st.segmented_control(
        "Method",
        methods,
        key=key,
        required=True,
        on_change=lambda: in_address({METHOD: [str(st.session_state[key])]}),
        persist_state="session",
    )
    return chosen if chosen in methods else methods[0]


def _facts(ws: Workspace, run: RunRecord, method: str, trace: StoredTrace) -> str:
    values = numbers(frames.findings(ws, run), f"{method}.value")
    valued = int(np.isfinite(values).sum())
    how = "sum" if trace.additive else "mean"
    last = count(int(trace.points[-1]), trace.unit)
    parts = [
        f"Audit {number(run)}",
        method,
        f"{count(len(trace.points), 'point')} over {last}",
        f"value so far: {how} up to each point, higher is more useful",
        f"{valued:,} of {count(len(values), 'sample')} valued",
    ]
    return " · ".join(plain(part) for part in parts)


# Classes


def _classes(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, method: str, trace: StoredTrace
) -> None:
    cut = ws.cut_off(run.id)
    spread = dynamics_frames.spread(ws, run, method, cut)
    losses = pd.DataFrame({"point": trace.points, "loss": numbers(trace.early, "loss")})
    sizes = maths.sizes_of(trace.classes) if dataset.task is Task.CLASSIFICATION else {}
    shown = maths.largest(sizes)
    if shown:
        left, right = st.columns(2, gap="medium")
        with left:
            _class_lines(trace, shown, sizes, losses)
    else:
        right = st.container()
    with right:
        _flagged(ws, run, trace, spread, losses, cut.words())
    _table(dataset, run, method, trace, losses, bool(sizes))


def _class_lines(
    trace: StoredTrace, shown: list[str], sizes: dict[str, int], losses: pd.DataFrame
) -> None:
    st.header("By class")
    ends = maths.class_ends(trace.classes)
    alt = (
        f"Mean value so far by {trace.unit}, a line for "
        f"{'the only class' if len(shown) == 1 else f'each of {len(shown)} classes'} and one for "
        "all"
    )
    said = "Mean value so far of the samples of each class."
    if len(sizes) > len(shown):
        said += (
            f" Drawn are the {len(shown)} largest of {len(sizes):,} classes and all samples "
            "together; the table has every class."
        )
    if len(ends) > 1:
        (lowest, low), (highest, high) = ends[0], ends[-1]
        alt += f"; of all {len(ends):,} classes {lowest} is lowest at the end with {low:.3g}, "
        alt += f"{highest} highest with {high:.3g}"
        every = f"Of all {len(ends):,} classes lowest" if len(sizes) > len(shown) else "Lowest"
        said += f" {every} at the end: **{plain(lowest)}**, highest: **{plain(highest)}**."
    show(
        charts.class_chart(trace.classes, shown, losses, trace.unit, dark=theme.dark()),
        key="dynamics_classes",
        alt=alt,
    )
    st.caption(said)


def _flagged(
    ws: Workspace,
    run: RunRecord,
    trace: StoredTrace,
    spread: pd.DataFrame,
    losses: pd.DataFrame,
    rule: str,
) -> None:
    flagged = int(flags(frames.findings(ws, run), ws.cut_off(run.id)).sum())
    st.header("Flagged against the others" if flagged else "All samples")
    means = [float(numbers(spread, name)[-1]) for name in ("flagged", "others")]
    show(
        charts.spread_chart(spread, losses, trace.unit, dark=theme.dark()),
        key="dynamics_spread",
        alt=f"Value so far by {trace.unit}: at the end the mean of the {flagged:,} flagged samples "
        f"is {means[0]:.3g}, of the others {means[1]:.3g}; 95% of all lie between "
        f"{numbers(spread, 'low')[-1]:.3g} and {numbers(spread, 'high')[-1]:.3g}",
    )
    st.caption(
        f"Grey: where 95% of all samples lie. Lines: the means of the "
        f"{count(flagged, 'sample')} the audit flags ({plain(rule)}) and of the others."
        if flagged
        else "Grey: where 95% of all samples lie. Line: the mean; this audit flags no sample."
    )


def _table(
    dataset: DatasetRecord,
    run: RunRecord,
    method: str,
    trace: StoredTrace,
    losses: pd.DataFrame,
    classes: bool,
) -> None:
    """Offer the class lines as a table, on the page and to download."""
    table = trace.classes if classes else maths.all_lines(trace.classes)
    with st.expander("The lines as a table", icon=":material/table_chart:"):
        wide = table.drop_duplicates(["point", "label"]).pivot(
            index="point", columns="label", values="value"
        )
        wide = wide[list(dict.fromkeys(table["label"]))].join(losses.set_index("point"))
        st.dataframe(
            wide.rename_axis(trace.unit).reset_index(),
            hide_index=True,
            column_config={
                str(name): st.column_config.NumberColumn(format="%.4g") for name in wide
            },
            alt=f"Mean value so far by class and {trace.unit}, with the loss",
        )
    st.download_button(
        "Download CSV",
        data=lambda: _csv(table, method, trace, losses),
        file_name=f"dynamics-{number(run)}-{method}.csv",
        mime="text/csv",
        key=f"download_dynamics_{method}",
        icon=":material/download:",
        on_click="ignore",
        help=f"The class lines of {plain(method)} on {plain(dataset.name)}, a row for each point "
        "and class, with the loss.",
    )


def _csv(table: pd.DataFrame, method: str, trace: StoredTrace, losses: pd.DataFrame) -> bytes:
    named = table.rename(columns={"point": trace.unit, "label": "class", "value": "value_so_far"})
    named.insert(0, "method", method)
    named = named.merge(losses.rename(columns={"point": trace.unit}), on=trace.unit, how="left")
    with tempfile.TemporaryDirectory() as folder:
        return write_csv(named, Path(folder) / "dynamics.csv").read_bytes()
