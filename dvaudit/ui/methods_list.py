"""All methods: in groups with what they measure, and side by side in a table."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dvaudit import features
from dvaudit.store import DatasetRecord, Workspace
from dvaudit.ui import methods_facts as facts
from dvaudit.ui.auditing import default_first
from dvaudit.ui.row_choice import chosen_row, how_to_choose
from dvaudit.ui.words import count, plain
from dvaudit.valuators import ValuatorInfo

LIST, TABLE, FEATURES = "List", "Side by side", "Features"


def methods(ws: Workspace, dataset: DatasetRecord | None, infos: Sequence[ValuatorInfo]) -> None:
    """Draw the filters, and what passes them as a list or as a table."""
    listed, table, vectors = st.tabs(
        [LIST, TABLE, FEATURES], key="shown", on_change="rerun", bind="query-params"
    )
    if listed.open:
        with listed:
            _list(_filtered(infos, "list"))
    if table.open:
        with table:
            _table(ws, dataset, _filtered(infos, "table"))
    if vectors.open:
        with vectors:
            _extractors()


def _filtered(infos: Sequence[ValuatorInfo], where: str) -> list[ValuatorInfo]:
    names = {text: task for task, text in facts.TASKS.items()}
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom"):
        task = st.pills("Works on", list(names), key="task", bind="query-params")
        without = st.pills(
            "Leave out what needs",
            facts.NEEDS,
            selection_mode="multi",
            key="without",
            bind="query-params",
        )
    found = facts.fitting(infos, [names[task]] if task else [], without)
    st.caption(
        count(len(found), "method")
        if len(found) == len(infos)
        else f"{len(found):,} of {count(len(infos), 'method')}"
    )
    return found


def _list(infos: Sequence[ValuatorInfo]) -> None:
    for heading, said in facts.HEADINGS.items():
        members = sorted(
            (info for info in infos if facts.group(info) == heading), key=default_first
        )
        if not members:
            continue
        st.markdown(f"## {heading}")
        st.caption(said)
        with st.grid(3, gap="small", border=True, key=f"group_{heading}"):
            for info in members:
                with st.container(gap="xsmall", height="stretch"):
                    method_link(info)
                    st.markdown(plain(info.use))
                    st.caption(plain(facts.needs_line(info)))


def method_link(info: ValuatorInfo) -> None:
    """Draw the link to the page of a method."""
    st.page_link("pages/methods.py", label=info.title, query_params={"method": info.name})


def _table(ws: Workspace, dataset: DatasetRecord | None, infos: Sequence[ValuatorInfo]) -> None:
    if not infos:
        st.markdown("No method passes these filters.")
        return
    costs = {info.name: facts.cost_of(ws, dataset, info) for info in infos}
    st.dataframe(
        facts.comparison(infos, costs),
        key="methods_table",
        alt="The methods side by side",
        hide_index=True,
        height=35 * (len(infos) + 1) + 3,
        on_select=lambda: _open(infos),
        selection_mode="single-row",
        column_config={
            "Method": st.column_config.TextColumn(pinned=True),
            "Time": st.column_config.TextColumn(help="About, on this machine, features given."),
            "Memory": st.column_config.TextColumn(help="At most."),
            "Wrong labels": st.column_config.CheckboxColumn(help="Made to find wrong labels."),
            "Seed": st.column_config.CheckboxColumn(help="Another seed gives other values."),
        },
    )
    st.caption(
        plain(f"Time and memory are {facts.cost_for(dataset)}, features given, on this machine.")
    )
    how_to_choose("open the method")


def _open(infos: Sequence[ValuatorInfo]) -> None:
    row = chosen_row("methods_table", len(infos))
    if row is not None:
        st.query_params["method"] = infos[row].name


def _extractors() -> None:
    st.caption("Methods see vectors. This is how samples become vectors; choose one in Audit.")
    with st.grid(3, gap="small", border=True):
        for extractor in features.extractors().values():
            with st.container(gap="xsmall", height="stretch"):
                st.markdown(f"**{plain(extractor.title)}**")
                st.markdown(plain(extractor.summary))
                kinds = ", ".join(sorted(extractor.kinds))
                st.caption(plain(f"{extractor.name}, for data of kind {kinds}"))
