"""The tables of the valuations of contributors: preference, all columns, and past runs."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit.core.dataset import Role
from dvaudit.reports.files import write_csv
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import contributors_charts as charts
from dvaudit.ui import contributors_maths as maths
from dvaudit.ui import frames, theme
from dvaudit.ui.contributors_setup import choose_run, default_game, game_words
from dvaudit.ui.history import number
from dvaudit.ui.ranking import numbers
from dvaudit.ui.row_choice import chosen_row, how_to_choose
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count, plain

_FIRST = (
    *("rank", "contributor", "samples", "value", "std_error"),
    *("in_domain", "in_domain_std_error", "out_of_domain", "out_of_domain_std_error"),
)
_BASELINES = {
    "retraining": (
        "Retraining",
        "Performance lost on the trusted set when a simple model is trained without the "
        "contributor.",
    ),
    "influence": (
        "Influence",
        "Rise of the loss on the trusted set without the contributor, to first order.",
    ),
    "robust_volume": (
        "Robust volume",
        "Logarithm of how much room the contributor's inputs span; labels and the trusted set "
        "play no part.",
    ),
}


def preference(ws: Workspace, runs: Sequence[RunRecord]) -> None:
    """Compare the ranks of the contributors towards different trusted sets."""
    done = {run.id: run for run in runs if run.status is RunStatus.DONE}
    if len(done) < 2:
        empty_state(
            "One valuation so far",
            "Value the same contributors again towards another trusted set. Here you then see who "
            "is useful for which.",
        )
        return
    headings = {run_id: _heading(ws, run) for run_id, run in done.items()}
    chosen = st.multiselect(
        "Valuations to compare",
        list(done),
        default=_one_of_each(ws, list(done.values())),
        format_func=lambda run_id: headings.get(run_id, run_id),
        key=f"compared_{next(iter(done.values())).dataset_id}",
        help="At first the newest towards each trusted set, each at its own κ.",
    )
    if len(chosen) < 2:
        st.caption("Choose two or more.")
        return
    _compared(
        maths.ranks_side_by_side(
            [(headings[run_id], frames.findings(ws, done[run_id])) for run_id in chosen]
        )
    )


def _compared(ranks: pd.DataFrame) -> None:
    """Draw ranks, contributors by valuations, as a map and as a table."""
    spread = (ranks.max(axis=1) - ranks.min(axis=1)).fillna(0)
    shown = maths.furthest_apart(spread)
    choosy, apart = str(spread.idxmax()), f"{spread.max():.0f}"
    charts.show(
        charts.rank_heat(ranks.iloc[shown], dark=theme.dark()),
        key="contributor_ranks",
        alt=f"Ranks of {count(len(shown), 'contributor')} in {ranks.shape[1]} valuations; "
        f"{choosy} differs most, by {apart}",
    )
    said = (
        f"1 is the most useful. The ranks of **{plain(choosy)}** differ most, by {apart}. Every "
        "valuation counts at its own κ."
    )
    if len(shown) < len(ranks):
        said += (
            f" **Only the {len(shown)} of {len(ranks):,} contributors whose ranks differ most are "
            "drawn**; the table has all."
        )
    st.caption(said)
    with st.expander("The ranks as a table", icon=":material/table:"):
        st.dataframe(
            ranks.rename_axis("Contributor").assign(**{"Ranks apart": spread}).reset_index(),
            hide_index=True,
            height="content" if len(ranks) <= 16 else 480,
            alt="Rank of every contributor in each valuation",
        )


def _heading(ws: Workspace, run: RunRecord) -> str:
    summary = frames.summary(ws, run)
    return f"{run.title}, {summary['game']}, {towards(summary)}"


def towards(summary: Mapping[str, Any]) -> str:
    """Return the trusted set of a valuation in few words."""
    words = str(summary.get("trusted") or "")
    return words.removeprefix("the trusted set ").split(", because")[0]


def _one_of_each(ws: Workspace, done: Sequence[RunRecord]) -> list[str]:
    """Return the newest valuation towards each trusted set, at least two in all."""
    first: dict[str, str] = {}
    for run in done:
        first.setdefault(str(frames.summary(ws, run).get("trusted")), run.id)
    chosen = list(first.values())
    return chosen if len(chosen) > 1 else [run.id for run in done[:2]]


def everything(table: pd.DataFrame, kappa: float, dataset: DatasetRecord, run: RunRecord) -> None:
    """List all columns, most useful first, with what the baselines say, to look at and to keep."""
    agreement = _agreements(table)
    if agreement:
        st.markdown("**Other ways to value, and how they rank** (Spearman with the value)")
        for place, (title, help, found) in zip(st.columns(3), agreement, strict=False):
            place.metric(
                title, "unknown" if math.isnan(found) else f"{found:.3f}", help=help, border=True
            )
    ordered = table.iloc[maths.ordered(numbers(table, "value"))]
    first = [name for name in _FIRST if name in ordered]
    ordered = ordered[[*first, *(name for name in ordered.columns if name not in first)]]
    ordered = ordered.loc[:, [not ordered[name].isna().all() for name in ordered.columns]]
    st.dataframe(
        ordered,
        hide_index=True,
        height="content" if len(ordered) <= 16 else 600,
        column_config=_columns(ordered),
        alt="One row per contributor, most useful first: value, both terms and the baselines",
    )
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.caption(f"Values at κ = {kappa:.4g}. The terms are before κ; higher is more useful.")
    right.download_button(
        "Download CSV",
        data=lambda: _csv(ordered.assign(kappa=kappa)),
        file_name=f"contributors-{number(run)}.csv",
        mime="text/csv",
        key="download_contributors",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
        help=f"All columns, for {plain(dataset.name)}.",
    )


def _agreements(table: pd.DataFrame) -> list[tuple[str, str, float]]:
    """Return title, meaning and Spearman's correlation with the value, of each baseline."""
    found = numbers(table, "value")
    return [
        (title, help, maths.spearman(found, numbers(table, name)))
        for name, (title, help) in _BASELINES.items()
        if not np.isnan(numbers(table, name)).all()
    ]


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    made: dict[str, Any] = {
        "rank": st.column_config.NumberColumn("Rank", format="%d", width=60, pinned=True),
        "contributor": st.column_config.TextColumn("Contributor", pinned=True),
        "samples": st.column_config.NumberColumn("Samples", format="localized"),
    }
    for name in table.columns:
        if name not in made:
            made[name] = st.column_config.NumberColumn(_column_words(name), format="%.4g")
    return made


