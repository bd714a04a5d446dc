"""What a valuation of contributors found: values and their two terms at any kappa, and curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit.core.errors import NotFoundError
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import contributors_charts as charts
from dvaudit.ui import contributors_maths as maths
from dvaudit.ui import contributors_tables as tables
from dvaudit.ui import frames, theme
from dvaudit.ui.contributors_setup import game_words
from dvaudit.ui.history import number, plain_parts
from dvaudit.ui.ranking import numbers
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import ago, count, duration, plain, shortened

LONGEST_FIGURE = 15  # letters of a name that a key figure has room for
PAPER = 1.0  # the factor of kappa as the run fixed it
_TABS = ("Values", "Removing and adding", "Preference", "Table")


@st.fragment
def results(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, runs: Sequence[RunRecord]
) -> None:
    """Show a finished valuation; `runs` are all valuations of the dataset."""
    frame, summary = frames.findings(ws, run), frames.summary(ws, run)
    st.caption(_facts(run, summary))
    place = st.container()
    _meaning(frame, summary)
    factor = _kappa(run, summary)
    table = maths.valued_at(frame, summary, factor)
    kappa = factor * maths.run_kappa(summary)
    with place:
        _key_figures(table, summary, kappa, factor)
    values, curves, preference, everything = st.tabs(
        _TABS, key="part", on_change="rerun", bind="query-params"
    )
    if values.open:
        with values:
            _values(table, kappa)
    if curves.open:
        with curves:
            _curves(ws, run, summary)
    if preference.open:
        with preference:
            tables.preference(ws, runs)
    if everything.open:
        with everything:
            tables.everything(table, kappa, dataset, run)
    _how(summary)


def _facts(run: RunRecord, summary: dict[str, Any]) -> str:
    parts = [
        f"Valuation {number(run)}",
        game_words(str(summary.get("game", ""))),
        f"network: {summary.get('net', 'unknown')}",
        f"towards {summary.get('trusted', 'an unknown set')}",
    ]
    if run.started and run.finished:
        parts.append(f"took {duration((run.finished - run.started).total_seconds())}")
    return plain_parts([*parts, ago(run.finished or run.created)])


def _meaning(frame: pd.DataFrame, summary: dict[str, Any]) -> None:
    """Say what the value is, and what it is not."""
    lowest = maths.empty_is_lowest(frame, summary)
    empty = (
        "**Zero has no meaning of its own.** The score of no data at all is "
        f"{'set to that of the lowest single contributor' if lowest else 'the one given'}; "
        "another choice moves all values alike. Compare contributors."
        if summary.get("baseline_weight")
        else "**Near zero means replaceable**, not useless: the others bring the same."
    )
    is_, is_not, zero = st.columns(3, gap="medium")
    is_.caption(
        "**What the value is.** How much better the pooled data scores with this contributor: how "
        "easily an untrained network would fit the data (in-domain), and how close the inputs are "
        "to the trusted set (out-of-domain). Higher is more useful, in both."
    )
    is_not.caption(
        "**What it is not.** It values sets of data at initialisation; nothing is trained. It is "
        "no detector of wrong labels: who mislabels much can still rank high. The Audit page "
        "finds those."
    )
    zero.caption(empty)


def _how(summary: dict[str, Any]) -> None:
    """Show what the run itself has to say: warnings, and what was done."""
    for warning in _sentences(summary.get("warnings")):
        st.warning(plain(warning), icon=":material/warning:")
    said = [*_sentences(summary.get("status")), *_sentences(summary.get("notes"))]
    if said:
        with st.expander("How it was done", icon=":material/info:"):
            for sentence in said:
                st.markdown(f"- {plain(sentence)}")


def _sentences(said: Any) -> list[str]:
    return [] if not said else [said] if isinstance(said, str) else [str(item) for item in said]


def _kappa(run: RunRecord, summary: dict[str, Any]) -> float:
    """Draw the slider over kappa; return the factor of the run's own kappa."""
    own = maths.run_kappa(summary)
    if own <= 0:
        st.caption("κ is 0 in this run: the in-domain term takes no part in the values.")
        return PAPER
    key = f"kappa_{run.id}"
    given = "as set for this run" if _kappa_given(run) else "as the paper fixes it"
    slider, back = st.columns([4, 1], vertical_alignment="bottom", gap="medium")
    factor = slider.select_slider(
        "κ, the weight of the in-domain term",
        maths.FACTORS,
        PAPER,
        format_func=lambda item: f"{own:.3g} ({given})" if item == PAPER else f"{item * own:.3g}",
        key=key,
        persist_state="session",
        help="Value = κ times in-domain + out-of-domain. At 0 only closeness to the trusted set "
        "counts. Values, ranks and intervals follow at once; nothing is computed anew.",
    )
    back.button(
        given.capitalize(),
        key=f"reset_{key}",
        icon=":material/undo:",
        disabled=factor == PAPER,
        on_click=st.session_state.__setitem__,
        args=(key, PAPER),
        width="stretch",
    )
    return float(factor)


