"""The choice of the sample whose loss is asked about: filters, a list, previous and next.

The choice is in the address of the page; without one it is the first of the list.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit.core.dataset import Kind
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui import influence_data as data
from dvaudit.ui.addressed import left_over, not_followed
from dvaudit.ui.components.gallery import Card, gallery
from dvaudit.ui.components.picture import picture
from dvaudit.ui.influence_data import Order, QueryFilter
from dvaudit.ui.sample_facts import comparison, text_or_none
from dvaudit.ui.sample_lists import beside_own_columns
from dvaudit.ui.samples_view import open_sample
from dvaudit.ui.words import count, plain

QUERY, PAGE = "query", "query_page"
PICTURES, ROWS = 20, 10
_ORDER = "query_order"
SHOWN_FEATURES = 6
_ORDERS = {
    Order.SUSPICIOUS: "Most suspicious first",
    Order.LEAST_HELPED: "Least helped first",
    Order.RANDOM: "Random",
    Order.INPUT: "As in the data",
}


def choose(ws: Workspace, run: RunRecord, owner: DatasetRecord, table: pd.DataFrame) -> int:
    """Draw the chosen sample and the list it is chosen from; return its row in `table`.

    Args:
        owner: the dataset that all of `table` is of.
        table: see audits.queries_of.
    """
    _forget_other(run)
    place = st.container()
    st.header("Choose another")
    rows = data.offered(ws, run, table, _filters(run, owner, table))
    row = _addressed(len(table))
    if row is None:
        row = int(rows[0]) if len(rows) else 0
    with place:
        _chosen(ws, run, owner, table, row)
        _steps(rows, row, owner)
    if len(rows):
        _list(ws, owner, table, rows, row)
    else:
        st.caption("No sample fits these filters.")
    return row


def _filters(run: RunRecord, owner: DatasetRecord, table: pd.DataFrame) -> QueryFilter:
    orders = data.orders(run, table)
    if st.session_state.get(_ORDER) not in (None, *orders):  # chosen for an audit that has it
        del st.session_state[_ORDER]
    order = st.selectbox(
        "Order",
        orders,
        format_func=lambda item: _ORDERS[item],
        key=_ORDER,
        bind="query-params",
        on_change=_first,
        help="Least helped: samples for which all influences add up to the least. The training "
        "works against them: their label is wrong, or there is little like them.",
    )
    classes = []
    if owner.class_names:
        classes = st.multiselect(
            "Label",
            list(owner.class_names),
            key="query_class",
            bind="query-params",
            on_change=_first,
            placeholder="All classes",
        )
    find = st.text_input(
        "Find",
        key="query_find",
        bind="query-params",
        on_change=_first,
        placeholder="Part of an id",
        type="search",
    )
    return QueryFilter(order, tuple(classes), (find or "").strip())


def _first() -> None:
    """Go to the first of the list: the filter has changed."""
    st.query_params.pop(QUERY, None)
    st.session_state[PAGE] = 1


def _forget_other(run: RunRecord) -> None:
    """Take a sample out of the address that was asked about in another audit."""
    if left_over(QUERY, run.id):
        _first()


def _addressed(queries: int) -> int | None:
    """Return the row that the address names, None where it names none that is there."""
    named = st.query_params.get(QUERY)
    if named is None:
        return None
    if named.isascii() and named.isdigit() and int(named) < queries:
        return int(named)
    st.query_params.pop(QUERY, None)
    not_followed([f"sample {named[:20]!r} to ask about, of {queries:,}"])
    return None


def _ask(row: int) -> None:
    st.query_params[QUERY] = str(row)


def _step(rows: Sequence[int], at: int, size: int) -> None:
    _ask(rows[at])
    st.session_state[PAGE] = at // size + 1


def _steps(rows: NDArray[np.int64], row: int, owner: DatasetRecord) -> None:
    """Draw previous and next, by button and by key."""
    found = np.flatnonzero(rows == row)
    at = int(found[0]) if len(found) else -1
    size = PICTURES if owner.kind is Kind.IMAGE else ROWS
    listed = rows.tolist()
    left, right = st.columns(2, gap="small")
    for place, label, key, target in (
        (left, "Previous", "K", at - 1),
        (right, "Next", "J", at + 1),
    ):
        place.button(
            label,
            key=f"query_{label.lower()}",
            shortcut=key,
            disabled=not 0 <= target < len(listed),
            on_click=_step,
            args=(listed, target, size),
            width="stretch",
        )


def _chosen(
    ws: Workspace, run: RunRecord, owner: DatasetRecord, table: pd.DataFrame, row: int
) -> None:
    position, name = int(table["position"].to_numpy()[row]), str(table["id"].iat[row])
    if owner.kind is Kind.IMAGE:
        picture(owner.id, position, name=f"Sample {name}", key="query_picture")
    else:
        features = frames.features(ws, owner)
        if features.shape[1]:
            st.dataframe(
                comparison(features, position, ()),
                hide_index=True,
                height=320 if features.shape[1] > 8 else "content",
                alt="The columns of the sample asked about",
            )
        else:
            st.caption("This dataset holds vectors, which have no columns to show.")
    own = owner.id == run.dataset_id
    st.metric("Label", plain(text_or_none(table["label"].iat[row]) or "none"))
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.markdown(plain(name), width="content")
        if own and flags(frames.findings(ws, run), ws.cut_off(run.id))[position]:
            st.badge("Flagged: looks mislabelled", color="orange")
    if own:
        st.button(
            "Open this sample",
            key="query_open",
            type="tertiary",
            icon=":material/open_in_full:",
            on_click=open_sample,
            args=(position,),
        )


def _list(
    ws: Workspace, owner: DatasetRecord, table: pd.DataFrame, rows: NDArray[np.int64], row: int
) -> None:
    pictures = owner.kind is Kind.IMAGE
    page, following = _page(rows, row, PICTURES if pictures else ROWS)
    if not pictures:
        _rows(ws, owner, table, page, row)
        return
    positions = table["position"].to_numpy()
    cards = [
        Card(
            int(positions[at]),
            text_or_none(table["label"].iat[at]) or "no label",
            name=str(table["id"].iat[at]),
        )
        for at in page
    ]
    opened = gallery(
        owner.id,
        cards,
        key="query_gallery",
        selected=int(positions[row]),
        size=58,
        next_page=positions[following].tolist(),
    )
    if opened is not None:
        _ask(int(np.flatnonzero(positions == opened)[0]))
        st.rerun()


def _page(
    rows: NDArray[np.int64], row: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the page control; return this page's rows and the next page's."""
    pages = max(1, -(-len(rows) // size))
    if PAGE not in st.session_state and PAGE not in st.query_params:
        found = np.flatnonzero(rows == row)
        st.session_state[PAGE] = int(found[0]) // size + 1 if len(found) else 1
    if st.session_state.get(PAGE, 1) > pages:
        st.session_state[PAGE] = pages
    st.markdown(f"**{count(len(rows), 'sample')}** to ask about")
    page = st.pagination(pages, key=PAGE, bind="query-params") if pages > 1 else 1
    first = (page - 1) * size
    return rows[first : first + size], rows[first + size : first + 2 * size]


def _rows(
    ws: Workspace, owner: DatasetRecord, table: pd.DataFrame, page: NDArray[np.int64], row: int
) -> None:
    # Another sample makes another table, so that its marked row is the one that is shown.
    key = f"query_rows_{row}"
    chosen = np.flatnonzero(page == row).tolist()

    def choose_row() -> None:
        picked = st.session_state[key]["selection"]["rows"]
        if picked and 0 <= picked[0] < len(page):
            _ask(int(page[picked[0]]))

    facts = table.iloc[page][["id", "label"]].reset_index(drop=True)
    facts.columns = ["Id", "Label"]
    own, positions = frames.features(ws, owner), table["position"].to_numpy()[page]
    st.dataframe(
        beside_own_columns(facts, own, positions, SHOWN_FEATURES),
        key=key,
        hide_index=True,
        on_select=choose_row,
        selection_mode="single-row",
        selection_default={"selection": {"rows": chosen}},
        height="content",
        alt="Samples to ask about, one per row; choosing a row asks about it",
    )
