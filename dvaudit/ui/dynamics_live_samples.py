"""Single samples over a training that goes on, and how far their ranking has settled."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from dvaudit.findings import agreement_with_end
from dvaudit.store import DatasetRecord, LiveValues, RunRecord, Workspace
from dvaudit.ui import dynamics_charts as charts
from dvaudit.ui import dynamics_maths as maths
from dvaudit.ui import frames, theme
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.dynamics_samples import MOST_PICKED, picks_key
from dvaudit.ui.sample_facts import text_or_none
from dvaudit.ui.words import count, plain

AT_EACH_END = 3  # samples drawn before any choice: lowest, and as many highest
LISTED = 200  # ids to choose from at a time
LOOKED_AT = 5000  # samples that bands and agreements are taken of
AGREED_AT = 16  # points whose ranking is compared with the present one


# What is chosen


def choose_samples(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Draw what samples are chosen with; not to be drawn again by a clock."""
    ids = frames.samples(ws, dataset)["id"]
    picked = _picks(run, len(ids))
    narrow, wide = st.columns([1, 2.2], gap="small")
    with narrow:
        find = (
            st.text_input(
                "Find by id",
                key=f"dynamics_live_find_{run.id}",
                placeholder="Part of an id",
                type="search",
            )
            or ""
        ).strip()
    found = matching(ids, find)
    offered = list(dict.fromkeys([*picked, *found[:LISTED].tolist()]))
    key = f"dynamics_live_samples_{run.id}"
    st.session_state[key] = picked

    def keep() -> None:
        st.session_state[picks_key(run.id)] = [int(at) for at in st.session_state[key]]

    with wide:
        st.multiselect(
            f"Samples, at most {MOST_PICKED}",
            offered,
            key=key,
            format_func=lambda at: str(ids.iat[at]),
            on_change=keep,
            max_selections=MOST_PICKED,
            filter_mode="contains",
            select_all=False,
            placeholder="The lowest and the highest now",
        )
    if find and not len(found):
        st.caption(f"No id of the {count(len(ids), 'sample')} contains this.")
    elif len(found) > LISTED:
        st.caption(
            f"The list holds the first {LISTED} of {len(found):,} ids; "
            "find others by a part of their id."
        )


def matching(ids: pd.Series, find: str) -> NDArray[np.int64]:
    """Return the positions of the ids that contain `find` in any case."""
    if not find:
        return np.arange(len(ids))
    inside = ids.astype(str).str.contains(find, case=False, regex=False)
    return np.flatnonzero(inside.to_numpy(dtype=bool))


def _picks(run: RunRecord, samples: int) -> list[int]:
    found: list[int] = st.session_state.get(picks_key(run.id), [])
    return [at for at in found if 0 <= at < samples][:MOST_PICKED]


# Their lines


def sample_lines(
    ws: Workspace,
    dataset: DatasetRecord,
    run: RunRecord,
    told: LiveValues,
    method: str,
    unit: str,
) -> None:
    """Draw the chosen samples until now, or the lowest and highest at the newest point."""
    newest = np.asarray(told.rows[-1])
    valued = int(np.isfinite(newest).sum())
    if not valued:
        st.caption(f"{plain(method)} has valued no sample yet.")
        return
    picked = _picks(run, len(newest))
    drawn = picked or ends(newest, AT_EACH_END)
    sample = frames.samples(ws, dataset)
    values = told.lines(np.asarray(drawn, dtype=np.int64))
    lines = [
        charts.SampleLine(number, str(sample["id"].iat[at]), None, line)
        for number, (at, line) in enumerate(zip(drawn, values, strict=True), start=1)
    ]
    known = [f"{line.name} at {line.values[-1]:.3g}" for line in lines]
    show(
        charts.sample_chart(
            lines,
            {None: maths.band_of(told.points, _thinned(told))},
            told.points,
            unit,
            dark=theme.dark(),
            title="value",
        ),
        key=f"dynamics_live_samples_chart_{run.id}",
        alt=f"Value so far by {unit} of single samples: {'; '.join(known)}",
    )
    st.caption(_drawn_words(len(drawn), bool(picked), valued, told, method, unit))
    for number, at in enumerate(drawn, start=1):
        st.markdown(f"**{number}** {_facts(sample, at, newest, valued)}")


