"""One sample in full, in a dialog: what it is, what the methods say, and the verdict."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dvaudit import audits
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import DvauditError
from dvaudit.findings import Finding, flags, kind_of, reason_of
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.ui import frames
from dvaudit.ui.components.gallery import Card, gallery
from dvaudit.ui.components.picture import picture
from dvaudit.ui.review_events import checked_label
from dvaudit.ui.sample_facts import (
    comparison,
    given_label,
    method_table,
    number_text,
    suggested_label,
    text_or_none,
    verdict_text,
)
from dvaudit.ui.samples_view import SAMPLE, open_sample
from dvaudit.ui.words import plain

PICTURES, ROWS = 5, 3
_REFUSAL = "sample_refusal"


def show_addressed(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Open the sample that the page's address names, if it names one."""
    named = st.query_params.get(SAMPLE)
    if named is None:
        return
    samples = len(frames.findings(ws, run))
    if not (named.isascii() and named.isdigit() and int(named) < samples):
        st.query_params.pop(SAMPLE, None)
        st.toast(f"There is no sample {plain(named[:20])}; this dataset has {samples:,}.")
        return
    position = int(named)
    title = plain(str(frames.findings(ws, run)["id"].iat[position]))
    st.dialog(title, width="large", on_dismiss=close)(_detail)(ws, dataset, run, position)


def close() -> None:
    """Take the sample out of the page's address."""
    st.query_params.pop(SAMPLE, None)
    st.session_state.pop(_REFUSAL, None)


def _detail(ws: Workspace, dataset: DatasetRecord, run: RunRecord, position: int) -> None:
    frame = frames.findings(ws, run)
    left, right = st.columns([1, 1], gap="medium")
    with left:
        if dataset.kind is Kind.IMAGE:
            name = f"Sample {frame['id'].iat[position]}"
            picture(dataset.id, position, name=name, key="detail_picture")
        else:
            _own_columns(ws, dataset, position)
    with right:
        above = bool(flags(frame, ws.cut_off(run.id))[position])
        _labels(frame, position, above)
        _verdicts(ws, dataset, frame, position)
    _neighbours(ws, dataset, run, position)
    with st.expander("All quantities of the methods"):
        st.dataframe(method_table(frame, position), hide_index=True)


def _labels(frame: pd.DataFrame, position: int, flagged: bool) -> None:
    suggested = suggested_label(frame, position)
    columns = st.columns(2)
    columns[0].metric("Given label", plain(given_label(frame, position) or "none"))
    columns[1].metric("Suggestion", plain(suggested or "none"))
    with st.container(horizontal=True, gap="xsmall"):
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


def _verdicts(ws: Workspace, dataset: DatasetRecord, frame: pd.DataFrame, position: int) -> None:
    sample_id = str(frame["id"].iat[position])
    suggested = suggested_label(frame, position)

    def judge(verdict: Verdict, label: str | None = None) -> None:
        _act(ws, dataset, sample_id, verdict, label)

    with st.grid(2, gap="small"):
        st.button("Keep", on_click=judge, args=(Verdict.KEEP,), width="stretch")
        st.button(
            f"Relabel to {plain(suggested)}" if suggested else "Relabel",
            on_click=judge,
            args=(Verdict.RELABEL, suggested),
            type="primary",
            disabled=suggested is None,
            width="stretch",
        )
        st.button("Drop", on_click=judge, args=(Verdict.DROP,), width="stretch")
        st.button("Unsure", on_click=judge, args=(Verdict.UNSURE,), width="stretch")
    _other_label(dataset, judge, position)
    refusal = st.session_state.get(_REFUSAL)
    if refusal:
        st.error(plain(refusal), icon=":material/error:")
    _standing(ws, dataset, audits.decisions(ws, dataset.id).get(sample_id), sample_id)


def _other_label(dataset: DatasetRecord, judge: object, position: int) -> None:
    key = f"other_label_{position}"

    def relabel() -> None:
        label = st.session_state[key]
        if label is not None and label != "":
            assert callable(judge)
            judge(Verdict.RELABEL, str(label))

    if dataset.task is Task.REGRESSION:
        st.number_input(
            "Relabel to", value=None, key=key, on_change=relabel, placeholder="A number"
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
        )


def _standing(
    ws: Workspace, dataset: DatasetRecord, decision: Decision | None, sample_id: str
) -> None:
    if decision is None:
        st.caption("Not reviewed yet. A verdict is stored at once.")
        return

    def take_back() -> None:
        ws.clear(dataset.id, sample_id)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Verdict: **{plain(verdict_text(decision))}**", width="content")
        st.button(
            "Take back",
            type="tertiary",
            icon=":material/undo:",
            on_click=take_back,
        )


def _act(
    ws: Workspace, dataset: DatasetRecord, sample_id: str, verdict: Verdict, label: str | None
) -> None:
    st.session_state.pop(_REFUSAL, None)
    try:
        if label is not None:
            label = checked_label(label, dataset.class_names)
        audits.decide(ws, dataset.id, sample_id, verdict, label)
    except DvauditError as refusal:
        st.session_state[_REFUSAL] = str(refusal)


def _own_columns(ws: Workspace, dataset: DatasetRecord, position: int) -> None:
    table = frames.features(ws, dataset)
    if not table.shape[1]:
        st.caption("This dataset holds vectors, which have no columns to show.")
        return
    st.dataframe(
        comparison(table, position, ()),
        hide_index=True,
        height=360,
        alt="The columns of this sample",
    )


def _neighbours(ws: Workspace, dataset: DatasetRecord, run: RunRecord, position: int) -> None:
    pictures = dataset.kind is Kind.IMAGE
    found = frames.neighbours(ws, run, position, PICTURES if pictures else ROWS)
    places = st.columns(2, gap="medium") if pictures else (st.container(), st.container())
    for place, same in zip(places, (True, False), strict=True):
        near = [other for other in found if other.same == same]
        if near:
            with place:
                st.markdown(f"**Nearest with {'the same label' if same else 'other labels'}**")
                if pictures:
                    _neighbour_pictures(dataset, near, same)
                else:
                    _neighbour_rows(ws, dataset, position, near, same)


def _neighbour_pictures(dataset: DatasetRecord, near: list[frames.Neighbour], same: bool) -> None:
    cards = [
        Card(other.position, other.label or "no label", _angle(other), name=other.id)
        for other in near
    ]
    opened = gallery(dataset.id, cards, key=f"near_{same}", size=84)
    if opened is not None:
        open_sample(opened)
        st.rerun()


def _neighbour_rows(
    ws: Workspace,
    dataset: DatasetRecord,
    position: int,
    near: list[frames.Neighbour],
    same: bool,
) -> None:
    features = frames.features(ws, dataset)
    rows = features.iloc[[other.position for other in near]].reset_index(drop=True)
    facts = pd.DataFrame(
        {
            "Id": [other.id for other in near],
            "Given": [other.label for other in near],
            "Angle": [_angle(other) for other in near],
        }
    )
    rows = rows.rename(columns=lambda name: f"{name} (column)" if name in facts else str(name))
    st.dataframe(
        pd.concat([facts, rows], axis=1),
        key=f"near_rows_{same}_{position}",
        hide_index=True,
        height="content",
        alt="Neighbours, nearest first",
    )


def _angle(other: frames.Neighbour) -> str:
    """Return how far a neighbour is, in degrees between the two vectors."""
    return f"{other.angle * 57.29578:.0f}°"
