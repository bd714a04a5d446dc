"""The page of one method."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from dvaudit.core.errors import DvauditError
from dvaudit.core.machine import size_text
from dvaudit.store import DatasetRecord, Workspace
from dvaudit.ui import home_runs
from dvaudit.ui import methods_facts as facts
from dvaudit.ui.words import ago, count, duration, plain
from dvaudit.valuators import Level, ValuatorInfo

MOST_RUNS = 10
_SHOWN = "method_shown"


def note_address(wanted: str | None) -> None:
    """Tell the browser the address after a link from this page to itself.

    Streamlit leaves the old one there; where a dataset is chosen, noting that corrects it.
    """
    before = st.session_state.get(_SHOWN, wanted)
    st.session_state[_SHOWN] = wanted
    if before != wanted:
        st.query_params.from_dict(st.query_params.to_dict())


def method(ws: Workspace, dataset: DatasetRecord | None, info: ValuatorInfo) -> None:
    """Draw everything a method says of itself, its cost, and the runs that used it."""
    st.page_link("pages/methods.py", label="All methods", icon=":material/arrow_back:")
    st.title(plain(info.title))
    st.caption(plain(f"{info.name} · {facts.tasks_text(info)} · values {info.level}s"))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _said("What it measures", [info.summary])
        _said("When to use it", [info.use])
        _said("What it needs", facts.needs_sentences(info))
        _said("What its values mean", facts.sign(info))
        _said("Does the seed matter?", [facts.seed_text(info)])
        _said("Reference", [info.reference])
    with right, st.container(border=True):
        _cost(ws, dataset, info)
    st.markdown("## Settings")
    _settings(info)
    st.markdown("## Runs that used it")
    _runs(ws, info)


def _said(heading: str, sentences: Iterable[str]) -> None:
    st.markdown(f"## {heading}")
    said = [plain(sentence) for sentence in sentences]
    st.markdown(said[0] if len(said) == 1 else "\n".join(f"- {text}" for text in said))


def _cost(ws: Workspace, dataset: DatasetRecord | None, info: ValuatorInfo) -> None:
    st.markdown("## Cost")
    cost = facts.cost_of(ws, dataset, info)
    if isinstance(cost, DvauditError):
        st.markdown(plain(str(cost)))
    else:
        time, memory = st.columns(2)
        time.metric("Time, about", duration(cost.seconds))
        memory.metric("Memory, at most", size_text(cost.bytes))
        st.caption(plain(f"{facts.cost_for(dataset)}, features given: {cost.plan}"))
    reason = _why_not(dataset, info)
    people = info.level is Level.CONTRIBUTOR
    if st.button(
        "Value contributors with it" if people else "Audit with this method",
        key="use_method",
        type="primary",
        icon=":material/groups:" if people else ":material/troubleshoot:",
        disabled=reason is not None,
        width="stretch",
    ):
        if people:
            st.switch_page("pages/contributors.py")
        st.switch_page("pages/audit.py", query_params={"with": info.name})
    st.caption(reason or "It is added to the methods that are chosen there. Nothing starts yet.")


def _why_not(dataset: DatasetRecord | None, info: ValuatorInfo) -> str | None:
    """Return why the chosen dataset cannot be valued with a method, None if it can."""
    if dataset is None:
        return "Add a dataset first, in Data."
    if not facts.is_ready(dataset):
        return plain(f"{dataset.name} is not ready: {dataset.status}.")
    if dataset.task not in info.tasks:
        return plain(
            f"It works on {facts.tasks_text(info).lower()}; {dataset.name} is for {dataset.task}."
        )
    if facts.absent(info):
        return plain(f"Not installed: pip install 'dvaudit[{info.requires}]'.")
    return None


def _settings(info: ValuatorInfo) -> None:
    if not info.settings:
        st.markdown("It has no settings.")
        return
    table = facts.settings_table(info.settings)
    # Cells of this table are Markdown.
    st.table(
        pd.DataFrame({name: table[name].map(plain) for name in table}),
        border="horizontal",
        hide_index=True,
    )


def _runs(ws: Workspace, info: ValuatorInfo) -> None:
    names = {record.id: record.name for record in ws.datasets()}
    runs = [run for run in facts.used_by(ws.runs(), info) if run.dataset_id in names]
    if not runs:
        st.markdown("None in this workspace yet.")
        return
    for run in runs[:MOST_RUNS]:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            home_runs.link(run)
            st.caption(
                plain(
                    f"{names[run.dataset_id]} · {run.status} · {ago(run.finished or run.created)}"
                )
            )
    if len(runs) > MOST_RUNS:
        st.caption(f"{count(len(runs) - MOST_RUNS, 'earlier run')} more: see Home.")
