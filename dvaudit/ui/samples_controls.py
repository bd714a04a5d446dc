"""The controls of the shared filter: each shows what the address says and changes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from dvaudit.core.dataset import Task
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import filters
from dvaudit.ui.addressed import not_followed
from dvaudit.ui.filter_address import LONGEST_TEXT
from dvaudit.ui.ranking import (
    JUDGED,
    OUTLIER_SCORE,
    SUSPICION,
    Columns,
    Filter,
    Judged,
    Show,
    sort_columns,
)
from dvaudit.ui.sample_facts import number_text
from dvaudit.ui.words import count, plain

SHOWN = {
    Show.ALL: "All samples",
    Show.FLAGGED: "Flagged",
    Show.ATYPICAL: "Atypical",
    Show.CONFLICTS: "Duplicates with other labels",
    Show.DUPLICATES: "Duplicates",
    Show.OUTLIERS: "Outliers",
    Show.REVIEWED: "Reviewed",
}
_NOT_JUDGING = (Show.ALL, Show.DUPLICATES, Show.OUTLIERS)
_JUDGED = {
    Judged.NONE: "Not reviewed",
    Judged.KEPT: "Kept",
    Judged.RELABELLED: "Relabelled",
    Judged.DROPPED: "Dropped",
    Judged.UNSURE: "Unsure",
}
MOST_CHIPS = 4
ROW_HEIGHT = 35  # pixels: of a row of buttons
_ENDS = {
    True: {"most": "Most suspicious", "least": "Least"},
    False: {"most": "Least useful", "least": "Most"},
}
_DISTANCE_ENDS = {"most": "Farthest", "least": "Nearest"}


def draw(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, columns: Columns, wanted: Filter
) -> None:
    """Draw the choices of kind, labels, verdicts, contributors, splits and text."""

    def put(part: str, read: Callable[[Any], Any]) -> dict[str, Any]:
        """Return the key and the callback of the widget of one part of the filter."""
        key = f"filter_{part}"

        def follow() -> None:
            filters.amend(ws, dataset, run, **{part: read(st.session_state[key])})

        return {"key": key, "on_change": follow}

    def several(
        label: str,
        part: str,
        options: Sequence[str],
        empty: str,
        kind: type[str] = str,
        **more: Any,
    ) -> None:
        st.session_state[f"filter_{part}"] = [str(item) for item in getattr(wanted, part)]
        follow = put(part, lambda chosen: tuple(kind(item) for item in chosen))
        st.multiselect(label, options, placeholder=empty, **follow, **more)

    labelled = dataset.task is not Task.UNSUPERVISED
    st.session_state["filter_find"] = wanted.find
    st.text_input(
        "Find",
        placeholder="Part of an id or a cell",
        type="search",
        max_chars=LONGEST_TEXT,
        help="In ids and text cells, in any case. A number finds the cells equal to it.",
        **put("find", lambda text: str(text or "").strip()),
    )
    st.session_state["filter_show"] = wanted.show.value
    st.selectbox(
        "Show",
        [item.value for item in SHOWN if labelled or item in _NOT_JUDGING],
        format_func=lambda item: SHOWN[Show(item)],
        **put("show", lambda item: Show(item or Show.ALL)),
    )
    if columns.classes.names:
        several("Given label", "classes", dataset.class_names, "All classes")
    if labelled:
        several(
            "Verdict",
            "verdicts",
            [item.value for item in JUDGED],
            "Any or none",
            Judged,
            format_func=lambda item: _JUDGED[Judged(item)],
        )
    if columns.groups.names:
        several("Contributor", "groups", sorted(columns.groups.names), "All contributors")
    if columns.splits is not None:
        several("Split", "splits", sorted(columns.splits.names), "All splits")
    _order(columns, wanted, put, suspicious=labelled and columns.ranked)


def _order(
    columns: Columns,
    wanted: Filter,
    put: Callable[..., dict[str, Any]],
    *,
    suspicious: bool,
) -> None:
    st.session_state["filter_column"] = wanted.column
    st.selectbox(
        "Sort by",
        sort_columns(columns.frame, labelled=columns.labelled),
        format_func=lambda name: column_words(name) if suspicious else _unranked(name),
        **put("column", lambda name: name or SUSPICION),
    )
    by_distance = not suspicious and wanted.column == OUTLIER_SCORE
    ends = _DISTANCE_ENDS if by_distance else _ENDS[suspicious]
    st.session_state["filter_least"] = "least" if wanted.least else "most"
    st.segmented_control(
        "Order",
        ["most", "least"],
        format_func=ends.__getitem__,
        required=True,
        label_visibility="collapsed",
        width="stretch",
        **put("least", lambda end: end == "least"),
    )


def _unranked(column: str) -> str:
    return "Usefulness" if column == SUSPICION else column_words(column)


def column_words(column: str) -> str:
    """Return a column of the findings as people say it."""
    if column.endswith(".value"):
        return f"Value by {column.removesuffix('.value')}"
    return {SUSPICION: "Suspicion", OUTLIER_SCORE: "Distance to others"}.get(
        column, column.replace("_", " ").capitalize()
    )


def active(wanted: Filter) -> list[tuple[str, Filter]]:
    """Return what a filter leaves out in words, each part with the filter without it."""
    found: list[tuple[str, Filter]] = []
    if wanted.show is not Show.ALL:
        found.append((SHOWN[wanted.show], replace(wanted, show=Show.ALL)))
    for part, single, many in (
        ("classes", "label", "labels"),
        ("verdicts", "verdict", "verdicts"),
        ("groups", "contributor", "contributors"),
        ("splits", "split", "splits"),
    ):
        chosen = getattr(wanted, part)
        none: dict[str, Any] = {part: ()}
        if len(chosen) > MOST_CHIPS:
            found.append((count(len(chosen), single, many), replace(wanted, **none)))
            continue
        for name in chosen:
            left: dict[str, Any] = {part: tuple(one for one in chosen if one != name)}
            words = _JUDGED[name].lower() if part == "verdicts" else plain(str(name))
            found.append((f"{single.capitalize()}: {words}", replace(wanted, **left)))
    if wanted.find:
        found.append((f"Find: {plain(wanted.find)}", replace(wanted, find="")))
    if wanted.within is not None:
        column, low, high = wanted.within
        words = f"{column_words(column)}: {number_text(low)} to {number_text(high)}"
        found.append((plain(words), replace(wanted, within=None)))
    if wanted.pair is not None:
        given, suggested = map(plain, wanted.pair)
        found.append((f"{given}, suggested {suggested}", replace(wanted, pair=None)))
    if wanted.lasso is not None:
        found.append(("Region of the map", replace(wanted, lasso=None)))
    return found


def filter_line(
    wanted: Filter, ignored: Sequence[str], none: str = "No filter: all samples."
) -> None:
    """Draw each active filter with a button that takes it away, and what the address asked in
    vain.

    Args:
        none: said where no filter is active, in a line as high as one row of filters, so that
            nothing below moves when the first one comes.
    """
    parts = active(wanted)
    if parts:
        with st.container(horizontal=True, gap="xsmall", key="active_filters"):
            for at, (words, without) in enumerate(parts):
                st.button(
                    words,
                    key=f"without_{at}",
                    icon=":material/close:",
                    icon_position="right",
                    help="Take this filter away",
                    on_click=filters.change,
                    args=(without,),
                )
            st.button(
                "Clear filters",
                key="clear_filters",
                type="tertiary",
                on_click=filters.clear,
                args=(wanted,),
            )
    else:
        with st.container(height=ROW_HEIGHT, border=False, vertical_alignment="center"):
            st.caption(none)
    not_followed(ignored)


def filter_words(wanted: Filter) -> str:
    """Return the active filters in words, for pages that follow them without changing them."""
    return ", ".join(words for words, _ in active(wanted))
