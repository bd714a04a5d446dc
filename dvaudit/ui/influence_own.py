"""Questions about samples of one's own: the choice between them and known ones, and answers.

The address names the question that is shown, "new" where one is to be asked.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Kind
from dvaudit.store import DatasetRecord, RunRecord, RunStatus, Workspace
from dvaudit.ui import influence_data as data
from dvaudit.ui.addressed import chosen_among, in_address, left_over, misread, not_followed
from dvaudit.ui.following import awaited, follow
from dvaudit.ui.history import number
from dvaudit.ui.influence_answers import on_own
from dvaudit.ui.influence_data import Scope
from dvaudit.ui.influence_form import NEW, QUESTION, form
from dvaudit.ui.influence_results import choose_scope, results
from dvaudit.ui.sample_facts import comparison, text_or_none
from dvaudit.ui.session import empty_state, page_button, refusals_shown
from dvaudit.ui.words import ago, count, plain

KNOWN, OWN = "known", "own"
ROW = "question_row"
_WAY, _EARLIER = "influence_way", "question_earlier"
_LONGEST = 40


def asks_own() -> bool:
    """Draw the choice between samples that the audit knew and one's own; True for the latter."""
    st.session_state[_WAY] = OWN if st.query_params.get(QUESTION) else KNOWN
    st.segmented_control(
        "Ask about",
        (KNOWN, OWN),
        format_func=lambda way: "A known sample" if way == KNOWN else "Your own",
        required=True,
        key=_WAY,
        on_change=_change_way,
        help="Known: the samples whose loss the audit was asked about. Your own: upload some.",
    )
    return bool(st.session_state[_WAY] == OWN)


def _change_way() -> None:
    in_address({QUESTION: [NEW] if st.session_state[_WAY] == OWN else []})


def takes_none(run: RunRecord) -> None:
    """Say where the address names a question and this audit can be asked nothing."""
    if left_over(QUESTION, run.id):
        in_address({QUESTION: []})
    not_followed(misread(QUESTION, (NEW,), "question"))


