"""Single samples over training, picked from the lowest or by id, against their class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit.core.dataset import Kind, Task
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import dynamics_charts as charts
from dvaudit.ui import dynamics_frames, frames, theme
from dvaudit.ui import dynamics_maths as maths
from dvaudit.ui.components.gallery import Card, gallery
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.ranking import numbers
from dvaudit.ui.sample_facts import given_label, number_text
from dvaudit.ui.sample_lists import beside_own_columns
from dvaudit.ui.samples_view import SAMPLE
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count, plain

MOST_PICKED = 5
LISTED = 24
SHOWN_FEATURES = 4
_REFUSED = "dynamics_refused"


def single_samples(ws: Workspace, dataset: DatasetRecord, run: RunRecord, method: str) -> None:
    """Draw the list to pick from on the left, the picked samples over training on the right."""
    order = dynamics_frames.lowest_first(ws, run, method)
    if not len(order):
        empty_state("No values", f"{plain(method)} gave no sample a value.")
        return
    if st.session_state.pop(_REFUSED, False):
        st.toast(f"{MOST_PICKED} lines at most: remove one first.", icon=":material/info:")
    left, right = st.columns([1, 1.7], gap="medium")
    with left:
        _list(ws, dataset, run, method, order)
    with right:
        _picked(ws, dataset, run, method, order)


# The list


def _list(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, method: str, order: NDArray[np.int64]
) -> None:
    frame = frames.findings(ws, run)
    find = st.text_input(
        "Find by id",
        key=f"dynamics_find_{run.id}",
        placeholder="Part of an id",
        type="search",
    )
    found = _matching(frame, order, (find or "").strip())
    listed = found[:LISTED]
    st.caption(_list_words(len(listed), len(found), len(order), method, bool((find or "").strip())))
    if not len(listed):
        return
    if dataset.kind is Kind.IMAGE:
        flagged = flags(frame, ws.cut_off(run.id))
        marks = _marks(run.id, order)
        cards = [
            _card(frame, int(at), method, bool(flagged[at]), marks.get(int(at), ""))
            for at in listed
        ]
        opened = gallery(dataset.id, cards, key=f"dynamics_list_{run.id}", size=88)
        if opened is not None:
            _toggle(run.id, opened, order)
            st.rerun()
        return
    _rows(ws, dataset, run, method, frame, listed, order)


def _matching(frame: pd.DataFrame, order: NDArray[np.int64], find: str) -> NDArray[np.int64]:
    """Return the positions of `order` whose id contains `find` in any case."""
    if not find:
        return order
    ids = frame["id"].astype(str).str
    inside = ids.contains(find, case=False, regex=False).to_numpy(dtype=bool)
    return order[inside[order]]


def _list_words(listed: int, found: int, valued: int, method: str, searched: bool) -> str:
    what = f"by {plain(method)}. Choose one to add its line or take it away."
    if searched and not found:
        return f"No id of the {count(valued, 'valued sample')} contains this."
    if searched:
        return f"The {listed:,} lowest of {found:,} whose id fits, {what}"
    return f"The {listed:,} lowest of {count(valued, 'sample')} {what}"


def _marks(run_id: str, order: NDArray[np.int64]) -> dict[int, str]:
    """Return the sign of each picked sample's line by position: its number in a circle."""
    return {at: chr(0x2460 + line) for line, at in enumerate(_picks(run_id, order))}


def _card(frame: pd.DataFrame, at: int, method: str, flagged: bool, mark: str) -> Card:
    return Card(
        position=at,
        label=f"{mark} {given_label(frame, at) or 'no label'}".strip(),
        value=f"{numbers(frame, f'{method}.value')[at]:.3g}",
        flagged=flagged,
        name=str(frame["id"].iat[at]),
    )


def _rows(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    method: str,
    frame: pd.DataFrame,
    listed: NDArray[np.int64],
    order: NDArray[np.int64],
) -> None:
    # The table keeps what is chosen in it: another list, or a pick changed elsewhere, is a new one.
    picked, found = _picks(run.id, order), listed.tolist()
    changed = st.session_state.get(_changed_key(run.id), 0)
    key = f"dynamics_rows_{run.id}_{hash((method, *found))}_{changed}"

    def choose() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        chosen = chosen_rows(picked, found, rows)
        if chosen is None:
            _refuse(run.id)
        else:
            st.session_state[picks_key(run.id)] = chosen

    marks = _marks(run.id, order)
    facts = pd.DataFrame(
        {
            "Line": [marks.get(int(at), "") for at in listed],
            "Id": frame["id"].iloc[listed].astype(str).to_list(),
            "Given": frame["given_label"].iloc[listed].to_list(),
            "Value": numbers(frame, f"{method}.value")[listed],
        }
    )
    own = frames.features(ws, dataset)
    st.dataframe(
        beside_own_columns(facts, own, listed, SHOWN_FEATURES),
        key=key,
        hide_index=True,
        on_select=choose,
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [row for row, at in enumerate(found) if at in picked]}
        },
        height="content" if len(listed) <= 12 else 430,
        column_config={
            "Line": st.column_config.TextColumn(width=50, pinned=True),
            "Id": st.column_config.TextColumn(pinned=True),
            "Value": st.column_config.NumberColumn(format="%.4g"),
        },
        alt="Samples, lowest value first; choosing a row adds its line, and takes it away again",
    )


