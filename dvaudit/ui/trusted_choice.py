"""The choice of a trusted set: another dataset, the marked samples, or the data itself."""

from __future__ import annotations

import streamlit as st

from dvaudit.core.dataset import Role, Task
from dvaudit.core.errors import some
from dvaudit.store import DatasetRecord, DatasetStatus, Workspace
from dvaudit.ui.words import count, plain

OWN = "own"


def trusted_key(dataset: DatasetRecord) -> str:
    """Return the key of the choice, OWN or the id of another dataset."""
    return f"trusted_of_{dataset.id}"


def trusted_choice(
    ws: Workspace, dataset: DatasetRecord, *, itself: str, warning: str, help: str
) -> str | None:
    """Draw the choice; return the id of another dataset, or None for the dataset's own samples.

    Args:
        itself: what serves where nothing is trusted, as an option of the list.
        warning: what to say then, in Markdown.
        help: what the choice is for.
    """
    has_column = Role.TRUSTED in dataset.roles.values()
    others = {
        other.id: other
        for other in ws.datasets()
        if other.id != dataset.id
        and other.status is DatasetStatus.READY
        and (other.kind, other.task) == (dataset.kind, dataset.task)
    }
    own = "The samples marked as trusted" if has_column else itself
    chosen = st.selectbox(
        "Trusted set",
        [OWN, *others],
        format_func=lambda key: _dataset_words(others[key]) if key in others else own,
        key=trusted_key(dataset),
        persist_state="session",
        help=help,
    )
    if chosen in others:
        _class_gaps(dataset, others[chosen])
        return str(chosen)
    if has_column:
        st.caption("They are not valued themselves: only the others are.")
    else:
        st.warning(warning, icon=":material/warning:")
    return None


def _class_gaps(dataset: DatasetRecord, trusted: DatasetRecord) -> None:
    if dataset.task is not Task.CLASSIFICATION:
        return
    missing = [name for name in dataset.class_names if name not in trusted.class_names]
    unknown = [name for name in trusted.class_names if name not in dataset.class_names]
    if missing:
        st.warning(
            plain(
                f"{len(missing)} of {count(len(dataset.class_names), 'class', 'classes')} "
                f"{'has' if len(missing) == 1 else 'have'} no trusted sample: "
                f"{some(missing)}. What is said of their samples is little worth."
            ),
            icon=":material/warning:",
        )
    if unknown:
        st.caption(
            plain(
                f"{count(len(unknown), 'class occurs', 'classes occur')} in the trusted set only: "
                f"{some(unknown)}."
            )
        )


def _dataset_words(record: DatasetRecord) -> str:
    return f"{record.name} ({count(record.samples or 0, 'sample')}, #{int(record.id[1:])})"
