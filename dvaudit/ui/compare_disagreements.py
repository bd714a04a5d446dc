"""The Disagreements tab: the samples that two methods place furthest apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit import audits, findings
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision
from dvaudit.findings import flags
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import compare_charts as charts
from dvaudit.ui import compare_data as data
from dvaudit.ui import filters, frames
from dvaudit.ui.compare_agreement import enough_methods
from dvaudit.ui.components.gallery import gallery
from dvaudit.ui.ranking import Filter
from dvaudit.ui.sample_facts import given_label, short_label, suggested_label, verdict_text
from dvaudit.ui.sample_lists import beside_own_columns, more_button, sample_card
from dvaudit.ui.samples_controls import filter_line
from dvaudit.ui.samples_view import closed_sample, open_sample, sample_table
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count, plain

STEP, MOST = 24, 240
SHOWN_FEATURES = 12
_SHOWN = "disagreements_shown"
_BOTH, _ONE, _OTHER = "both", "first", "second"


def disagreements(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Show the choice of two methods, and the samples on which they differ most."""
    frame = frames.findings(ws, run)
    if not enough_methods(ws, run, frame):
        return
    one, other, side = _choose(ws, run, data.rankings(frame))
    if one == other:
        empty_state("One method twice", "Choose two different ones: a method agrees with itself.")
        return
    wanted, ignored = filters.current(ws, dataset, run)
    filter_line(wanted, ignored, "No filter: the filters of Samples hold here too.")
    differences = data.differences(ws, run, one, other)
    everywhere = findings.most_disputed(_of_side(differences, side))
    order = _fitting(ws, dataset, run, wanted, everywhere)
    if len(order) < len(everywhere) and not len(order):
        empty_state(
            "No sample fits these filters",
            f"{count(len(everywhere), 'sample')} would without: take a filter above away.",
        )
        return
    if not len(order):
        empty_state(
            "No disagreement", "On this side there is no sample that both scored and rank apart."
        )
        return
    shown = order[: min(int(st.session_state.get(_SHOWN, STEP)), MOST)]
    st.caption(
        f"{len(shown):,} of {count(len(order), 'sample')}, the furthest apart first. Two places, "
        f"by {plain(one)} and by {plain(other)}: 0% is the most suspicious of all, 100% the least."
    )
    places = [data.shares(ws, run, name) for name in (one, other)]
    flagged = flags(frame, ws.cut_off(run.id))
    decisions = audits.decisions(ws, dataset.id)
    if dataset.kind is Kind.IMAGE:
        cards = [
            sample_card(
                frame,
                int(at),
                task=dataset.task,
                value=" / ".join(f"{place[at]:.0%}" for place in places),
                flagged=bool(flagged[at]),
                decisions=decisions,
            )
            for at in shown
        ]
        opened = gallery(dataset.id, cards, key="disagreements", back=closed_sample())
        if opened is not None:
            open_sample(opened)
    else:
        own, names = frames.features(ws, dataset), (one, other)
        rows = _rows(own, frame, shown, places, names, dataset.task, decisions)
        sample_table(rows, shown, key=f"disagreement_rows_{one}_{other}_{side}")
    _more(len(order), len(shown))


def _fitting(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    wanted: Filter,
    order: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the positions of `order` that pass a filter, in their order."""
    if not filters.is_filtered(wanted):
        return order
    passing = np.zeros(dataset.samples or 0, dtype=bool)
    passing[filters.selected(ws, dataset, run, wanted).positions] = True
    return order[passing[order]]


def _choose(ws: Workspace, run: RunRecord, names: list[str]) -> tuple[str, str, str]:
    """Draw the choices; at first the two methods that agree least."""
    pairs = [
        pair[1:]
        for pair in charts.pairs_of(data.correlations(ws, run))
        if data.CONSENSUS not in pair[1:]
    ]
    first = pairs[0] if pairs else (names[0], names[1])
    left, right = st.columns(2)
    chosen = [
        place.selectbox(
            label,
            names,
            names.index(start),
            key=f"compare_{key}_{run.id}",
            on_change=_from_the_start,
            persist_state="session",
        )
        for place, label, start, key in (
            (left, "First method", first[0], _ONE),
            (right, "Second method", first[1], _OTHER),
        )
    ]
    words = {
        _BOTH: "Either way",
        _ONE: f"{plain(chosen[0])} suspects more",
        _OTHER: f"{plain(chosen[1])} suspects more",
    }
    side = st.segmented_control(
        "Which samples",
        list(words),
        format_func=lambda key: words[key],
        default=_BOTH,
        required=True,
        key="compare_side",
        on_change=_from_the_start,
    )
    return chosen[0], chosen[1], side or _BOTH


def _from_the_start() -> None:
    st.session_state.pop(_SHOWN, None)


def _of_side(differences: NDArray[np.float64], side: str) -> NDArray[np.float64]:
    """Return the differences that lie on a side, NaN for the others and where there is none."""
    keep = {_BOTH: differences != 0, _ONE: differences < 0, _OTHER: differences > 0}[side]
    return np.where(keep, differences, np.nan)


def _rows(
    features: pd.DataFrame,
    frame: pd.DataFrame,
    shown: NDArray[np.int64],
    places: list[NDArray[np.float64]],
    names: tuple[str, str],
    task: Task | None,
    decisions: dict[str, Decision],
) -> pd.DataFrame:
    found = frame.iloc[shown]
    columns: dict[str, Any] = {
        "Id": found["id"].astype(str),
        **{
            f"Place by {name}": [f"{share:.1%}" for share in place[shown]]
            for name, place in zip(names, places, strict=True)
        },
        "Given": [short_label(given_label(frame, int(at)), task) for at in shown],
        "Suggested": [short_label(suggested_label(frame, int(at)), task) or "" for at in shown],
    }
    verdicts = [verdict_text(decisions.get(str(name))) for name in found["id"]]
    if any(verdicts):
        columns["Verdict"] = verdicts
    return beside_own_columns(pd.DataFrame(columns), features, shown, SHOWN_FEATURES)


def _more(disputed: int, shown: int) -> None:
    if shown >= disputed:
        return
    if shown >= MOST:
        st.caption(f"The first {MOST:,} are shown; {disputed - MOST:,} more differ less.")
        return
    more_button(_SHOWN, shown, STEP, f"Show {STEP} more")
