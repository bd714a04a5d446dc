"""Ranked samples: what to show, in which order, as pictures or as rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit.core.dataset import Kind
from dvaudit.core.decisions import Decision
from dvaudit.findings import CutBy, Finding, atypical, flags, kinds, looked_for_atypical
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import charts, frames
from dvaudit.ui.components.gallery import Card, gallery
from dvaudit.ui.cutoff_view import choose_cut_off
from dvaudit.ui.ranking import SUSPICION, Filter, Show, numbers, value_columns
from dvaudit.ui.sample_facts import number_text, suggested_label, text_or_none, verdict_text
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count

PICTURES, ROWS = 60, 100
SHOWN_FEATURES = 16
PAGE, SAMPLE = "page", "sample"
_HISTOGRAM = "value_range"
_SHOWN = {
    Show.ALL: "All samples",
    Show.FLAGGED: "Flagged",
    Show.ATYPICAL: "Atypical",
    Show.CONFLICTS: "Duplicates with other labels",
    Show.DUPLICATES: "Duplicates",
    Show.OUTLIERS: "Outliers",
    Show.REVIEWED: "Reviewed",
}
FINDING_WORDS = {Finding.MISLABELLED: "Looks mislabelled", Finding.ATYPICAL: "Atypical"}
# Where a high number is the suspicious end.
_HIGH_IS_SUSPICIOUS = ("margin", "outlier_score")


def key_figures(ws: Workspace, run: RunRecord) -> None:
    """Show the audit in a few numbers, the flagged and the atypical ones by the cut-off."""
    summary, cut, frame = frames.summary(ws, run), ws.cut_off(run.id), frames.findings(ws, run)
    samples = int(summary["samples"])
    above, told_apart = flags(frame, cut), looked_for_atypical(frame)
    flagged = int(above.sum())
    rate, copies = summary["error_rate"], frames.tables(ws, run, "duplicates")
    groups = int(copies["group"][copies["conflict"].astype(bool)].nunique())
    share = f"{flagged / max(samples, 1):.1%} of all"
    with st.grid(3 if told_apart else 5, gap="small"):
        _figure("Samples", f"{samples:,}", f"{summary['labelled']:,} labelled")
        _figure(
            "Flagged",
            f"{flagged:,}",
            f"to check, {share}" if cut.by is CutBy.METHODS else f"{share}, cut-off moved",
            help=f"Flagged: {cut.words()}. The cut-off below moves the line.",
        )
        if told_apart:
            _figure(
                "Atypical",
                f"{int(atypical(frame, above).sum()):,}",
                "not flagged, worth keeping",
                help="Hard to fit for their class by CG-score, though nothing speaks against their "
                "label, and not flagged.",
            )
        _figure(
            "Wrong labels, estimated",
            "unknown" if rate["rate"] is None else f"{rate['rate']:.1%}",
            "no estimate"
            if rate["low"] is None
            else f"{rate['low']:.1%} to {rate['high']:.1%} (95%)",
            help=rate["how"],
        )
        _figure(
            "Duplicates with other labels",
            f"{summary['duplicate_conflicts']:,}",
            f"samples, in {groups:,} of {count(summary['duplicate_groups'], 'group')}",
        )
        _figure("Outliers", f"{summary['outliers']:,}", "far from everything else")


def _figure(label: str, value: str, note: str, help: str | None = None) -> None:
    st.metric(
        label,
        value,
        note,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help=help,
    )


def filters(
    ws: Workspace, run: RunRecord, dataset: DatasetRecord, frame: pd.DataFrame
) -> tuple[Filter, NDArray[np.bool_]]:
    """Draw the filters; return what is chosen, and which samples lie above the cut-off."""
    show = st.selectbox(
        "Show",
        [item.value for item in Show],
        format_func=lambda item: _SHOWN[Show(item)],
        key="show",
        bind="query-params",
        on_change=first_page,
    )
    classes = st.multiselect(
        "Given label",
        list(dataset.class_names),
        key="class",
        bind="query-params",
        on_change=first_page,
        placeholder="All classes",
        disabled=not dataset.class_names,
    )
    find = st.text_input(
        "Find",
        key="find",
        bind="query-params",
        on_change=first_page,
        placeholder="Part of an id",
        type="search",
    )
    column, least = _sorting(frame)
    cut = choose_cut_off(ws, run, frame)
    flagged = flags(frame, cut)
    within = _value_range(frame, column, flagged)
    high = column in _HIGH_IS_SUSPICIOUS
    return (
        Filter(
            show=Show(show or Show.ALL),
            classes=tuple(classes or ()),
            find=(find or "").strip(),
            column=column,
            descending=high != least,
            within=within,
        ),
        flagged,
    )


def _sorting(frame: pd.DataFrame) -> tuple[str, bool]:
    """Return the column to sort by, and whether the least suspicious end comes first."""
    columns = [SUSPICION, *value_columns(frame)]
    columns += [name for name in _HIGH_IS_SUSPICIOUS if np.isfinite(numbers(frame, name)).any()]
    column = st.selectbox(
        "Sort by",
        columns,
        format_func=column_words,
        key="sort",
        bind="query-params",
        on_change=first_page,
    )
    end = st.segmented_control(
        "Order",
        ["most", "least"],
        format_func=lambda item: "Most suspicious" if item == "most" else "Least",
        default="most",
        required=True,
        key="order",
        bind="query-params",
        on_change=first_page,
        label_visibility="collapsed",
        width="stretch",
    )
    return column or SUSPICION, end == "least"


def column_words(column: str) -> str:
    """Return a column of the findings as people say it."""
    if column.endswith(".value"):
        return f"Value by {column.removesuffix('.value')}"
    return {SUSPICION: "Suspicion", "outlier_score": "Distance to others"}.get(
        column, column.replace("_", " ").capitalize()
    )


def _value_range(
    frame: pd.DataFrame, column: str, flagged: NDArray[np.bool_]
) -> tuple[str, float, float] | None:
    """Draw the distribution of a column, and return the range selected in it."""
    if column == SUSPICION:  # ranks are evenly spread: show what they come from
        column = "margin" if np.isfinite(numbers(frame, "margin")).any() else column
        column = next(iter(value_columns(frame)), column)
    values = numbers(frame, column)
    if not np.isfinite(values).any():
        return None
    title = column_words(column)
    event = charts.show(
        charts.histogram(values, flagged, title=title),
        key=f"{_HISTOGRAM}_{column}",
        alt=charts.histogram_alt(values, flagged, title),
        on_select=first_page,
    )
    chosen = charts.selected_range(event)
    if chosen is None:
        st.caption("Drag over the bars to see those samples only.")
        return None
    last = float(np.nanmax(values))
    st.caption(
        f"{number_text(chosen[0])} to {number_text(min(chosen[1], last))}. Double-click to clear."
    )
    return column, *chosen


def first_page() -> None:
    """Go back to the first page: the filter has changed."""
    st.session_state[PAGE] = 1


def page_of(positions: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the page control; return this page's positions and the next page's."""
    pages = max(1, -(-len(positions) // size))
    if st.session_state.get(PAGE, 1) > pages:
        st.session_state[PAGE] = pages
    left, right = st.columns([3, 1], vertical_alignment="center")
    listed = f"**{count(len(positions), 'sample')}**"
    if pages == 1:
        left.markdown(listed)
        page = 1
    else:
        right.markdown(listed, text_alignment="right")
        with left:
            page = st.pagination(pages, key=PAGE, bind="query-params")
    first = (page - 1) * size
    return positions[first : first + size], positions[first + size : first + 2 * size]


def results(
    ws: Workspace,
    dataset: DatasetRecord,
    frame: pd.DataFrame,
    positions: NDArray[np.int64],
    flagged: NDArray[np.bool_],
    column: str,
    decisions: dict[str, Decision],
) -> None:
    """Draw one page of samples; choosing one puts it into the page's address."""
    if not len(positions):
        _nothing_fits(frame)
        return
    if dataset.kind is Kind.IMAGE:
        page, following = page_of(positions, PICTURES)
        cards = [_card(frame, int(at), flagged, column, decisions) for at in page]
        opened = gallery(dataset.id, cards, key="gallery", next_page=following.tolist())
        if opened is not None:
            open_sample(opened)
        return
    page, _ = page_of(positions, ROWS)
    table = _rows(frames.features(ws, dataset), frame, page, flagged, column, decisions)
    sample_table(table, page, key="rows")


def _nothing_fits(frame: pd.DataFrame) -> None:
    said = "Take a filter away, or clear the selection in the chart with a double click."
    if st.session_state.get("show") == Show.ATYPICAL and not looked_for_atypical(frame):
        said = "This audit did not look for atypical samples: run one with CG-score, on classes."
    empty_state("No sample fits these filters", said)


def _card(
    frame: pd.DataFrame,
    at: int,
    flagged: NDArray[np.bool_],
    column: str,
    decisions: dict[str, Decision],
) -> Card:
    name = str(frame["id"].iat[at])
    decision = decisions.get(name)
    value = number_text(frame[column].iat[at])
    return Card(
        position=at,
        label=text_or_none(frame["given_label"].iat[at]) or "no label",
        value=f"#{value}" if column == SUSPICION else value,
        flagged=bool(flagged[at]),
        suggestion=suggested_label(frame, at) if flagged[at] else None,
        verdict=None if decision is None else decision.verdict.value,
        name=name,
    )


def _rows(
    features: pd.DataFrame,
    frame: pd.DataFrame,
    page: NDArray[np.int64],
    flagged: NDArray[np.bool_],
    column: str,
    decisions: dict[str, Decision],
) -> pd.DataFrame:
    found = frame.iloc[page]
    columns: dict[str, Any] = {
        "Rank": found["suspicion_rank"],
        "Id": found["id"].astype(str),
        "Given": found["given_label"],
        "Suggested": [suggested_label(frame, int(at)) for at in page],
        "Finding": [FINDING_WORDS.get(kind) for kind in kinds(found, flagged[page])],
        "Verdict": [verdict_text(decisions.get(str(name))) for name in found["id"]],
    }
    if column != SUSPICION:
        columns[column_words(column)] = found[column]
    taken = pd.DataFrame(columns).reset_index(drop=True)
    own = features.iloc[page, :SHOWN_FEATURES].reset_index(drop=True)
    return pd.concat([taken, own.rename(columns=lambda name: _free(str(name), taken))], axis=1)


def _free(name: str, taken: pd.DataFrame) -> str:
    """Return the name of a dataset's own column, distinct from the columns before it."""
    return f"{name} (column)" if name in taken.columns else name


def sample_table(table: pd.DataFrame, positions: NDArray[np.int64], *, key: str) -> None:
    """Draw one page of rows; choosing a row opens the sample at the same index of `positions`."""
    chosen = [int(at) for at in positions]

    def choose() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows and 0 <= rows[0] < len(chosen):
            open_sample(chosen[rows[0]])

    st.dataframe(
        table,
        key=key,
        hide_index=True,
        on_select=choose,
        selection_mode="single-row",
        height="content" if len(table) <= 16 else 640,
        column_config={
            "Rank": st.column_config.NumberColumn(format="localized", width=60, pinned=True),
            "Id": st.column_config.TextColumn(pinned=True),
            "Finding": st.column_config.TextColumn(width=130),
        },
        alt="Samples, one per row; choosing a row opens it",
    )


def open_sample(position: int) -> None:
    """Put a sample into the page's address; the page shows what its address names."""
    st.query_params[SAMPLE] = str(position)
