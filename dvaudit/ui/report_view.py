"""The report on the Export page: its sections are chosen, then it is written and downloaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import streamlit as st

from dvaudit import audits
from dvaudit.core.decisions import Decision
from dvaudit.reports import LEAST_SHOWN, MOST_SHOWN, Section, sections_of
from dvaudit.store import DatasetRecord, RunKind, RunRecord, Workspace
from dvaudit.ui.export_view import prepared_download, state_stamp

COLUMNS, STEP = 4, 20
_SHOWN = "report_shown"


def report_panel(
    ws: Workspace, dataset: DatasetRecord, run: RunRecord, decisions: Mapping[str, Decision]
) -> None:
    """Draw the choice of sections, and the buttons of the report as HTML and as JSON."""
    with st.container(border=True):
        choice = _chosen(dataset)
        stamp = state_stamp(run.id, decisions, ws.cut_off(run.id), _evidence(ws, dataset))
        with st.grid(2, gap="small"):
            if choice.sections:
                prepared_download(
                    *(ws, dataset, run, "report", f"{stamp}/{_key(choice)}"),
                    choice=choice,
                    what="report.html",
                )
            else:
                st.caption("Choose at least one section for the report.")
            prepared_download(*(ws, dataset, run, "report-json", stamp), what="report.json")
        st.caption(
            "report.html is one page that opens offline and prints to PDF from the browser. "
            "report.json has the figures, all decisions and the valuation card for programs, "
            "whatever sections are chosen."
        )


def _chosen(dataset: DatasetRecord) -> audits.Choice:
    st.markdown("**Sections**")
    sections = set()
    with st.grid(COLUMNS, gap="small"):
        for section in sections_of(dataset.task):
            if st.checkbox(
                section.heading,
                value=True,
                key=f"report_{section.value}",
                persist_state="session",
            ):
                sections.add(section)
    return audits.Choice(frozenset(sections), _shown(dataset, sections))


def _shown(dataset: DatasetRecord, sections: Collection[Section]) -> int:
    """Let a person say how many samples are shown, where data of this task have any to show."""
    if Section.SAMPLES not in sections_of(dataset.task):
        return LEAST_SHOWN
    pictures = dataset.kind == "image"
    return st.slider(
        "Samples shown, with their pictures" if pictures else "Samples shown, with their rows",
        LEAST_SHOWN,
        MOST_SHOWN,
        LEAST_SHOWN,
        STEP,
        key=_SHOWN,
        persist_state="session",
        disabled=Section.SAMPLES not in sections,
        help="The most suspicious ones. The report says how many more there are.",
    )


def _evidence(ws: Workspace, dataset: DatasetRecord) -> tuple[int, str]:
    """Return what changes a report beside the decisions: verdicts of others, and pruning runs."""
    newest = next(iter(ws.runs(dataset.id, RunKind.PRUNING)), None)
    pruned = "" if newest is None else f"{newest.id} {newest.status}"
    return sum(ws.versions(dataset.id).values()), pruned


def _key(choice: audits.Choice) -> str:
    return f"{','.join(sorted(choice.sections))}/{choice.shown}"
