"""The Agreement tab: how far the methods of an audit rank alike, and how the consensus is made."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dvaudit.store import RunRecord, Workspace
from dvaudit.ui import compare_charts as charts
from dvaudit.ui import compare_data as data
from dvaudit.ui import frames, theme
from dvaudit.ui.addressed import in_address, not_followed
from dvaudit.ui.contributors_charts import show
from dvaudit.ui.history import number
from dvaudit.ui.method_words import failures_told
from dvaudit.ui.samples_view import whole_number
from dvaudit.ui.session import empty_state
from dvaudit.ui.words import count, plain

K = "k"  # in the address


def enough_methods(ws: Workspace, run: RunRecord, frame: pd.DataFrame) -> bool:
    """True where an audit has two methods to compare; otherwise say how to get them."""
    failures_told(ws, run)
    found = data.methods(frame)
    if len(found) > 1:
        return True
    what = f"ran {plain(found[0])} only" if found else "gave no values"
    empty_state(
        "Nothing to compare yet",
        f"Audit {number(run)} {what}. Run an audit with two methods or more; the self-test needs "
        "none.",
        "pages/audit.py",
        "Go to Audit",
    )
    return False


@st.fragment
def agreement(ws: Workspace, run: RunRecord) -> None:
    """Show both maps side by side, and how the consensus is made."""
    frame = frames.findings(ws, run)
    if not enough_methods(ws, run, frame):
        return
    left, right = st.columns(2, gap="medium")
    with left:
        _correlations(ws, run)
    with right:
        _overlap(ws, run, len(frame))
    _consensus(frame)


def _correlations(ws: Workspace, run: RunRecord) -> None:
    st.header("Rank correlation")
    table = data.correlations(ws, run)
    show(
        charts.matrix(table, low=-1.0, form=".2f", what="rank correlation", dark=theme.dark()),
        key="compare_correlation",
        alt=charts.matrix_alt(table, "Rank correlation", ".2f"),
    )
    st.caption(
        "Spearman's, over all samples that both scored: 1 ranks alike, 0 unrelated, -1 opposite."
    )


def _overlap(ws: Workspace, run: RunRecord, samples: int) -> None:
    st.header("Overlap of the most suspicious")
    key, most = f"compare_k_{run.id}", max(samples, 2)
    wanted = whole_number(st.query_params.get(K, ""))
    if 1 <= wanted <= most:
        st.session_state[key] = wanted
    elif st.query_params.get(K):
        not_followed([f"k {st.query_params[K][:40]!r}, which goes from 1 to {most:,}"])
    if key not in st.session_state:
        st.session_state[key] = data.usual_k(ws, run)
    k = st.slider(
        "k, the most suspicious samples of each method",
        1,
        most,
        key=key,
        help="It starts at the number of samples flagged.",
        on_change=lambda: in_address({K: [str(st.session_state[key])]}),
        persist_state="session",
    )
    table = data.overlaps(ws, run, int(k))
    show(
        charts.matrix(table, low=0.0, form=".0%", what="overlap", dark=theme.dark()),
        key="compare_overlap",
        alt=charts.matrix_alt(table, f"Overlap of the first {k:,}", ".0%"),
    )
    st.caption(
        f"Share of the first {count(int(k), 'sample')} that two methods have in common. Two "
        f"random orders share {min(k / max(samples, 1), 1):.1%}."
    )


def _consensus(frame: pd.DataFrame) -> None:
    st.header("How the consensus is made")
    names, others = data.detectors(frame), []
    others = [name for name in data.methods(frame) if name not in names]
    if not names:
        st.markdown(
            "No method of this audit detects mislabels, so there is no consensus rank: "
            "samples are ranked by no one."
        )
        return
    listed = ", ".join(f"**{plain(name)}**" for name in names)
    said = (
        f"Of {count(len(names), 'method')}: {listed}. Each turns its values into ranks, divided "
        "by the number of samples it scored; a sample's consensus rank is the order of the "
        "**mean** of these. Ties keep the order of the data. A sample is flagged where more than "
        "half of the methods that flag do; where exactly half do, those that also suggest a "
        "label decide."
    )
    if others:
        said += (
            f" Left out: {', '.join(plain(name) for name in others)}, because low values there "
            "do not mean a wrong label."
        )
    st.markdown(said)