def chosen_rows(
    picked: Sequence[int], listed: Sequence[int], rows: Sequence[int]
) -> list[int] | None:
    """Return the picks after a choice of `rows` in the list, new ones last; None where there are
    more than MOST_PICKED."""
    chosen = [listed[row] for row in rows if 0 <= row < len(listed)]
    kept = [at for at in picked if at not in listed or at in chosen]
    found = [*kept, *(at for at in chosen if at not in kept)]
    return None if len(found) > MOST_PICKED else found


# What is picked


def _picks(run_id: str, order: NDArray[np.int64]) -> list[int]:
    """Return the positions picked, in order; before any choice the lowest sample."""
    found: list[int] = st.session_state.get(picks_key(run_id), [int(order[0])])
    valued = set(order.tolist())
    return [at for at in found if at in valued]


def picks_key(run_id: str) -> str:
    """Return where the picked positions are kept, while a run works and when it is done."""
    return f"dynamics_picks_{run_id}"


def _toggle(run_id: str, position: int, order: NDArray[np.int64]) -> None:
    picked = toggled(_picks(run_id, order), position)
    if picked is None:
        _refuse(run_id)
        return
    st.session_state[picks_key(run_id)] = picked
    _renew_table(run_id)


def _refuse(run_id: str) -> None:
    # Shown by the next run: a callback in a fragment has no place of its own to draw.
    st.session_state[_REFUSED] = True
    _renew_table(run_id)


def _renew_table(run_id: str) -> None:
    """Let the table of rows show as chosen what is picked."""
    key = _changed_key(run_id)
    st.session_state[key] = st.session_state.get(key, 0) + 1


def _changed_key(run_id: str) -> str:
    return f"dynamics_changed_{run_id}"


def toggled(picked: Sequence[int], position: int) -> list[int] | None:
    """Return the picks with `position` added at the end, or taken out; None where there are
    MOST_PICKED already."""
    if position in picked:
        return [at for at in picked if at != position]
    return None if len(picked) >= MOST_PICKED else [*picked, position]


def _picked(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, method: str, order: NDArray[np.int64]
) -> None:
    picked = _picks(run.id, order)
    if not picked:
        empty_state(
            "No sample picked", f"Choose up to {MOST_PICKED} in the list to see them over training."
        )
        return
    trace, frame = dynamics_frames.trace(ws, run, method), frames.findings(ws, run)
    values = maths.sample_lines(trace, picked)
    classes = dataset.task is Task.CLASSIFICATION
    lines = [
        charts.SampleLine(
            number, str(frame["id"].iat[at]), given_label(frame, at) if classes else None, line
        )
        for number, (at, line) in enumerate(zip(picked, values, strict=True), start=1)
    ]
    bands = {
        label: dynamics_frames.band(ws, run, method, label)
        for label in dict.fromkeys(line.label for line in lines)
    }
    figure = charts.sample_chart(lines, bands, trace.points, trace.unit, dark=theme.dark())
    show(figure, key="dynamics_samples_chart", alt=_alt(lines, trace.unit))
    group = "the samples with the same given label" if classes else "all samples"
    st.caption(
        f"Grey: where 95% of {group} lie; dotted: their median. Rank 1 has the lowest value."
    )
    _facts(run, frame, picked, method, order)


def _alt(lines: Sequence[charts.SampleLine], unit: str) -> str:
    said = [
        f"{line.name} from {known[0]:.3g} to {known[-1]:.3g}"
        for line in lines
        if len(known := line.values[np.isfinite(line.values)])
    ]
    return f"Value so far by {unit} of single samples against their class: {'; '.join(said)}"


def _facts(
    run: RunRecord,
    frame: pd.DataFrame,
    picked: Sequence[int],
    method: str,
    order: NDArray[np.int64],
) -> None:
    """List the picked samples by their numbers, each with its place and a way to it."""
    ranks = {int(at): rank for rank, at in enumerate(order, start=1)}
    for number, at in enumerate(picked, start=1):
        label = given_label(frame, at)
        said, open_it, remove = st.columns([5, 1.7, 1.6], vertical_alignment="center")
        said.markdown(
            f"**{number}** {plain(str(frame['id'].iat[at]))} · "
            f"{'no label' if label is None else 'label ' + plain(label)} · value "
            f"{plain(number_text(frame[f'{method}.value'].iat[at]))}, "
            f"rank {ranks[at]:,} of {len(order):,}"
        )
        open_it.page_link(
            "pages/samples.py",
            label="Samples",
            icon=":material/open_in_full:",
            help="Open it on the Samples page, with its neighbours and verdicts.",
            query_params={"dataset": run.dataset_id, "run": run.id, SAMPLE: str(at)},
        )
        remove.button(
            "Remove",
            key=f"dynamics_remove_{run.id}_{at}",
            icon=":material/close:",
            type="tertiary",
            on_click=_toggle,
            args=(run.id, at, order),
            help=f"Take line {number} out of the chart.",
        )