def _kappa_given(run: RunRecord) -> bool:
    return (run.params.get("settings") or {}).get("kappa") is not None


def _key_figures(table: pd.DataFrame, summary: dict[str, Any], kappa: float, factor: float) -> None:
    found = numbers(table, "value")
    order = [at for at in maths.ordered(found) if np.isfinite(found[at])]
    samples = int(np.nansum(numbers(table, "samples")))
    with st.grid(4, gap="small"):
        _figure("Contributors", f"{len(table):,}", f"with {count(samples, 'sample')}")
        _figure(
            "κ",
            f"{kappa:.3g}",
            "of this run" if factor == PAPER else f"{factor:.2g} times that of the run",
        )
        for label, ends in (("Most useful", order[:1]), ("Least useful", order[-1:])):
            name = str(table["contributor"].iat[ends[0]]) if ends else "none"
            short = shortened(name, LONGEST_FIGURE)
            _figure(
                label,
                plain(short),
                f"value {found[ends[0]]:.4g}" if ends else "no value",
                help=None if short == name else plain(name),
            )


def _figure(label: str, value: str, note: str, help: str | None = None) -> None:
    st.metric(
        label,
        value,
        note,
        help=help,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
    )


def _values(table: pd.DataFrame, kappa: float) -> None:
    order = maths.ordered(numbers(table, "value"))
    shown, hidden = maths.both_ends(order)
    drawn = table.copy()
    for column in ("in_domain", "in_domain_std_error"):
        drawn[column] = kappa * numbers(table, column)
    best, worst = (str(table["contributor"].iat[at]) for at in (order[0], order[-1]))
    charts.show(
        charts.values(drawn, shown, hidden, dark=theme.dark()),
        key="contributor_values",
        alt=f"Values of {count(len(table), 'contributor')} with their two terms, from {best}, the "
        f"most useful, to {worst}, the least; the Table tab has the numbers",
    )
    said = "Longer to the right is more useful, in all three panels."
    if maths.intervals(numbers(table, "std_error")) is None:
        said += " This game is exact here: there is no sampling error to show."
    if hidden:
        half = maths.MOST_SHOWN // 2
        said += (
            f" **Only the {half} highest and the {half} lowest of {len(table):,} contributors are "
            f"drawn**; the Table tab has all."
        )
    st.caption(said)


def _curves(ws: Workspace, run: RunRecord, summary: dict[str, Any]) -> None:
    try:
        curves = frames.tables(ws, run, "curves")
    except NotFoundError:
        curves = pd.DataFrame()
    if curves.empty:
        empty_state("No curves", "This run did not measure what removing contributors does.")
        return
    measure = str(summary.get("performance", "performance"))
    st.markdown(
        f"A simple model, trained on what is in use, by **{plain(measure)}** on the trusted set "
        "(higher is better). Where the values are right, removing the lowest first costs least, "
        "and adding the highest first gains most. The grey line is the mean of random orders."
    )
    for place, (direction, title) in zip(
        st.columns(2, gap="medium"),
        (("remove", "Removing contributors"), ("add", "Adding contributors")),
        strict=True,
    ):
        with place:
            st.subheader(title)
            means = charts.curve_means(curves, direction)
            said = ", ".join(f"{charts.ORDERS[order]} {mean:.3g}" for order, mean in means.items())
            charts.show(
                charts.curve(curves, direction, measure),
                key=f"contributor_curve_{direction}",
                alt=f"{title}: mean {measure} along the way is {said}",
            )
            st.caption(f"Mean along the way: {said}.")
    full = summary.get("full_performance")
    everybody = "" if full is None else f" With everybody: {full:.4g}."
    st.caption(
        f"Orders are by the values at the run's own κ; the slider moves nothing here.{everybody}"
    )
