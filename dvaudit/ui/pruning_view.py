"""The Pruning page: which pruning is shown, its curves, and the cut on them.

The pruning, the order and the cut are in the address, so that a link opens the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dvaudit import audits, valuators
from dvaudit.core.dataset import Task
from dvaudit.findings.pruning import Series, order_words
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import frames, theme
from dvaudit.ui import pruning_charts as charts
from dvaudit.ui.addressed import chosen_among, in_address, left_over, misread, not_followed
from dvaudit.ui.components.curve import curve
from dvaudit.ui.following import follow
from dvaudit.ui.history import number
from dvaudit.ui.pruning_cut import Cut, consequences
from dvaudit.ui.pruning_maths import best_cut, mean_line
from dvaudit.ui.pruning_setup import method_words, set_up
from dvaudit.ui.samples_view import whole_number
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import ago, count, duration, plain

PRUNING, SERIES, CUT = "pruning", "series", "cut"  # in the address
_CHART = "pruning_chart"
_WHAT_FOR = (
    "A model is trained on less and less of this data, in the order of the values. The curve says "
    "how much can go before the model gets worse, and whether it gets better first. Then you drag "
    "the cut and take exactly that subset away."
)


def pruning(ws: Workspace, dataset: DatasetRecord, audit: RunRecord) -> None:
    """Show the prunings of an audit, or what one would show and the form that starts it."""
    if dataset.task in (None, Task.UNSUPERVISED):
        empty_state(
            "This dataset has no labels",
            "Without labels no model can be scored on it. Import the data again and set a label "
            "column.",
            "pages/data.py",
            "Go to Data",
        )
        return
    runs = audits.prunings_of(ws, audit.id)
    known = [run.id for run in runs]
    if left_over(PRUNING, audit.id) and st.query_params.get(PRUNING, "") not in known:
        in_address({PRUNING: [], SERIES: [], CUT: []})
    not_followed(misread(PRUNING, known, "pruning"))
    if not runs:
        empty_state("Nothing pruned yet", _WHAT_FOR)
        set_up(ws, dataset, audit)
        return
    run = _choose(runs)
    if run.status is RunStatus.DONE:
        if run.id != runs[0].id and runs[0].status is not RunStatus.DONE:
            with st.container(border=True):
                st.markdown(f"**Pruning {number(runs[0])}, newer than the one below**")
                follow(ws, runs[0])
        results(ws, dataset, audit, run)
    else:
        follow(ws, run)
    # Under another key it is closed again once a run was started from it.
    with st.expander(
        "Another pruning", icon=":material/play_arrow:", key=f"pruning_again_{len(runs)}"
    ):
        set_up(ws, dataset, audit)


def _choose(runs: Sequence[RunRecord]) -> RunRecord:
    """Return the pruning that the address names, else the newest finished, else the newest."""
    known = {run.id: run for run in runs}
    chosen = st.query_params.get(PRUNING, "")
    if chosen not in known:
        chosen = next((run.id for run in runs if run.status is RunStatus.DONE), runs[0].id)
    if len(known) > 1:
        st.session_state["choose_pruning"] = chosen
        st.selectbox(
            "Pruning",
            list(known),
            format_func=lambda key: _words(known[key]) if key in known else key,
            key="choose_pruning",
            on_change=_choose_pruning,
            args=(list(known),),
            width=560,
        )
    return known[chosen]


def _choose_pruning(known: Sequence[str]) -> None:
    if chosen := chosen_among("choose_pruning", known):
        _address(**{PRUNING: chosen, CUT: ""})


def _address(**given: str) -> None:
    """Change the address in one step; empty takes a part away."""
    st.query_params.update({key: value for key, value in given.items() if value})
    for key, value in given.items():
        if not value and key in st.query_params:
            del st.query_params[key]


def _words(run: RunRecord) -> str:
    params = run.params
    state = "" if run.status is RunStatus.DONE else f", {run.status}"
    balanced = ", balanced" if params["balanced"] else ""
    return (
        f"{number(run)}: {method_words(params['valuator'])}, {params['proxy']}{balanced}, "
        f"{count(len(params['seeds']), 'seed')}{state}"
    )


def results(ws: Workspace, dataset: DatasetRecord, audit: RunRecord, run: RunRecord) -> None:
    """Show a finished pruning: the curves, the cut, and what the cut does."""
    summary, curves = frames.summary(ws, run), frames.tables(ws, run, "curves")
    st.caption(_facts(run, summary))
    present = [series for series in Series if series.value in set(curves["series"])]
    hard = valuators.measures_hardness(summary["valuator"])
    names = {series: order_words(series, hard=hard)[0] for series in present}
    series = _series(present, names, summary)
    line = mean_line(curves, series)
    index, strange = _cut_of(line)
    not_followed(
        [*misread(SERIES, [each.slug for each in present], "order"), *strange], "this pruning"
    )
    _chart(curves, series, names, line, index, summary, classes=bool(dataset.class_names))
    cut = Cut(run, series, names[series], index)
    consequences(ws, dataset, audit, cut, curves, summary)


def _facts(run: RunRecord, summary: dict[str, Any]) -> str:
    trained = f"trained on {summary['trained']:,} of {summary['pruned']:,} samples"
    if summary["drawn"]:
        trained += " (a subsample, stratified by class: an exact kernel of all does not fit)"
    parts = [
        f"Pruning {number(run)}",
        f"values by {plain(method_words(summary['valuator']))}",
        summary["proxy"] if summary["ridge"] is None
        else f"{summary['proxy']}, ridge {summary['ridge']:.3g}",
        trained,
        count(len(summary["seeds"]), "seed"),
        "same share of every class" if summary["balanced"] else "classes not kept in balance",
        ago(run.finished or run.created),
        f"took {duration(summary['seconds'])}",
    ]  # fmt: skip
    said = plain(str(summary["held_out_words"]))
    return " · ".join(parts) + f".\n\n{said} Models learn the labels as given."


def _series(present: list[Series], names: dict[Series, str], summary: dict[str, Any]) -> Series:
    """Return the order that the address names, else the first, and draw the choice."""
    slugs = {series.slug: series for series in present}
    asked = st.query_params.get(SERIES, "")
    st.session_state["pruning_series"] = asked if asked in slugs else next(iter(slugs))
    st.segmented_control(
        "Order of removal",
        list(slugs),
        format_func=lambda slug: names[slugs[slug]],
        key="pruning_series",
        required=True,
        on_change=lambda: _address(**{SERIES: st.session_state["pruning_series"], CUT: ""}),
    )
    series = slugs[st.session_state["pruning_series"]]
    hard = valuators.measures_hardness(summary["valuator"])
    st.caption(order_words(series, hard=hard)[1])
    return series


def _cut_of(line: pd.DataFrame) -> tuple[int, list[str]]:
    """Return the cut that the address names, else where the line is highest; and in words what
    names none."""
    asked = st.query_params.get(CUT, "")
    if 0 <= whole_number(asked) < len(line):
        return whole_number(asked), []
    strange = [f"cut {asked[:40]!r}, which goes from 0 to {len(line) - 1:,}"] if asked else []
    return best_cut(line), strange


def _chart(
    curves: pd.DataFrame,
    series: Series,
    names: dict[Series, str],
    line: pd.DataFrame,
    index: int,
    summary: dict[str, Any],
    *,
    classes: bool,
) -> None:
    """Draw the curves with the cut; where it is let go is in the address."""
    total, dark = int(summary["pruned"]), theme.dark()
    chance = mean_line(curves, Series.RANDOM)
    if series is Series.WINDOW:
        gone = int(line["removed"].iloc[0])
        said = f"without a window of {gone:,} samples", "all samples", f"{gone:,} removed at random"
        shown = charts.windows(line, chance, said, total, classes=classes, dark=dark)
    else:
        kinds = [each for each in names if each != Series.WINDOW]
        lines: dict[Series, pd.DataFrame] = {each: mean_line(curves, each) for each in kinds}
        shown = charts.curves(lines, names, series, total, classes=classes, dark=dark)

    def choose(found: Any) -> None:
        if isinstance(found, int) and 0 <= found < len(line):
            _address(**{CUT: str(found)})

    curve(shown, index, key=f"{_CHART}_{series.slug}", on_cut=choose)
    many = len(summary["seeds"])
    said_of = "The scale fits the chosen order. Drag the cut, or move it with the arrow keys."
    if many > 1:
        said_of = (
            f"Lines are means over {many} seeds, bands and brackets reach from the lowest to the "
            f"highest. {said_of}"
        )
    st.caption(said_of)
