"""Values over training while an audit runs: lines that grow until the run ends."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Task
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import dynamics_charts as charts
from dvaudit.ui import dynamics_maths as maths
from dvaudit.ui import theme
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.following import POLL_SECONDS, follow
from dvaudit.ui.ranking import numbers
from dvaudit.ui.words import count, plain

NEWEST = "newest"


def show_live(ws: Workspace, dataset: DatasetRecord, run: RunRecord, following: list[str]) -> None:
    """Show the progress of a run that works, waits or stopped, and what it told of its training.

    Args:
        following: its methods that follow a training.
    """
    follow(ws, run)
    if not following:
        st.caption(
            f"None of its methods ({plain(', '.join(run.params.get('valuators', ())))}) follows a "
            "training: there will be nothing to draw here."
        )
        return
    if run.status.is_live:
        _live(ws, dataset, run.id, following)
    else:
        _told(ws, dataset, run, following)


@st.fragment(run_every=POLL_SECONDS)
def _live(ws: Workspace, dataset: DatasetRecord, run_id: str, following: list[str]) -> None:
    run = ws.run(run_id)
    if not run.status.is_live:
        st.rerun()  # the page shows the result, and this fragment is not drawn again
    _told(ws, dataset, run, following)


def _told(ws: Workspace, dataset: DatasetRecord, run: RunRecord, following: list[str]) -> None:
    # Before it runs, what an earlier attempt told is still there.
    waiting = run.status in (RunStatus.QUEUED, RunStatus.STARTING)
    table = None if waiting else audits.followed(ws, run.id)
    if table is None or table.empty:
        if run.status.is_live:
            st.caption(f"Lines appear here when {plain(' or '.join(following))} trains.")
        return
    method = _choose(table, run)
    part = table[table["valuator"] == method]
    training = int(part["training"].max())
    part = part[part["training"] == training]
    _draw(dataset, run, part)
    st.caption(_words(dataset, part, method, training))


def _choose(table: pd.DataFrame, run: RunRecord) -> str:
    """Return the method to draw: the one that spoke last, until another is chosen."""
    told = list(dict.fromkeys(table["valuator"]))
    last = str(table["valuator"].iloc[-1])
    if len(told) == 1:
        return last
    chosen = st.segmented_control(
        "Method",
        [NEWEST, *told],
        format_func=lambda name: "The one at work" if name == NEWEST else name,
        default=NEWEST,
        required=True,
        key=f"dynamics_live_{run.id}",
    )
    return str(chosen) if chosen in told else last


def _draw(dataset: DatasetRecord, run: RunRecord, part: pd.DataFrame) -> None:
    sizes = dict(zip(dataset.class_names, dataset.class_counts, strict=False))
    shown = maths.largest(sizes) if dataset.task is Task.CLASSIFICATION else []
    told = set(part["label"])
    every = maths.all_lines(part)
    show(
        charts.class_chart(
            part,
            [name for name in shown if name in told],
            every[["point", "loss"]],
            _unit(part),
            dark=theme.dark(),
            title="value",
        ),
        key=f"dynamics_live_chart_{run.id}",
        alt=f"Mean value by {_unit(part)}, of {count(len(shown), 'class', 'classes')} and "
        f"of all samples: all at {numbers(every, 'value')[-1]:.3g}",
    )


def _unit(part: pd.DataFrame) -> str:
    return maths.UNITS.get(str(part["valuator"].iloc[0]), "point")


def _words(dataset: DatasetRecord, part: pd.DataFrame, method: str, training: int) -> str:
    every = maths.all_lines(part)
    last = every.iloc[-1]
    said = [f"{plain(method)}, {_unit(part)} {last['point']:,.3g}"]
    if training:
        said[0] += f" of training {training + 1}"
    if pd.notna(last["loss"]):
        said.append(f"loss {last['loss']:.3g}")
    hidden = len(dataset.class_names) - maths.MOST_CLASSES
    if dataset.task is Task.CLASSIFICATION and hidden > 0:
        said.append(f"the {maths.MOST_CLASSES} largest of {len(dataset.class_names):,} classes")
    return (
        " · ".join(said) + ". Means of the values as the method tells them; higher is more useful."
    )
