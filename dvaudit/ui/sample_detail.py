"""One sample in full, in a dialog: what it is, what the methods say, and the verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import DvauditError
from dvaudit.findings import Finding, flags, kind_of, reason_of
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import filters, frames, sample_evidence
from dvaudit.ui.addressed import in_address
from dvaudit.ui.boards import review_board
from dvaudit.ui.components.picture import picture
from dvaudit.ui.components.steps import step_keys
from dvaudit.ui.filter_columns import columns_of
from dvaudit.ui.filters import SAMPLE
from dvaudit.ui.ranking import Columns
from dvaudit.ui.review_events import checked_label
from dvaudit.ui.reviewer import is_known, reviewer, reviewing_as
from dvaudit.ui.sample_facts import (
    comparison,
    given_label,
    method_table,
    number_text,
    short_label,
    suggested_label,
    text_or_none,
    verdict_text,
)
from dvaudit.ui.samples_view import close_sample, closed_sample, open_sample, whole_number
from dvaudit.ui.words import count, plain

SHORT_TABLE = 9  # rows that need no scrolling
WIDEST_CELL = 40  # characters that fit beside the name of a column
LONG_TEXTS = 3  # that need no scrolling
_REFUSAL = "sample_refusal"


def show_addressed(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Open the sample that the page's address names, if it names one."""
    named, samples = st.query_params.get_all(SAMPLE), len(frames.findings(ws, run))
    if not named:
        return
    if _addressed(samples) is None:
        in_address({SAMPLE: []})
        st.toast(f"There is no sample {plain(named[-1][:20])}; this dataset has {samples:,}.")
        return
    # One title for all samples: under another one the dialog would close and open at every step.
    st.dialog("Sample", width="large", on_dismiss=close)(_detail)(ws, dataset, run)


def _addressed(samples: int) -> int | None:
    """Return the position of the sample that the address names, of `samples`."""
    named = st.query_params.get_all(SAMPLE)
    position = whole_number(named[-1]) if named else -1
    return position if 0 <= position < samples else None


def close() -> None:
    """Take the sample out of the page's address."""
    close_sample()
    st.session_state.pop(_REFUSAL, None)


