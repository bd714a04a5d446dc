"""The Stability tab: how firm each method's ranks are over its draws, and over seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit import audits, findings
from dvaudit.store import RunRecord, RunStatus, Workspace
from dvaudit.ui import compare_charts as charts
from dvaudit.ui import compare_data as data
from dvaudit.ui import frames, theme
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.following import follow
from dvaudit.ui.ranking import numbers
from dvaudit.ui.sample_facts import NOTHING
from dvaudit.ui.session import empty_state, refusals_shown
from dvaudit.ui.words import count, plain

DRAWN = 60


@st.fragment
def stability(ws: Workspace, run: RunRecord) -> None:
    """Show how firm the ranks of each method are, then the rank intervals of one."""
    frame = frames.findings(ws, run)
    names = data.methods(frame)
    if not names:
        empty_state("No values", "This audit gave no values.", "pages/audit.py", "Go to Audit")
        return
    measured = [name for name in names if f"{name}.std_error" in frame]
    k = data.usual_k(ws, run)
    st.dataframe(
        _table(ws, run, frame, names, measured, k),
        hide_index=True,
        alt="How firm the ranks of each method are",
    )
    st.caption(
        "**Reliability**: the share of the spread of the values that is not chance, about the "
        "correlation with another run with new seeds; 1 is firm, 0 is noise. **Rank interval**: "
        "median width of the 95% interval of a sample's rank, of all samples. **Firm**: those "
        f"that stay among the {k:,} most suspicious over their whole interval. **Other seeds**: "
        "rank correlation with audits that differ in the seed alone."
    )
    exact = [name for name in names if name not in measured]
    if exact:
        st.caption(
            f"No standard errors from {', '.join(plain(name) for name in exact)}: exact given the "
            "features, or run once. Audits with other seeds show how they vary."
        )
    _other_seeds(ws, run)
    if measured:
        _intervals(ws, run, frame, measured, k)


def _other_seeds(ws: Workspace, run: RunRecord) -> None:
    """Follow the newest repeat of this audit until it is done, or offer to start the next one."""
    repeats = data.same_but_seed(ws, run)
    if repeats and repeats[0].status is not RunStatus.DONE:
        follow(ws, repeats[0])
        return
    seed = 1 + max(int(one.params.get("seed", 0)) for one in (run, *repeats))
    st.button(
        f"Audit again with seed {seed}",
        icon=":material/play_arrow:",
        on_click=_start,
        args=(ws, run, seed),
        help="The same methods with the same settings, in the background. When it is done, the "
        "column Other seeds compares it with this audit.",
    )


def _start(ws: Workspace, run: RunRecord, seed: int) -> None:
    params = run.params
    with refusals_shown():
        audits.start_audit(
            ws,
            run.dataset_id,
            params["valuators"],
            settings=params.get("settings"),
            extractor=params.get("extractor"),
            extractor_settings=params.get("extractor_settings"),
            trusted=params.get("trusted"),
            seed=seed,
            device=params.get("device", "auto"),
        )


def _table(
    ws: Workspace,
    run: RunRecord,
    frame: pd.DataFrame,
    names: list[str],
    measured: list[str],
    k: int,
) -> pd.DataFrame:
    rows = []
    for name in names:
        reliable = width = firm = NOTHING
        if name in measured:
            found = data.intervals(ws, run, name)
            errors = numbers(frame, f"{name}.std_error")
            reliable = f"{findings.reliability(data.values_of(frame, name), errors):.3f}"
            widths = (found.high - found.low)[np.isfinite(found.low)]
            scored = max(int(np.isfinite(found.ranks).sum()), 1)
            width = f"{np.median(widths) / scored:.1%}" if len(widths) else NOTHING
            firm = f"{findings.firm_first(found, k)[0]:,}"
        again = data.repeats(ws, run, name)
        seeds = ", ".join(
            f"{value:.2f} (audit {audit})"
            for audit, value in zip(again["audit"], again["correlation"], strict=True)
        )
        rows.append((name, reliable, width, firm, seeds or NOTHING))
    heads = ["Method", "Reliability", "Rank interval", f"Firm of the first {k:,}", "Other seeds"]
    return pd.DataFrame(rows, columns=heads)


def _intervals(
    ws: Workspace, run: RunRecord, frame: pd.DataFrame, measured: list[str], k: int
) -> None:
    st.header("Rank intervals")
    key = f"compare_stable_{run.id}"
    method = measured[0]
    if len(measured) > 1:
        chosen = st.segmented_control(
            "Method",
            measured,
            default=measured[0],
            key=key,
            required=True,
            persist_state="session",
        )
        method = chosen if chosen in measured else measured[0]
    found = data.intervals(ws, run, method)
    firm, across = findings.firm_first(found, k)
    scored = int(np.isfinite(found.ranks).sum())
    first = min(DRAWN, scored)
    show(
        charts.rank_ranges(
            found,
            frame["id"].astype(str).tolist(),
            DRAWN,
            theme.accent(),
            {f"the first {k:,}": k} if k < scored else {},
        ),
        key="compare_rank_intervals",
        alt=f"The {first:,} most suspicious samples by {method} with the ranks they may have; of "
        f"the first {k:,}, {firm:,} stay there",
    )
    st.caption(
        f"The {first:,} most suspicious of {count(scored, 'sample')} by {plain(method)}; bars are "
        "the ranks at the ends of the value's 95% interval, the other samples staying where they "
        f"are. Of the first {k:,}, {firm:,} stay there; the intervals of "
        f"{count(across, 'sample')} lie across that line."
    )
