"""Charts that filter: a histogram of values, bars of classes, pairs of labels.

Each shows the filter of the address. Bars have a component of their own: Plotly's script would
keep the browser busy while the pictures of a first visit wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import charts, filters
from dvaudit.ui.addressed import mirrored
from dvaudit.ui.components.bars import ClassData, HistogramData, class_bars, histogram
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
    drawn = None if column is None else _histogram(ws, dataset, run, column)
    if column is None or drawn is None:
        st.caption("This audit has no values to chart.")
        return

    def choose(sent: Any) -> None:
        found = chosen_range(sent)
        if found is not None:
            filters.amend(ws, dataset, run, within=(column, *rounded_range(*found)))

    shown = replace(drawn, chosen=wanted.within[1:] if wanted.within is not None else None)
    histogram(shown, key=f"values_{run.id}_{column}", on_choose=choose)
    if wanted.within is None:
        st.caption("Drag over the bars, or click one, to see those samples only.")
    else:
        words = " to ".join(number_text(end) for end in wanted.within[1:])
        st.caption(f"{words}. Drag to choose another range.")


def chosen_range(sent: Any) -> tuple[float, float] | None:
    """Return the [low, high) that the browser sent, None where it is no range."""
    if not isinstance(sent, list) or len(sent) != 2:
        return None
    if not all(isinstance(end, int | float) and np.isfinite(end) for end in sent):
        return None
    low, high = map(float, sent)
    return (low, high) if low < high else None


def charted(columns: Columns, column: str) -> str | None:
    """Return the column whose distribution to show for an order, None where all is missing.

    Ranks are evenly spread: what they come from is shown instead.
    """
    known = [column] if column != SUSPICION else ["margin", *value_columns(columns.frame)]
    found = (name for name in known if np.isfinite(numbers(columns.frame, name)).any())
    return next(found, None)


def _histogram(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, column: str
) -> HistogramData | None:
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
) -> HistogramData | None:
    frame = columns_of(_ws, _dataset, _run).frame
    flagged, values = flags(frame, _ws.cut_off(run_id)), numbers(frame, column)
    bins = charts.binned(values, flagged)
    if bins is None:
        return None
    title = column_words(column)
    alt = charts.histogram_alt(values, flagged, title)
    return HistogramData(bins.edges, bins.ends, bins.rest, bins.flagged, title, None, alt)


def _classes(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, columns: Columns, wanted: Filter
) -> None:
    sizes, marked = class_counts(columns, dataset.class_names, flags_of(ws, run, columns))
    shown = charts.shown_classes(sizes, marked)

    def choose(sent: Any) -> None:
        found = chosen_classes(sent, {*dataset.class_names, *wanted.classes})
        if found is not None:
            filters.amend(ws, dataset, run, classes=found)

    bars = ClassData(
        names=shown,
        rest=[sizes[name] - marked[name] for name in shown],
        flagged=[marked[name] for name in shown],
        chosen=wanted.classes,
        name=f"Samples of {count(len(shown), 'class', 'classes')}, flagged ones marked",
    )
    class_bars(bars, key=f"classes_{run.id}", on_choose=choose)
    hidden = len(sizes) - len(shown)
    more = f" {count(hidden, 'more class', 'more classes')} in the list below." if hidden else ""
    st.caption(f"Click a class to choose it or leave it out, drag to add several.{more}")


def chosen_classes(sent: Any, names: Collection[str]) -> tuple[str, ...] | None:
    """Return the classes that the browser sent, None where one is not among `names`."""
    if not isinstance(sent, list) or not all(
        isinstance(name, str) and name in names for name in sent
    ):
        return None
    return tuple(dict.fromkeys(sent))


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