def _detail(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    frame = frames.findings(ws, run)
    position = _addressed(len(frame))
    if position is None:  # closed meanwhile
        return
    st.markdown(f"**{plain(str(frame['id'].iat[position]))}**")
    _steps(ws, dataset, run, position)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        if dataset.kind is Kind.IMAGE:
            name = f"Sample {frame['id'].iat[position]}"
            picture(dataset.id, position, name=name, key="detail_picture")
        else:
            _own_columns(ws, dataset, position)
    labelled = dataset.task is not Task.UNSUPERVISED
    with right:
        above = bool(flags(frame.iloc[[position]], ws.cut_off(run.id))[0])
        _labels(dataset, frame, position, above, labelled=labelled)
        _origin(columns_of(ws, dataset, run), position)
        if labelled:
            _verdicts(ws, dataset, run, frame, position)
    sample_evidence.duplicates(dataset, frame, position)
    sample_evidence.values(frame, position)
    sample_evidence.class_scores(ws, dataset, run, frame, position)
    sample_evidence.neighbours(ws, dataset, run, position)
    with st.expander("All quantities of the methods"):
        st.dataframe(method_table(frame, position), hide_index=True)


def _steps(ws: Workspace, dataset: DatasetRecord, run: RunRecord, position: int) -> None:
    """Draw the way to the samples before and after this one in the current selection."""
    positions = filters.selected_positions(ws, dataset, run, frames.findings(ws, run))
    found = np.flatnonzero(positions == position)
    if not len(found):
        st.caption("This sample is not among those that the filters show.")
        return
    place, closed = int(found[0]), closed_sample()

    def step_to(other: int) -> None:
        st.session_state.pop(_REFUSAL, None)
        if closed_sample() != closed:  # a step that was on its way when the dialog was closed
            in_address({SAMPLE: []})
            return
        open_sample(int(positions[other]))

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for words, icon, other in (
            ("Previous", ":material/chevron_left:", place - 1),
            ("Next", ":material/chevron_right:", place + 1),
        ):
            st.button(
                words,
                icon=icon,
                key=f"step_{words}",
                on_click=step_to,
                args=(other,),
                disabled=not 0 <= other < len(positions),
            )
        st.caption(f"{place + 1:,} of {count(len(positions), 'sample')}")
        step_keys(place, len(positions), key="step_keys", on_step=step_to)


def _labels(
    dataset: DatasetRecord, frame: pd.DataFrame, position: int, flagged: bool, *, labelled: bool
) -> None:
    if labelled:
        given, suggested = given_label(frame, position), suggested_label(frame, position)
        sides = (("Given label", given), ("Suggestion", suggested))
        for column, (words, label) in zip(st.columns(2), sides, strict=True):
            with column.container(gap=None):
                st.caption(words)
                st.markdown(f"**{plain(short_label(label, dataset.task) or 'none')}**")
    with st.container(horizontal=True, gap="xsmall"):
        if labelled:
            st.badge(f"Rank {number_text(frame['suspicion_rank'].iat[position])}", color="gray")
            st.badge(f"Margin {number_text(frame['margin'].iat[position])}", color="gray")
        if flagged:
            st.badge("Flagged: looks mislabelled", color="orange")
        elif kind_of(frame, position, flagged=False) is Finding.ATYPICAL:
            st.badge("Atypical, worth keeping", color="green")
        if bool(frame["duplicate_conflict"].iat[position]):
            st.badge("Duplicate with another label", color="red")
        elif text_or_none(frame["duplicate_group"].iat[position]):
            st.badge("Duplicate", color="blue")
        if bool(frame["outlier"].iat[position]):
            st.badge("Outlier", color="violet")
    reason = reason_of(frame, position, flagged=flagged)
    if reason:
        st.markdown(plain(reason))


def _origin(columns: Columns, position: int) -> None:
    """Say who contributed a sample and which split it is in, where the data tells."""
    parts = [
        f"{words}: **{plain(codes.names[codes.codes[position]])}**"
        for words, codes in (("Contributor", columns.groups), ("Split", columns.splits))
        if codes is not None and codes.names and codes.codes[position] >= 0
    ]
    if parts:
        st.markdown(" · ".join(parts))


def _verdicts(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, frame: pd.DataFrame, position: int
) -> None:
    sample_id = str(frame["id"].iat[position])
    suggested, waits = suggested_label(frame, position), not is_known()

    def judge(verdict: Verdict, label: str | None = None) -> None:
        _act(ws, dataset, sample_id, verdict, label)

    with st.grid(2, gap="small"):
        st.button("Keep", on_click=judge, args=(Verdict.KEEP,), width="stretch", disabled=waits)
        st.button(
            f"Relabel to {plain(str(short_label(suggested, dataset.task)))}"
            if suggested
            else "Relabel",
            on_click=judge,
            args=(Verdict.RELABEL, suggested),
            type="primary",
            disabled=suggested is None or waits,
            width="stretch",
            wrap=True,
        )
        st.button("Drop", on_click=judge, args=(Verdict.DROP,), width="stretch", disabled=waits)
        st.button("Unsure", on_click=judge, args=(Verdict.UNSURE,), width="stretch", disabled=waits)
    _other_label(dataset, judge, position)
    refusal = st.session_state.get(_REFUSAL)
    if refusal:
        st.error(plain(refusal), icon=":material/error:")
    with st.container(horizontal=True, vertical_alignment="center"):
        _standing(ws, dataset, audits.decisions(ws, dataset.id).get(sample_id), sample_id)
        reviewing_as(review_board(ws, dataset, run).spelled, place="_sample")


def _other_label(dataset: DatasetRecord, judge: object, position: int) -> None:
    key = f"other_label_{position}"

    def relabel() -> None:
        label = st.session_state[key]
        if label is not None and label != "":
            assert callable(judge)
            judge(Verdict.RELABEL, str(label))

    if dataset.task is Task.REGRESSION:
        st.number_input(
            "Relabel to",
            value=None,
            key=key,
            on_change=relabel,
            placeholder="A number",
            disabled=not is_known(),
        )
    else:
        st.selectbox(
            "Relabel to",
            list(dataset.class_names),
            index=None,
            key=key,
            on_change=relabel,
            placeholder="Another class",
            label_visibility="collapsed",
            disabled=not is_known(),
        )


def _standing(
    ws: Workspace, dataset: DatasetRecord, decision: Decision | None, sample_id: str
) -> None:
    if decision is None:
        st.caption("Not reviewed yet. A verdict is stored at once.", width="content")
        return

    def take_back() -> None:
        ws.clear(dataset.id, sample_id, reviewer=reviewer())

    st.markdown(f"Verdict: **{plain(verdict_text(decision))}**", width="content")
    st.button(
        "Take back",
        type="tertiary",
        icon=":material/undo:",
        on_click=take_back,
        disabled=not is_known(),
    )


def _act(
    ws: Workspace, dataset: DatasetRecord, sample_id: str, verdict: Verdict, label: str | None
) -> None:
    st.session_state.pop(_REFUSAL, None)
    try:
        if label is not None:
            label = checked_label(label, dataset.class_names)
        audits.decide(ws, dataset.id, sample_id, verdict, label, reviewer=reviewer())
    except DvauditError as refusal:
        st.session_state[_REFUSAL] = str(refusal)


def _own_columns(ws: Workspace, dataset: DatasetRecord, position: int) -> None:
    table = frames.features(ws, dataset)
    if not table.shape[1]:
        st.caption("This dataset holds vectors, which have no columns to show.")
        return
    own = comparison(table, position, ())
    long = own["This sample"].str.len() > WIDEST_CELL
    if not long.all():
        st.dataframe(
            own[~long],
            hide_index=True,
            height="content" if int((~long).sum()) <= SHORT_TABLE else 360,
            alt="The columns of this sample",
        )
    if long.any():
        with st.container(height="content" if int(long.sum()) <= LONG_TEXTS else 360, gap="xsmall"):
            for name, text in own[long].itertuples(index=False):
                st.caption(plain(name))
                st.markdown(plain(text))
