"""How far reviewers agree, and the samples on which they differ."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.findings.board import Board
from dvaudit.findings.raters import Kappa, PairAgreement
from dvaudit.ui.names import shown
from dvaudit.ui.queue_choice import go_to
from dvaudit.ui.review_queue import Kind
from dvaudit.ui.sample_facts import verdict_text
from dvaudit.ui.words import count

SHOWN = 50
TAB, FIRST_TAB = "review", "Queue"


def agreement(board: Board) -> None:
    """Draw Cohen's kappa of each two reviewers, and the confusion of one pair."""
    pairs = audits.agreement(board)
    if not pairs:
        st.caption(
            "No sample has been judged by two reviewers yet. Share a queue out with an overlap, or "
            "judge under Second opinion."
        )
        return
    st.dataframe(
        agreement_table(pairs),
        hide_index=True,
        height="content",
        alt="Agreement of each two reviewers",
    )
    st.caption(
        "Cohen's kappa: agreement beyond chance, 1 = always the same, 0 = as by chance; in "
        "brackets the 95% interval (none where the two agree on everything, or where one of them "
        "has one answer throughout: kappa is then 0 whatever the other says). “With label” also "
        "asks for the same new label."
    )
    names = [f"{shown(pair.one)} and {shown(pair.other)}" for pair in pairs]
    at = names.index(
        st.selectbox("Where two reviewers differ", names, key="agreement_pair", width=320)
        or names[0]
    )
    pair = pairs[at]
    table = pair.confusion.rename(index=str.capitalize, columns=str.capitalize)
    table.index.name = f"{shown(pair.one)} ↓ · {shown(pair.other)} →"
    st.dataframe(table, height="content", alt=f"Verdicts of {names[at]} on the same samples")


def agreement_table(pairs: list[PairAgreement]) -> pd.DataFrame:
    """Return one row per pair of reviewers, as it is shown."""
    return pd.DataFrame(
        {
            "Reviewers": [f"{shown(pair.one)} and {shown(pair.other)}" for pair in pairs],
            "Samples both judged": [pair.verdicts.shared for pair in pairs],
            "Same verdict": [f"{pair.verdicts.agreed:.0%}" for pair in pairs],
            "Kappa": [kappa_text(pair.verdicts) for pair in pairs],
            "Same with label": [f"{pair.outcomes.agreed:.0%}" for pair in pairs],
            "Kappa with label": [kappa_text(pair.outcomes) for pair in pairs],
        }
    )


def kappa_text(found: Kappa) -> str:
    """Return kappa with its interval, or why there is none."""
    if math.isnan(found.kappa):
        return "none: one answer throughout"
    if math.isnan(found.low):
        return _two(found.kappa) + (", one answer throughout" if found.agreed < 1.0 else "")
    return f"{_two(found.kappa)} ({_two(found.low)} to {_two(found.high)})"


def _two(number: float) -> str:
    return f"{round(number, 2) + 0.0:.2f}"  # + 0.0 makes -0.0 a plain zero


def conflicts(board: Board) -> None:
    """Draw the samples on which reviewers differ, and the way to settle them."""
    positions = board.conflicts()
    if not len(positions):
        st.caption("Reviewers agree wherever several have judged a sample.")
        return
    them = "it" if len(positions) == 1 else "them"
    st.markdown(
        f"**{count(len(positions), 'sample')}** with different verdicts. Until somebody settles "
        f"{them}, the newest verdict is in force, also in what is exported."
    )
    st.button(f"Settle {them}", type="primary", icon=":material/balance:", on_click=_to_conflicts)
    rows = [_conflict_row(board, at) for at in positions[:SHOWN].tolist()]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height="content" if len(rows) <= 16 else 600,
        alt="Samples on which reviewers differ",
    )
    if len(positions) > SHOWN:
        st.caption(f"and {len(positions) - SHOWN:,} more.")


def _conflict_row(board: Board, at: int) -> dict[str, str]:
    said = [f"{shown(name)}: {verdict_text(made)}" for name, made, _ in board.opinions_on(at)]
    return {
        "Sample": board.places.name(at),
        "Said, oldest first": " · ".join(said),
        "In force": verdict_text(board.in_force(at)) or "no verdict",
    }


def _to_conflicts() -> None:
    go_to(Kind.CONFLICTS)
    st.session_state[TAB] = FIRST_TAB
