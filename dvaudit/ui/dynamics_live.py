"""Values over training while an audit runs: lines that grow until the run ends."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Task
from dvaudit.dynamics import told_values
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import dynamics_charts as charts
from dvaudit.ui import dynamics_maths as maths
from dvaudit.ui import theme
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.dynamics_live_samples import choose_samples, sample_lines, settling
from dvaudit.ui.following import POLL_SECONDS, follow
from dvaudit.ui.ranking import numbers
from dvaudit.ui.words import count, plain

NEWEST = "newest"
_NOT_KEPT = "No values of single samples were kept of this training."
TABS = ("Values", "Samples", "Early detection")  # those of a finished audit that can be drawn now


def show_live(ws: Workspace, dataset: DatasetRecord, run: RunRecord, following: list[str]) -> None:
    """Show the progress of a run that works, waits or stopped, and what it told of its training.

    Args:
        following: its methods that follow a training.
    """
    follow(ws, run)
    asked = run.params.get("valuators", ())
    late = [name for name in asked if name in maths.BACKWARDS]
    if late:
        st.caption(
            f"{plain(' and '.join(late))} goes back from the end of a training to its start: its "
            "values over training exist when the run has been carried back, and are drawn here "
            "when the audit is done."
        )
    elif not following:
        st.caption(
            f"None of its methods ({plain(', '.join(asked))}) follows a training: there will be "
            "nothing to draw here."
        )
    if following:
        _followed(ws, dataset, run, following)


def _followed(ws: Workspace, dataset: DatasetRecord, run: RunRecord, following: list[str]) -> None:
    """Draw the tabs. What is chosen in them stands outside the parts that are drawn again."""
    chosen = _choose(run, following)
    values, samples, early = st.tabs(TABS, key="over", on_change="rerun", bind="query-params")

    def classes(run: RunRecord, table: pd.DataFrame, method: str) -> None:
        _draw(dataset, run, table)
        st.caption(_words(dataset, table, method))

    def singles(run: RunRecord, table: pd.DataFrame, method: str) -> None:
        told = told_values(ws, run.id, method)
        if told is None:
            st.caption(_NOT_KEPT)
        else:
            sample_lines(ws, dataset, run, told, method, _unit(table))

    def agreement(run: RunRecord, table: pd.DataFrame, method: str) -> None:
        told = told_values(ws, run.id, method)
        if told is None:
            st.caption(_NOT_KEPT)
        else:
            settling(told, run, _unit(table))

    draw = _live if run.status.is_live else _told
    if values.open:
        with values:
            draw(ws, run.id, following, chosen, classes)
    if samples.open:
        with samples:
            choose_samples(ws, dataset, run)
            draw(ws, run.id, following, chosen, singles)
    if early.open:
        with early:
            draw(ws, run.id, following, chosen, agreement)


def _choose(run: RunRecord, following: list[str]) -> str:
    """Return the method to draw, or NEWEST: the one that spoke last."""
    if len(following) == 1:
        return following[0]
    chosen = st.segmented_control(
        "Method",
        [NEWEST, *following],
        format_func=lambda name: "The one at work" if name == NEWEST else name,
        default=NEWEST,
        required=True,
        key=f"dynamics_live_{run.id}",
    )
    return str(chosen)


Drawn = Callable[[RunRecord, pd.DataFrame, str], None]


@st.fragment(run_every=POLL_SECONDS)
def _live(ws: Workspace, run_id: str, following: list[str], chosen: str, drawn: Drawn) -> None:
    if not ws.run(run_id).status.is_live:
        st.rerun()  # the page shows the result, and this fragment is not drawn again
    _told(ws, run_id, following, chosen, drawn)


def _told(ws: Workspace, run_id: str, following: list[str], chosen: str, drawn: Drawn) -> None:
    """Call `drawn` with what the chosen method told; say what is awaited where it told nothing."""
    run = ws.run(run_id)
    # Before it runs, what an earlier attempt told is still there.
    waiting = run.status in (RunStatus.QUEUED, RunStatus.STARTING)
    table = None if waiting else audits.followed(ws, run_id)
    if table is not None and not table.empty:
        method = str(table["valuator"].iloc[-1]) if chosen == NEWEST else chosen
        part = table[table["valuator"] == method]
        part = part[part["training"] == part["training"].max()]
        if not part.empty:
            drawn(run, part, method)
            return
    names = following if chosen == NEWEST else [chosen]
    if run.status.is_live:
        st.caption(f"Lines appear here with the first values of {plain(' or '.join(names))}.")
    else:
        st.caption(f"It stopped before {plain(' or '.join(names))} told of a training.")


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


def _words(dataset: DatasetRecord, part: pd.DataFrame, method: str) -> str:
    every = maths.all_lines(part)
    last, training = every.iloc[-1], int(part["training"].iloc[0])
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