def choose(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> RunRecord | None:
    """Draw the question that is shown, the form of a new one, and the earlier ones."""
    asked = audits.questions.questions_of(ws, run.id)
    shown = _addressed(run, asked)
    if shown is not None:
        shown = awaited(ws, shown)
    if shown is not None and shown.status is RunStatus.DONE:
        _sample(ws, dataset, shown)
    if shown is not None and not shown.status.is_live:
        st.button(
            "Delete this question",
            key="question_delete",
            type="tertiary",
            icon=":material/delete:",
            on_click=_delete,
            args=(ws, shown.id),
        )
    why = data.cannot_ask(ws, run)
    if why:
        st.warning(f"**This audit takes no new questions.** {plain(why)}", icon=":material/block:")
        page_button("Go to Audit", "pages/audit.py", key="question_audit")
    elif shown is None:
        form(ws, dataset, run)
    else:
        with st.expander("Ask about another", icon=":material/upload:"):
            form(ws, dataset, run)
    _earlier(ws, asked, shown)
    return shown


def answer(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, question: RunRecord | None
) -> None:
    """Show what helped and hurt the samples of a question, how far it is, or why it failed."""
    if question is None:
        if not data.cannot_ask(ws, run):
            what = "a picture" if dataset.kind is Kind.IMAGE else "a few rows"
            empty_state(
                "Ask about a sample of your own",
                f"Upload {what} and say what the right label is. You then see the samples of "
                f"{plain(dataset.name)} that helped and hurt the training on it most.",
            )
        return
    if question.status is not RunStatus.DONE:
        st.markdown(f"**{plain(_name(question))}**")
        follow(ws, question, _new)
        return
    table = data.own_samples(ws, question)
    scope = choose_scope(dataset, "All of these") if len(table) > 1 else Scope.SAMPLE
    if data.in_halves(ws, run):
        st.caption(
            "Neither half was trained on your sample, so both runs are asked: each answers for the "
            "samples it was trained on."
        )
    results(ws, dataset, run, on_own(ws, question, table, _row(len(table)), scope))


def _addressed(run: RunRecord, asked: Sequence[RunRecord]) -> RunRecord | None:
    """Return the question that the address names, None for a new one."""
    other_audit = left_over(QUESTION, run.id)
    named = st.query_params.get(QUESTION, NEW)
    if named == NEW:
        return None
    found = next((question for question in asked if question.id == named), None)
    if found is None:
        in_address({QUESTION: [NEW]})
        if not other_audit:
            not_followed([f"question {named[:20]!r}"])
    return found


def _open(question_id: str) -> None:
    st.session_state.pop(ROW, None)
    in_address({QUESTION: [question_id], ROW: []})


def _new() -> None:
    _open(NEW)


def _row(rows: int) -> int:
    row = st.session_state.get(ROW)
    return row if isinstance(row, int) and 0 <= row < rows else 0


def _sample(ws: Workspace, dataset: DatasetRecord, question: RunRecord) -> None:
    """Draw a sample of a finished question, and which of them where there are several."""
    table = data.own_samples(ws, question)
    if len(table) > 1:
        st.session_state[ROW] = _row(len(table))
        st.selectbox(
            "Sample",
            range(len(table)),
            format_func=lambda at: f"{at + 1}: {table['id'].iat[at]}, {table['label'].iat[at]}",
            key=ROW,
        )
    row = _row(len(table))
    name = str(table["id"].iat[row])
    if dataset.kind is Kind.IMAGE:
        picture = audits.questions.picture_of_question(ws, question.id, row)
        st.image(picture, width="content", alt=f"Your sample {name}")
    else:
        _columns(data.own_columns(ws, question), row)
    st.metric("Label", plain(text_or_none(table["label"].iat[row]) or "none"))
    st.markdown(plain(name))
    summary = ws.run_summary(question.id)
    for line in _notes(summary["unreadable"], summary["notes"]):
        st.caption(line)


def _columns(columns: pd.DataFrame, row: int) -> None:
    if not columns.shape[1]:
        st.caption("Vectors have no columns to show.")
        return
    st.dataframe(
        comparison(columns, row, ()),
        hide_index=True,
        height=320 if columns.shape[1] > 8 else "content",
        alt="The columns of your sample",
    )


def _notes(unreadable: Sequence[Sequence[str]], notes: Sequence[str]) -> list[str]:
    """Return what a person should know of the file, one line each."""
    lines = [plain(note) for note in notes]
    if unreadable:
        first = ": ".join(map(str, unreadable[0]))
        rest = f" and {len(unreadable) - 1:,} more" if len(unreadable) > 1 else ""
        files = count(len(unreadable), "entry", "entries")
        lines.insert(0, f"{files} of the file could not be read: {plain(first)}{rest}.")
    return lines


def _earlier(ws: Workspace, asked: Sequence[RunRecord], shown: RunRecord | None) -> None:
    """Draw the choice of a question that was asked before."""
    if not asked or (len(asked) == 1 and shown is not None):
        return
    known = {question.id: question for question in asked}
    st.session_state[_EARLIER] = None if shown is None else shown.id
    st.selectbox(
        f"Earlier questions ({len(asked):,})",
        list(known),
        index=None,
        format_func=lambda key: _words(known[key]),
        key=_EARLIER,
        on_change=_reopen,
        args=(list(known),),
        placeholder="Choose one to see its answer",
    )


def _reopen(known: Sequence[str]) -> None:
    if st.session_state.get(_EARLIER) is None:
        _open(NEW)
    elif chosen := chosen_among(_EARLIER, known):
        _open(chosen)


def _delete(ws: Workspace, question_id: str) -> None:
    with refusals_shown():
        ws.delete_run(question_id)
        _new()


def _name(question: RunRecord) -> str:
    name = str(question.params["file"] or question.params["dataset"])
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"


def _words(question: RunRecord) -> str:
    label = question.params["label"]
    state = "" if question.status is RunStatus.DONE else f", {question.status}"
    return (
        f"{number(question)}: {_name(question)}{f', {label}' if label else ''}{state}, "
        f"{ago(question.created)}"
    )
