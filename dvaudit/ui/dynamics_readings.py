"""What values over training tell: how early the lowest are known, and which epochs count."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dvaudit.dynamics import StoredTrace
from dvaudit.store import DatasetRecord
from dvaudit.ui import dynamics_charts as charts
from dvaudit.ui import dynamics_maths as maths
from dvaudit.ui import theme
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import plain


def early_detection(trace: StoredTrace, method: str) -> None:
    """Show how early the ranking at the end of a training is known."""
    st.markdown(maths.detection_words(trace.early, trace.unit))
    if len(trace.early) > 1:
        last = trace.early.iloc[-2]
        show(
            charts.detection_chart(trace.early, trace.unit, dark=theme.dark()),
            key="dynamics_early",
            alt=f"Agreement of the ranking until each {trace.unit} with that at the end: lowest "
            f"10% from {trace.early['lowest_10'].iloc[0]:.0%} to {last['lowest_10']:.0%} at the "
            f"last point but one, rank correlation from "
            f"{trace.early['rank_correlation'].iloc[0]:.2f} to {last['rank_correlation']:.2f}",
        )
    said = (
        "Lowest 10% (5%): the share of the samples lowest at the end that are among the lowest as "
        "many by then; drawing at random would give 10% (5%). All lines end at 100% (a rank "
        "correlation of 1): the end is "
        "compared with itself, and values so far hold what came before."
    )
    if method in maths.BACKWARDS:
        said += (
            f" {plain(method)} is computed backwards, when the training is over: this says which "
            "epochs made the ranking, not how soon a training could be stopped."
        )
    st.caption(said)


def influential_phases(phases: pd.DataFrame | None, dataset: DatasetRecord) -> None:
    """Show which epochs left a trace in the result; `phases` None where dvemb was not run."""
    if phases is None:
        empty_state(
            "No phases",
            "Which epochs leave a trace in the result is told by the method dvemb. Run an audit of "
            f"{plain(dataset.name)} with it.",
            "pages/audit.py",
            "Go to Audit",
        )
        return
    halves = "part" in phases and phases["part"].nunique() > 1
    st.markdown(maths.phase_words(phases))
    means = phases.groupby("epoch")["magnitude"].mean()
    show(
        charts.phase_chart(phases, dark=theme.dark()),
        key="dynamics_phases",
        alt=f"By epoch: mean influence per unit of learning rate from {means.iloc[0]:.3g} to "
        f"{means.iloc[-1]:.3g}, and below it the size of u and the training loss",
    )
    st.caption(
        "By dvemb. Top: how much one sample in one epoch moved the trusted loss at the end, per "
        "unit of learning rate, mean over samples without sign. |uₜ|: how strongly the trusted "
        "loss at the end answers to a change of the net at the start of that epoch."
        + (" Two lines: each half of the data, measured against the other." if halves else "")
    )
