"""Ranked samples as pictures or as rows, and the figures above them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits
from dvaudit.core.dataset import Kind, Task
from dvaudit.findings import CutBy, Finding, atypical, flags, kinds, looked_for_atypical
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.addressed import in_address, mirrored
from dvaudit.ui.bulk import bulk_verdicts
from dvaudit.ui.components.focus import focus_back
from dvaudit.ui.components.gallery import gallery
from dvaudit.ui.earned_words import rate_note
from dvaudit.ui.filters import PAGE, Selected, linked
from dvaudit.ui.filters import SAMPLE as SAMPLE
from dvaudit.ui.queue_choice import QUEUE
from dvaudit.ui.ranking import SUSPICION, Filter, Show
from dvaudit.ui.review_queue import Kind as Queues
from dvaudit.ui.row_choice import how_to_choose
from dvaudit.ui.sample_facts import (
    given_label,
    number_text,
    short_label,
    suggested_label,
    verdict_text,
)
from dvaudit.ui.sample_lists import beside_own_columns, sample_card
from dvaudit.ui.samples_controls import column_words
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count

SIZES = ("60", "120", "200")
SHOWN_FEATURES = 16
VIEW, VIEWS = "view", ("samples", "duplicates", "classes", "training", "verdicts")
WITH_MAP, AS, SIZE = "with", "as", "size"
_CLOSED, _OPENED_FROM = "sample_closed", "sample_opened_from"
_OFF, _ON, _PICTURES, _ROWS = "list", "map", "pictures", "rows"
FINDING_WORDS = {Finding.MISLABELLED: "Looks mislabelled", Finding.ATYPICAL: "Atypical"}


def key_figures(ws: Workspace, run: RunRecord) -> None:
    """Show the audit in a few numbers, the flagged and the atypical ones by the cut-off."""
    summary, cut, frame = frames.summary(ws, run), ws.cut_off(run.id), frames.findings(ws, run)
    samples = int(summary["samples"])
    above, told_apart = flags(frame, cut), looked_for_atypical(frame)
    flagged = int(above.sum())
    rate = audits.error_rate(ws, run, frame=frame, summary=summary)
    copies = frames.tables(ws, run, "duplicates")
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
            "unknown" if rate.rate is None else f"{rate.rate:.1%}",
            rate_note(rate),
            help=rate.how,
        )
        _figure(
            "Duplicates with other labels",
            f"{summary['duplicate_conflicts']:,}",
            f"samples, in {groups:,} of {count(summary['duplicate_groups'], 'group')}"
            if groups
            else f"none, in {count(summary['duplicate_groups'], 'group')} of duplicates"
            if summary["duplicate_groups"]
            else "no duplicates found",
        )
        _figure("Outliers", f"{summary['outliers']:,}", "far from everything else")


def plain_figures(ws: Workspace, run: RunRecord) -> None:
    """Show an audit of unlabelled data in a few numbers."""
    summary = frames.summary(ws, run)
    copies = count(summary["duplicate_groups"], "group")
    with st.grid(3, gap="small"):
        _figure("Samples", f"{summary['samples']:,}", "without labels")
        _figure("Duplicates", copies, "of samples that are the same, or nearly")
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


def views(labelled: bool) -> Sequence[Any]:
    """Draw the tabs of the page; the address says which one is open."""
    names = VIEWS if labelled else VIEWS[:2]
    titles = [name.capitalize() for name in names]
    asked = st.query_params.get(VIEW, names[0]).casefold()
    st.session_state[VIEW] = asked.capitalize() if asked in names else titles[0]

    def turn() -> None:
        chosen = str(st.session_state[VIEW]).casefold()
        in_address({VIEW: [] if chosen == names[0] else [chosen]})

    return st.tabs(titles, key=VIEW, on_change=turn)


def toolbar(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    shown: Selected,
) -> tuple[bool, bool, int]:
    """Draw what to do with the selection, and how it is shown.

    Returns:
        Whether the map is shown, whether samples are pictures and not rows, and the page's size.
    """
    pictures, positions = dataset.kind is Kind.IMAGE, shown.positions
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="actions"):
        st.markdown(f"**{count(len(positions), 'sample')}**", width="stretch")
        if dataset.task is not Task.UNSUPERVISED:
            bulk_verdicts(ws, dataset, run, frames.findings(ws, run), positions)
            st.page_link(
                "pages/review.py",
                label="Review these",
                icon=":material/rate_review:",
                query_params={**linked(shown.wanted), QUEUE: Queues.SELECTION.value},
                disabled=not len(positions),
            )
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="shape"):
        with_map = (
            st.segmented_control(
                "Map",
                [_OFF, _ON],
                format_func=lambda item: "List" if item == _OFF else "Map and list",
                key=WITH_MAP,
                on_change=mirrored(WITH_MAP, [_OFF, _ON]),
                required=True,
                label_visibility="collapsed",
            )
            == _ON
        )
        if pictures:
            pictures = (
                st.segmented_control(
                    "As",
                    [_PICTURES, _ROWS],
                    format_func=str.capitalize,
                    key=AS,
                    on_change=mirrored(AS, [_PICTURES, _ROWS], [PAGE]),
                    required=True,
                    label_visibility="collapsed",
                )
                == _PICTURES
            )
        size = st.selectbox(
            "A page",
            SIZES,
            format_func=lambda item: f"{item} a page",
            key=SIZE,
            on_change=mirrored(SIZE, SIZES, [PAGE]),
            label_visibility="collapsed",
            width=130,
        )
    return with_map, pictures, int(size or SIZES[0])


def misread(listed: int, size: int) -> tuple[str, ...]:
    """Return in words what the address says of the list that cannot be followed.

    Of a sample that is not there the page's dialog tells.

    Args:
        listed: samples that the filters show, `size` of them on a page.
    """
    fitting: dict[str, Callable[[str], bool]] = {
        VIEW: lambda text: text.casefold() in VIEWS,
        WITH_MAP: lambda text: text in (_OFF, _ON),
        AS: lambda text: text in (_PICTURES, _ROWS),
        SIZE: lambda text: text in SIZES,
        PAGE: lambda text: whole_number(text) > 0,
    }
    said = {VIEW: "tab", WITH_MAP: "map", AS: "form of the list", SIZE: "number of samples a page"}
    asked = {key: st.query_params[key] for key in fitting if key in st.query_params}
    told = tuple(
        f"{said.get(key, key)} {text[:40]!r}"
        for key, text in asked.items()
        if text and not fitting[key](text)
    )
    page, last = whole_number(asked.get(PAGE, "")), _pages(listed, size)
    return told if page <= last else (*told, f"page {page:,}, where the last one is {last:,}")


def whole_number(text: str) -> int:
    """Return a number from an address, -1 where it is none or too long to be one here."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _pages(listed: int, size: int) -> int:
    return max(1, -(-listed // size))


def page_of(positions: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the page control; return this page's positions and the next page's."""
    pages = _pages(len(positions), size)
    page = min(max(whole_number(st.query_params.get(PAGE, "1")), 1), pages)
    if pages > 1:
        st.session_state[PAGE] = page

        def turn() -> None:
            chosen = int(st.session_state[PAGE])
            in_address({PAGE: [] if chosen == 1 else [str(chosen)]})

        st.pagination(pages, key=PAGE, on_change=turn)
    first = (page - 1) * size
    return positions[first : first + size], positions[first + size : first + 2 * size]


def results(
    ws: Workspace,
    dataset: DatasetRecord,
    frame: pd.DataFrame,
    shown: Selected,
    *,
    pictures: bool,
    size: int,
) -> None:
    """Draw one page of samples; choosing one puts it into the page's address."""
    if not len(shown.positions):
        _nothing_fits(frame, shown.wanted)
        return
    page, following = page_of(shown.positions, size)
    if pictures:
        cards = [
            sample_card(
                frame,
                int(at),
                task=dataset.task,
                value=_value(frame, int(at), shown.wanted.column),
                flagged=bool(shown.flagged[at]),
                decisions=shown.decisions,
            )
            for at in page
        ]
        opened = gallery(
            dataset.id, cards, key="gallery", next_page=following.tolist(), back=closed_sample()
        )
        if opened is not None:
            open_sample(opened)
        return
    table = _rows(frames.features(ws, dataset), frame, page, shown, dataset.task)
    sample_table(table, page, key="rows")


def _nothing_fits(frame: pd.DataFrame, wanted: Filter) -> None:
    said = "Take one of the filters above away."
    if wanted.show is Show.ATYPICAL and not looked_for_atypical(frame):
        said = "This audit did not look for atypical samples: run one with CG-score, on classes."
    empty_state("No sample fits these filters", said)


def _value(frame: pd.DataFrame, at: int, column: str) -> str:
    value = number_text(frame[column].iat[at])
    return f"#{value}" if column == SUSPICION else value


def _rows(
    features: pd.DataFrame,
    frame: pd.DataFrame,
    page: NDArray[np.int64],
    shown: Selected,
    task: Task | None,
) -> pd.DataFrame:
    found, column = frame.iloc[page], shown.wanted.column
    columns: dict[str, Any] = {"Id": found["id"].astype(str)}
    if task is not Task.UNSUPERVISED:
        ranks = {"Rank": found["suspicion_rank"]}
        columns = ranks | columns | _of_labels(frame, page, shown, task)
    if column != SUSPICION:
        columns[column_words(column)] = found[column]
    return beside_own_columns(pd.DataFrame(columns), features, page, SHOWN_FEATURES)


def _of_labels(
    frame: pd.DataFrame, page: NDArray[np.int64], shown: Selected, task: Task | None
) -> dict[str, Any]:
    found = frame.iloc[page]
    return {
        "Given": [short_label(given_label(frame, int(at)), task) for at in page],
        "Suggested": [short_label(suggested_label(frame, int(at)), task) for at in page],
        "Finding": [FINDING_WORDS.get(kind) for kind in kinds(found, shown.flagged[page])],
        "Verdict": [verdict_text(shown.decisions.get(str(name))) for name in found["id"]],
    }


def sample_table(
    table: pd.DataFrame, positions: NDArray[np.int64], *, key: str, name: str = "Samples"
) -> None:
    """Draw one page of rows; choosing a row opens the sample at the same index of `positions`.

    `name` tells the tables of one page apart for screen readers.
    """
    chosen = [int(at) for at in positions]

    def choose() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        if rows and 0 <= rows[0] < len(chosen):
            st.session_state[_OPENED_FROM] = key
            open_sample(chosen[rows[0]])

    with st.container(gap=None):
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
            alt=f"{name}, one per row; choosing a row opens it",
        )
        here = st.session_state.get(_OPENED_FROM, key) == key
        focus_back(times=closed_sample()[0], here=here, key=f"{key}_focus")
    how_to_choose()


def open_sample(position: int) -> None:
    """Put a sample into the page's address; the page shows what its address names."""
    st.query_params[SAMPLE] = str(position)


def close_sample() -> None:
    """Take the sample out of the page's address; for callbacks."""
    closed = whole_number(st.query_params.get(SAMPLE, ""))
    st.session_state[_CLOSED] = (closed_sample()[0] + 1, closed)
    in_address({SAMPLE: []})


def closed_sample() -> tuple[int, int]:
    """Return how many samples were closed in this tab, and the position of the last one."""
    times, position = st.session_state.get(_CLOSED, (0, -1))
    return times, position
