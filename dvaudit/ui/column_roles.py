"""The table of columns in which a person says what each is for, before a dataset is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from dvaudit.core.dataset import Kind, Role, Task
from dvaudit.core.errors import DvauditError
from dvaudit.readers import ColumnPreview, Preview
from dvaudit.ui import glance


def choose_roles(preview: Preview, path: Path, task: Task) -> tuple[dict[str, str], list[str]]:
    """Draw the table of columns with their guessed roles; what was set stays with another task.

    Returns:
        The role of each column, and those that would be the label if labels were wanted.
    """
    if not preview.columns:
        return {}, []
    memory, labelled = f"import_roles_set_{path}", task is not Task.UNSUPERVISED
    guessed = {column.name: str(column.role) for column in preview.columns}
    known, drawn, entered, so_far = st.session_state.get(memory, ({}, None, {}, {}))
    if known != guessed:
        drawn, so_far = None, guessed
    if drawn is not labelled:  # a table of its own begins, with what the one before came to
        entered = so_far
    columns: Sequence[ColumnPreview]
    if labelled:
        columns = tuple(replace(one, role=Role(entered[one.name])) for one in preview.columns)
    else:
        columns = _without_label(preview, path, entered)
    roles = _edited(columns, preview.kind, path, labelled=labelled)
    begun = {column.name: str(column.role) for column in columns}
    so_far = {name: entered[name] if role == begun[name] else role for name, role in roles.items()}
    st.session_state[memory] = guessed, labelled, entered, so_far
    return roles, [name for name, role in so_far.items() if role == Role.LABEL]


def _without_label(
    preview: Preview, path: Path, roles: Mapping[str, str]
) -> Sequence[ColumnPreview]:
    """Return the columns as they are read without labels: what was the label is a feature."""
    left = {name: role for name, role in roles.items() if role != Role.LABEL}
    try:
        return glance.preview_of(path, left, Task.UNSUPERVISED).columns
    except DvauditError:  # the form says what is wrong with the roles that were set
        return [
            replace(one, role=Role(left.get(one.name, Role.IGNORED))) for one in preview.columns
        ]


def _edited(
    columns: Sequence[ColumnPreview], kind: Kind, path: Path, *, labelled: bool
) -> dict[str, str]:
    st.markdown(f"**Columns** ({len(columns):,}): correct a role where the guess is wrong")
    # What needs a decision comes first: label, id and group before the features.
    columns = sorted(columns, key=lambda column: column.role.is_feature)
    table = pd.DataFrame(
        {
            "Column": [column.name for column in columns],
            "Role": [str(column.role) for column in columns],
            "Examples": [", ".join(column.examples) for column in columns],
            "Distinct": [column.distinct for column in columns],
            "Missing": [column.missing for column in columns],
            "Note": [column.note for column in columns],
        }
    )
    if not any(column.note for column in columns):
        table = table.drop(columns="Note")
    absent = {
        *(() if labelled else (Role.LABEL,)),
        *(() if kind is Kind.IMAGE else (Role.PATH,)),
    }
    label, right = ("label: what to check. ", "its label is") if labelled else ("", "it is")
    edited = st.data_editor(
        table,
        key=f"import_roles_{path}" if labelled else f"import_roles_unlabelled_{path}",
        height=min(38 + 35 * len(table), 388),
        hide_index=True,
        disabled=[name for name in table.columns if name != "Role"],
        column_config={
            "Role": st.column_config.SelectboxColumn(
                options=[str(role) for role in Role if role not in absent],
                required=True,
                help=f"{label}id: names a sample. group: who contributed it. "
                f"trusted: yes where {right} known to be right. The others are features, or "
                "ignored.",
            ),
            "Examples": st.column_config.TextColumn(width="large"),
            "Distinct": st.column_config.NumberColumn(format="localized"),
            "Missing": st.column_config.NumberColumn(format="localized"),
        },
    )
    return {
        str(name): str(role) for name, role in zip(edited["Column"], edited["Role"], strict=True)
    }