def ends(values: NDArray[np.float32], each: int) -> list[int]:
    """Return the positions of the `each` lowest values, then the `each` highest, rising.

    All that have a value where they are fewer than twice as many; none twice.
    """
    valued = np.flatnonzero(np.isfinite(values))
    if len(valued) > 2 * each:
        # Equal ones: the first of them, as everywhere.
        cut = np.partition(values[valued], [each - 1, len(valued) - each])
        low, high = cut[each - 1], cut[len(valued) - each]
        valued = valued[(values[valued] <= low) | (values[valued] >= high)]
    order = valued[np.argsort(values[valued], kind="stable")]
    if len(order) <= 2 * each:
        return [int(at) for at in order]
    return [int(at) for at in (*order[:each], *order[-each:])]


def _thinned(told: LiveValues, at: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
    """Return (S, m) the values of at most LOOKED_AT evenly spaced samples, at all points or `at`
    some."""
    apart = -(-len(told.rows[0]) // LOOKED_AT)
    rows = told.rows if at is None else [told.rows[number] for number in at]
    return np.stack([np.asarray(row[::apart], dtype=np.float64) for row in rows])


def _looked_at(told: LiveValues) -> str:
    n = len(told.rows[0])
    apart = -(-n // LOOKED_AT)
    return f" (taken of {-(-n // apart):,} of {n:,} samples)" if apart > 1 else ""


def _drawn_words(
    drawn: int, picked: bool, valued: int, told: LiveValues, method: str, unit: str
) -> str:
    if picked:
        what = "The chosen samples"
    elif drawn < 2 * AT_EACH_END or valued == drawn:
        what = f"All {count(drawn, 'valued sample')}, lowest first"
    else:
        what = (
            f"Before a choice: the {AT_EACH_END} lowest and the {AT_EACH_END} highest of "
            f"{valued:,} by the present value"
        )
    training = f" of training {told.training + 1}" if told.training else ""
    return (
        f"{what}. {plain(method)}, {unit} {told.points[-1]:,.3g}{training}. Grey: where 95% of all "
        f"samples lie, dotted their median{_looked_at(told)}. Rank 1 has the lowest value."
    )


def _facts(sample: pd.DataFrame, at: int, newest: NDArray[np.float32], valued: int) -> str:
    label = text_or_none(sample["label"].iat[at])
    said = f"{plain(str(sample['id'].iat[at]))} · "
    said += "no label" if label is None else f"label {plain(label)}"
    value = newest[at]
    if not np.isfinite(value):
        return f"{said} · no value yet"
    rank = int((newest < value).sum()) + 1
    return f"{said} · value {plain(f'{value:.3g}')}, rank {rank:,} of {valued:,}"


# Early detection


def settling(told: LiveValues, run: RunRecord, unit: str) -> None:
    """Show how well the rankings until now agree with the present one."""
    at = compared(told.points, unit)
    if len(at) < 2:
        st.caption("The ranking is compared with earlier ones from the second point on.")
        return
    values, points = _thinned(told, at), told.points[at]
    whole = unit == "epoch" and not (points % 1).any()
    early = agreement_with_end(points, values, np.full(len(at), np.nan))
    st.markdown(maths.settling_words(early, unit))
    show(
        charts.detection_chart(early, unit, dark=theme.dark(), end="now"),
        key=f"dynamics_live_early_{run.id}",
        alt=f"Agreement of the ranking at each {unit} with the present one: rank correlation from "
        f"{early['rank_correlation'].iloc[0]:.2f} to {early['rank_correlation'].iloc[-2]:.2f} at "
        "the point before this",
    )
    st.caption(
        "Lowest 10% (5%): the share of the samples lowest now that were among the lowest as many "
        "by then; drawing at random would give 10% (5%). All lines end at 100%: now is compared "
        "with itself. What comes later can change the ranking still; how early the end was "
        f"known is drawn when the audit is done{_looked_at(told)}."
        + (" Only whole epochs are compared." if whole else "")
    )


def compared(points: NDArray[np.float64], unit: str) -> NDArray[np.int64]:
    """Return which points' rankings are compared: at most AGREED_AT, evenly over the training.

    Where two epochs are over only whole ones: within one not every sample has had its turn.
    """
    whole = np.flatnonzero(points % 1 == 0)
    fit = whole if unit == "epoch" and len(whole) > 1 else np.arange(len(points))
    chosen = np.unique(np.linspace(0, len(fit) - 1, AGREED_AT).round().astype(np.int64))
    return np.asarray(fit[chosen], dtype=np.int64)