def _column_words(name: str) -> str:
    words = name.replace("in_domain", "in-domain").replace("out_of_domain", "out-of-domain")
    return words.replace("_", " ").capitalize()


def _csv(table: pd.DataFrame) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_csv(table, Path(folder) / "contributors.csv").read_bytes()


def runs_table(ws: Workspace, runs: Sequence[RunRecord]) -> None:
    """List the valuations, newest first; choosing a row makes it the one on screen."""
    done = [frames.summary(ws, run) if run.status is RunStatus.DONE else {} for run in runs]
    datasets = {record.id: record for record in ws.datasets()}
    table = pd.DataFrame(
        {
            "Valuation": [int(number(run)) for run in runs],
            "Status": [run.status.value for run in runs],
            "Towards": [
                towards(summary) or _asked_towards(run, datasets)
                for run, summary in zip(runs, done, strict=True)
            ],
            "Game": [_game(run, found) for run, found in zip(runs, done, strict=True)],
            "Network": [str(found.get("net", "")) for found in done],
            "κ": [maths.run_kappa(found) or None for found in done],
            "Seed": [run.params.get("seed", 0) for run in runs],
            "Started": [run.created for run in runs],
            "Reason": [run.error or "" for run in runs],
        }
    )
    st.dataframe(
        table.drop(columns=[name for name in ("Network", "κ", "Reason") if not table[name].any()]),
        key="valuations_table",
        hide_index=True,
        on_select=lambda: _choose(runs),
        selection_mode="single-row",
        column_config={
            "Started": st.column_config.DatetimeColumn(format="distance"),
            "Towards": st.column_config.TextColumn(width=330),
            "κ": st.column_config.NumberColumn(format="%.4g"),
        },
        alt="Valuations of these contributors, newest first; choosing a row shows it",
    )
    how_to_choose("show that valuation")


def _asked_towards(run: RunRecord, datasets: Mapping[str, DatasetRecord]) -> str:
    """Return the trusted set that a valuation without a result was asked for."""
    chosen = run.params.get("trusted")
    if chosen is None:
        marked = Role.TRUSTED in datasets[run.dataset_id].roles.values()
        return "the samples marked as trusted" if marked else "a random part of this dataset"
    return datasets[chosen].name if chosen in datasets else f"{chosen}, which was removed"


def _game(run: RunRecord, summary: Mapping[str, Any]) -> str:
    asked = (run.params.get("settings") or {}).get("game")
    return game_words(str(asked or summary.get("game") or default_game()))


def _choose(runs: Sequence[RunRecord]) -> None:
    row = chosen_row("valuations_table", len(runs))
    if row is not None:
        choose_run(runs[row].id)
