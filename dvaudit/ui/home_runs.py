"""The runs of a dataset on the home page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dvaudit.core.machine import size_text
from dvaudit.store import DatasetRecord, RunKind, RunRecord, RunStatus, Workspace
from dvaudit.ui import home_facts
from dvaudit.ui.home_removal import delete_run
from dvaudit.ui.words import ago, count, duration, plain

NOTHING = r"\-"  # unescaped it begins a list
MOST = 10  # runs drawn before "more"
_WIDTHS = (2, 4, 2, 2, 1.5, 1.5, 1.5)
_HEADS = ("Run", "Methods", "State", "When", "Took", "Size", "")
_PAGES: dict[RunKind, tuple[str, dict[str, str]]] = {
    RunKind.IMPORT: ("data", {}),
    RunKind.AUDIT: ("samples", {}),
    RunKind.CONTRIBUTORS: ("contributors", {}),
    RunKind.TRAINING: ("samples", {"view": "Training"}),
    RunKind.SELFTEST: ("compare", {"compare": "Self-test"}),
    RunKind.PRUNING: ("pruning", {}),
    RunKind.MAP: ("samples", {}),
    RunKind.QUERY: ("influence", {}),
}


def runs_of(ws: Workspace, record: DatasetRecord, runs: Sequence[RunRecord]) -> None:
    """List the runs of a dataset, newest first, below a line that opens; nothing without runs."""
    if not runs:
        return
    size = sum(home_facts.run_bytes(ws, run) for run in runs)
    opened = st.expander(
        count(len(runs), "run") + (f", {size_text(size)}" if size else ""),
        key=f"runs_{record.id}",
        on_change="rerun",
        icon=":material/history:",
    )
    if not opened.open:
        return
    with opened:
        everything = f"all_runs_{record.id}"
        most = len(runs) if st.session_state.get(everything) else MOST
        for column, head in zip(st.columns(_WIDTHS), _HEADS, strict=True):
            column.caption(head)
        for run in runs[:most]:
            _row(ws, run)
        if len(runs) > most:
            st.button(
                f"Show {len(runs) - most:,} more",
                key=f"more_{record.id}",
                on_click=lambda: st.session_state.update({everything: True}),
            )


def _row(ws: Workspace, run: RunRecord) -> None:
    name, methods, state, when, took, size, action = st.columns(
        _WIDTHS, vertical_alignment="center"
    )
    with name:
        link(run)
    methods.markdown(plain(", ".join(run.params.get("valuators", ()))) or NOTHING)
    state.markdown(_state(run))
    when.markdown(ago(run.finished or run.created))
    took.markdown(_took(run))
    taken = home_facts.run_bytes(ws, run)
    size.markdown(size_text(taken) if taken else NOTHING)
    if run.kind is not RunKind.IMPORT and action.button(
        "Delete",
        key=f"delete_run_{run.id}",
        type="tertiary",
        disabled=run.status.is_live,
        help="Cancel it first." if run.status.is_live else f"Delete {run.title}",
    ):
        delete_run(ws, run, run.title)


def link(run: RunRecord) -> None:
    """Draw the link to where the results of a run are; its title where there is no such page."""
    place = _PAGES.get(run.kind)
    if place is None:
        st.markdown(plain(run.title))
        return
    page, more = place
    query = {"dataset": run.dataset_id, **more}
    if run.kind is RunKind.AUDIT:
        query["run"] = run.id
        if run.status is not RunStatus.DONE:
            page = "audit"
    if run.kind is RunKind.QUERY:
        query |= {"run": str(run.params["audit"]), "question": run.id}
    st.page_link(f"pages/{page}.py", label=run.title, query_params=query)


def _state(run: RunRecord) -> str:
    if run.status is RunStatus.RUNNING:
        return f"running, {run.fraction:.0%}"
    if run.error:
        return f"{run.status}: {plain(run.error)}"
    return run.status.value


def _took(run: RunRecord) -> str:
    if run.started is None or run.finished is None:
        return NOTHING
    return duration((run.finished - run.started).total_seconds())
