"""What the verdicts so far say: precision of the flags, errors left, and where to cut off."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.findings import CutBy, CutOff, ErrorRate
from dvaudit.findings.audit_sample import AUDIT_SIZE
from dvaudit.findings.earned_types import Earned
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.earned_charts import chart_alt, precision_chart
from dvaudit.ui.earned_words import Figure, figures, first_words, rows, verdict_words
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.theme import dark
from dvaudit.ui.words import count

LEVELS = (0.25, 0.5, 0.75, 0.9)
_CONFIG = {"displayModeBar": False}


def earned_panel(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Draw what the verdicts on `dataset` say of the audit `run`; nothing where nothing is ranked.

    Call it where a verdict reruns the script, so that it is up to date after each.
    """
    frame, summary = frames.findings(ws, run), frames.summary(ws, run)
    detail = f"earned_detail_{run.id}"
    opened = bool(st.session_state.get(detail))
    methods = ErrorRate(**summary["error_rate"])
    found, rate = audits.earned_so_far(ws, run, frame=frame, summary=summary, separately=opened)
    if not found.ranked:
        return
    waiting = first_words(found)
    if waiting:
        st.caption(waiting)
    else:
        with st.grid(4, gap="small"):
            for figure in figures(found, rate, methods):
                _figure(figure)
        st.caption(verdict_words(found, rate, methods))
    more = st.expander(
        "Precision along the order, cut-off and audit sample",
        key=detail,
        on_change="rerun",
    )
    if more.open:
        with more:
            _details(ws, run, found, methods, frame)


def _figure(figure: Figure) -> None:
    st.metric(
        figure.label,
        figure.value,
        figure.note,
        delta_color="off",
        delta_arrow="off",
        border=True,
        height="stretch",
        help=figure.help,
    )


def _details(
    ws: Workspace, run: RunRecord, found: Earned, methods: ErrorRate, frame: pd.DataFrame
) -> None:
    left, right = st.columns([3, 2], gap="medium")
    with right:
        suggested = _cut_off(ws, run, found)
        _audit_sample(ws, run, found, frame)
    with left:
        st.plotly_chart(
            precision_chart(found, suggested, dark=dark()),
            key=f"earned_chart_{run.id}",
            config=_CONFIG,
            alt=chart_alt(found, suggested),
        )
        st.caption(
            "Points: share of judged samples that were relabelled or dropped, each for the places "
            "its flat line spans. Upright bars and the band are 95% intervals. Dotted: expected "
            "for samples not judged yet."
        )
        table = pd.DataFrame(rows(found, methods), columns=["Wrong labels in all", "Share", "95%"])
        st.table(table.set_index("Wrong labels in all"), border="horizontal")


def _cut_off(ws: Workspace, run: RunRecord, found: Earned) -> int:
    """Draw the suggestion of a cut-off and return it, as a number of samples."""
    level = st.segmented_control(
        "Flag while at least this share is worth it",
        list(LEVELS),
        format_func=lambda share: f"{share:.0%}",
        default=0.5,
        required=True,
        key=f"earned_level_{run.id}",
        help="Worth it: relabelled or dropped. The cut-off is suggested where the expected "
        "precision falls below this. Lower finds more, higher wastes less time on good samples.",
    )
    suggested = found.cut_at(float(level or 0.5))
    if not suggested:
        st.caption("No place is that precise yet, or too little is judged in order to tell.")
        return 0
    st.markdown(
        f"Suggested: the **{count(suggested, 'most suspicious sample')}**"
        if found.by_rank
        else f"Suggested: the **first {suggested:,} in order of review**"
    )
    st.button(
        "Move the cut-off here",
        key=f"earned_move_{run.id}",
        icon=":material/vertical_align_center:",
        on_click=_move,
        args=(ws, run.id, suggested),
        disabled=ws.cut_off(run.id) == CutOff(CutBy.RANK, rank=suggested),
        help="What counts as flagged changes on every page and in every file.",
    )
    if not found.by_rank:
        st.caption(
            f"Moving it flags the {count(suggested, 'most suspicious rank')} instead of the "
            f"methods' {found.flagged:,} flags, which are not all among the first ranks. The "
            "order of review changes with it, and so do these numbers."
        )
    return suggested


def _move(ws: Workspace, run_id: str, rank: int) -> None:
    with refusals_shown():
        audits.set_cut_off(ws, run_id, CutOff(CutBy.RANK, rank=rank))


def _audit_sample(ws: Workspace, run: RunRecord, found: Earned, frame: pd.DataFrame) -> None:
    if found.drawn:
        st.markdown(
            f"**Random audit sample**: {found.audited:,} of {found.drawn:,} judged, in the order "
            "drawn. Choose it as the queue to go on."
        )
    else:
        st.markdown(
            "**Random audit sample**: none drawn yet. It alone tells how many wrong labels no "
            "method sees."
        )
    size = min(max(AUDIT_SIZE, found.drawn + AUDIT_SIZE // 2), found.ranked)
    if size > found.drawn:
        st.button(
            f"Draw {count(size, 'sample')} at random"
            if not found.drawn
            else f"Draw {size - found.drawn:,} more",
            key=f"earned_draw_{run.id}",
            icon=":material/casino:",
            on_click=_draw,
            args=(ws, run.id, size, frame),
        )


def _draw(ws: Workspace, run_id: str, size: int, frame: pd.DataFrame) -> None:
    with refusals_shown():
        audits.draw_audit_sample(ws, run_id, size, frame=frame)
