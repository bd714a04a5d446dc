"""Charts that filter: a histogram of values, bars of classes, pairs of labels.

Each shows the filter of the address and is made anew when that changes, under another key: a
selection left in the browser could say something else than the address.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import charts, filters, theme
from dvaudit.ui.addressed import mirrored
from dvaudit.ui.filter_address import rounded_range
from dvaudit.ui.filter_columns import columns_of
from dvaudit.ui.ranking import SUSPICION, Columns, Filter, numbers, value_columns
from dvaudit.ui.sample_facts import number_text
from dvaudit.ui.samples_controls import column_words
from dvaudit.ui.words import count, plain

VALUES, CLASSES, PAIRS = "values", "classes", "pairs"
CHART = "chart"
MOST_PAIRS = 200
_ROOM = 9  # pairs that need no scrolling
_PALE = 0.35
_TITLES = {VALUES: "Values", CLASSES: "Classes", PAIRS: "Pairs"}


def draw(ws: Workspace, dataset: DatasetRecord, run: RunRecord, wanted: Filter) -> None:
    """Draw the chart that the address names."""
    columns = columns_of(ws, dataset, run)
    options = [VALUES]
    if dataset.task is Task.CLASSIFICATION and columns.classes.names:
        options += [CLASSES, PAIRS]
    follow = mirrored(CHART, options)
    chosen: str | None = VALUES
    if len(options) > 1:
        chosen = st.segmented_control(
            "Chart",
            options,
            format_func=lambda item: _TITLES[item],
            key=CHART,
            on_change=follow,
            required=True,
            label_visibility="collapsed",
            width="stretch",
        )
    show = {CLASSES: _classes, PAIRS: _pairs}.get(str(chosen), _values)
    with st.container(key="filter_chart", gap="xsmall"):
        show(ws, dataset, run, columns, wanted)


def _values(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, columns: Columns, wanted: Filter
) -> None:
    column = wanted.within[0] if wanted.within is not None else charted(columns, wanted.column)
    if column is None:
        st.caption("This audit has no values to chart.")
        return
    drawn = _histogram(ws, dataset, run, column)
    key = f"values_{run.id}_{column}_{wanted.within}"

    def choose() -> None:
        found = charts.selected_range(st.session_state[key])
        if found is not None:
            within = (column, *rounded_range(*found))
            filters.amend(ws, dataset, run, within=within)

    figure = drawn.figure
    if wanted.within is not None:
        figure = go.Figure(figure)
        low, high = (min(max(end, drawn.low), drawn.high) for end in wanted.within[1:])
        figure.add_vrect(low, high, line_width=1, fillcolor=theme.accent(), opacity=0.18)
    charts.show(figure, key=key, alt=drawn.alt, on_select=choose)
    if wanted.within is None:
        st.caption("Drag over the bars to see those samples only.")
    else:
        words = " to ".join(number_text(end) for end in wanted.within[1:])
        st.caption(f"{words}. Drag to choose another range.")


def charted(columns: Columns, column: str) -> str | None:
    """Return the column whose distribution to show for an order, None where all is missing.

    Ranks are evenly spread: what they come from is shown instead.
    """
    known = [column] if column != SUSPICION else ["margin", *value_columns(columns.frame)]
    found = (name for name in known if np.isfinite(numbers(columns.frame, name)).any())
    return next(found, None)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """A histogram, what it shows in words, and where its first and last bars end."""

    figure: go.Figure
    alt: str
    low: float
    high: float


def _histogram(ws: Workspace, dataset: DatasetRecord, run: RunRecord, column: str) -> _Drawn:
    cut, stamp = ws.cut_off(run.id), f"{run.attempt}/{run.finished}"
    return _binned(str(ws.root), run.id, stamp, column, repr(cut), ws, dataset, run)


@st.cache_resource(max_entries=64, show_spinner=False)
def _binned(
    root: str,
    run_id: str,
    stamp: str,
    column: str,
    cut: str,
    _ws: Workspace,
    _dataset: DatasetRecord,
    _run: RunRecord,
) -> _Drawn:
    frame = columns_of(_ws, _dataset, _run).frame
    flagged, values = flags(frame, _ws.cut_off(run_id)), numbers(frame, column)
    title = column_words(column)
    edges = charts.bin_edges(values[np.isfinite(values)], 60)
    return _Drawn(
        charts.histogram(values, flagged, title=title),
        charts.histogram_alt(values, flagged, title),
        float(edges[0]),
        float(edges[-1]),
    )


def _classes(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, columns: Columns, wanted: Filter
) -> None:
    sizes, marked = class_counts(columns, dataset.class_names, flags_of(ws, run, columns))
    figure = charts.class_bars(sizes, marked)
    shown = charts.shown_classes(sizes, marked)
    if wanted.classes:
        figure.update_traces(
            marker_opacity=[1 if name in wanted.classes else _PALE for name in shown]
        )
    figure.update_layout(dragmode="select", selectdirection="v")
    key = f"classes_{run.id}_{'/'.join(wanted.classes)}"

    def choose() -> None:
        found = charts.selected_classes(st.session_state[key])
        if found:
            kept = toggled(wanted.classes, found)
            filters.amend(ws, dataset, run, classes=kept)

    alt = f"Samples of {count(len(shown), 'class', 'classes')}, flagged ones marked"
    charts.show(figure, key=key, alt=alt, on_select=choose)
    hidden = len(sizes) - len(shown)
    more = f" {count(hidden, 'more class', 'more classes')} in the list above." if hidden else ""
    # Streamlit lets no click choose where a drag does.
    st.caption(f"Drag over bars to choose classes, over a chosen one to leave it out.{more}")


def toggled(before: tuple[str, ...], clicked: list[str]) -> tuple[str, ...]:
    """Return the classes after a drag over bars: a chosen one is taken away, others are added."""
    if len(clicked) == 1 and clicked[0] in before:
        return tuple(name for name in before if name != clicked[0])
    return tuple(dict.fromkeys((*before, *clicked)))


def flags_of(ws: Workspace, run: RunRecord, columns: Columns) -> NDArray[np.bool_]:
    """Return (n,) which samples lie above the cut-off of an audit."""
    return flags(columns.frame, ws.cut_off(run.id))


def class_counts(
    columns: Columns, names: tuple[str, ...], flagged: NDArray[np.bool_]
) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many samples each class has, and how many of them are flagged."""
    given = columns.classes
    known = given.codes >= 0
    sizes = np.bincount(given.codes[known], minlength=len(given.names))
    marked = np.bincount(given.codes[known & flagged], minlength=len(given.names))
    at = {name: place for place, name in enumerate(given.names)}
    there = [name for name in names if name in at]
    return (
        {name: int(sizes[at[name]]) for name in there},
        {name: int(marked[at[name]]) for name in there},
    )


