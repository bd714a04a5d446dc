"""Several reviewers: who did how much, who is to do what, how far they agree, where they differ."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.decisions import Assignment, Verdict
from dvaudit.findings.board import Board
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui.agreement_view import agreement, conflicts
from dvaudit.ui.names import shown, tidy
from dvaudit.ui.pace import rate_text
from dvaudit.ui.queue_choice import WORDS, open_queue
from dvaudit.ui.review_queue import Kind
from dvaudit.ui.reviewer import reviewer
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.words import ago, count, plain

_PACE = "Verdicts a minute"
SHARED = (Kind.SUSPICION, Kind.DISAGREEMENT, Kind.SELECTION, Kind.AUDIT)


def team(ws: Workspace, dataset: DatasetRecord, run: RunRecord, board: Board) -> None:
    """Draw what several reviewers of a dataset need."""
    made = ws.assignment(dataset.id)
    st.header("Reviewers")
    table = reviewers_table(board, made, time.time())
    if table.empty:
        st.caption("Nobody has judged a sample yet.")
    else:
        st.dataframe(
            table,
            hide_index=True,
            height="content",
            column_config={_PACE: st.column_config.TextColumn(help="Over 5 minutes.")},
            alt="Reviewers, and what each has judged",
        )
    st.header("Assignments")
    assignments(ws, dataset, run, board, made)
    st.header("Agreement")
    agreement(board)
    st.header("Conflicts")
    conflicts(board)


def reviewers_table(board: Board, made: Assignment | None, now: float) -> pd.DataFrame:
    """Return what each reviewer has judged, and of their own part, where there is one.

    Args:
        now: seconds since 1970.
    """
    counts = board.counts()
    parts = {} if made is None else {board.spelled(who): own for who, own in made.parts.items()}
    rows = []
    for name in sorted({*counts, *parts}):
        pace, mine = board.pace(name, now), counts.get(name, Counter[str]())
        row: dict[str, object] = {"Reviewer": shown(name), "Judged": pace.judged}
        row |= {verdict.value.capitalize(): mine.get(verdict.value, 0) for verdict in Verdict}
        if parts:
            row["Of own part"] = _part_done(board, name, parts.get(name, ()))
        row[_PACE] = "" if pace.per_minute is None else rate_text(pace.per_minute)
        rows.append(row)
    return pd.DataFrame(rows)


def _part_done(board: Board, name: str, part: tuple[str, ...]) -> str:
    if not part:
        return "no part"
    done = len(set(board.judged_by(name).tolist()) & set(board.places.find(part).tolist()))
    return f"{done:,} of {len(part):,}"


def assignments(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, board: Board, made: Assignment | None
) -> None:
    """Draw what is shared out, and the form to share a queue out."""
    if made is None:
        st.caption("Nothing is shared out: everybody sees every queue.")
    else:
        made_at = ago(datetime.fromtimestamp(made.at, UTC))
        total = len({name for part in made.parts.values() for name in part})
        twice = sum(map(len, made.parts.values())) - total
        st.caption(
            f"{count(total, 'sample')} of “{plain(made.queue)}” shared out among "
            f"{count(len(made.parts), 'reviewer')}, {twice:,} of them to two; {made_at} by "
            f"{plain(shown(made.made_by))}. Each finds theirs under My part."
        )
    with st.expander("Share a queue out"), st.form("share_out", border=False):
        names = st.text_input(
            "Reviewers",
            key="share_names",
            placeholder="Ann, Bob, Cleo",
            help="Names, with commas between them.",
        )
        kind = st.selectbox(
            "Queue", [item.value for item in SHARED], format_func=lambda item: WORDS[Kind(item)]
        )
        overlap = st.slider(
            "Judged by two, % of the samples",
            0,
            100,
            10,
            key="share_overlap",
            help="Drawn at random. Samples that two judge tell how far they agree.",
        )
        seed = st.number_input("Seed", min_value=0, value=0, step=1)
        again = st.checkbox("Also samples that have a verdict")
        if st.form_submit_button("Share out", type="primary"):
            with refusals_shown():
                queue = open_queue(
                    ws, dataset, run, board, Kind(kind), "", every=False, reviewed=True
                )
                order = queue.order
                if not again:
                    order = order[board.standing()[order] == 0]
                audits.assign(
                    ws,
                    dataset.id,
                    [board.places.name(int(at)) for at in order],
                    [name for name in map(tidy, names.split(",")) if name],
                    overlap=overlap / 100,
                    seed=int(seed),
                    made_by=reviewer(),
                    queue=WORDS[Kind(kind)],
                )
                st.rerun()
    if made is not None:
        st.button(
            "End the assignment",
            help="Verdicts stay.",
            on_click=lambda: audits.unassign(ws, dataset.id, made_by=reviewer()),
        )