def pair_table(columns: Columns, flagged: NDArray[np.bool_]) -> pd.DataFrame:
    """Return given, suggested, samples and flagged for each pair of labels that differ, the most
    flagged first.
    """
    given, suggested = columns.classes, columns.suggested
    at = {name: place for place, name in enumerate(given.names)}
    joint = np.array([at.get(name, -1 - place) for place, name in enumerate(suggested.names)])
    # The last entry answers for no suggestion.
    other = np.append(joint, -(10**9))[suggested.codes]
    differ = (given.codes >= 0) & (suggested.codes >= 0) & (other != given.codes)
    width = max(len(suggested.names), 1)
    keys = given.codes[differ].astype(np.int64) * width + suggested.codes[differ]
    found, place, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    marked = np.bincount(place, weights=flagged[differ], minlength=len(found))
    table = pd.DataFrame(
        {
            "given": [given.names[key // width] for key in found],
            "suggested": [suggested.names[key % width] for key in found],
            "samples": sizes,
            "flagged": marked.astype(np.int64),
        }
    )
    ordered = table.sort_values(["flagged", "samples"], ascending=False, kind="stable")
    return ordered.reset_index(drop=True)


def _pairs(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, columns: Columns, wanted: Filter
) -> None:
    table = pair_table(columns, flags_of(ws, run, columns))
    if table.empty:
        st.caption("No sample has a suggestion for another class.")
        return
    shown = table.head(MOST_PAIRS)
    pairs = pair_texts(shown)
    st.session_state[PAIRS] = next(
        (text for text, pair in pairs.items() if pair == wanted.pair), None
    )

    def choose() -> None:
        pair = pairs.get(st.session_state[PAIRS])
        if pair is not None:
            filters.amend(ws, dataset, run, pair=pair)

    with st.container(height=320 if len(pairs) > _ROOM else "content", border=False):
        st.radio(
            "Given and suggested label, flagged samples",
            list(pairs),
            index=None,
            key=PAIRS,
            on_change=choose,
            width="stretch",
        )
    rest = len(table) - len(shown)
    more = f" {len(pairs):,} pairs: scroll the list for all." if len(pairs) > _ROOM else ""
    more += f" {count(rest, 'rarer pair')} not listed." if rest else ""
    st.caption(f"Choose a pair to see those samples only.{more}")


def pair_texts(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the pairs of `pair_table` by what to call each, in Markdown.

    The browser sends a choice back as its text: pairs that read alike get their place.
    """
    found: dict[str, tuple[str, str]] = {}
    columns = (table["given"], table["suggested"], table["flagged"])
    for at, (given, suggested, flagged) in enumerate(zip(*columns, strict=True)):
        text = f"{plain(str(given))} → {plain(str(suggested))}, **{flagged:,}**"
        found[f"{text} ({at + 1})" if text in found else text] = (str(given), str(suggested))
    return found
