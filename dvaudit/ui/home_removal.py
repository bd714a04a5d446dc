"""Renaming and deleting from the home page; what is lost is said before it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dvaudit import audits
from dvaudit.core.errors import DvauditError, some
from dvaudit.core.machine import size_text
from dvaudit.store import DatasetRecord, DatasetStatus, RunKind, RunRecord, RunStatus, Workspace
from dvaudit.store.datasets import MOST_NAME
from dvaudit.ui import dialogs, home_facts
from dvaudit.ui.following import POLL_SECONDS, WHAT
from dvaudit.ui.removal import MOST_USERS, losses_elsewhere
from dvaudit.ui.session import current, refusals_shown, select
from dvaudit.ui.words import count, plain

_REFUSED = "home_refused"


def refusal_shown() -> None:
    """Show why the last change was refused, once."""
    refused: str | None = st.session_state.pop(_REFUSED, None)
    if refused:
        st.error(plain(refused), icon=":material/error:")


@st.dialog("Rename dataset", on_dismiss="rerun")
def rename_dataset(ws: Workspace, record: DatasetRecord) -> None:
    """Ask for another name."""
    dialogs.opened()
    key = f"name_{record.id}"
    with st.form("rename", border=False):
        st.text_input("Name", record.name, max_chars=MOST_NAME, key=key)
        if st.form_submit_button(
            "Rename", type="primary", on_click=_rename, args=(ws, record.id, key)
        ):
            st.rerun()


@st.dialog("Delete dataset", on_dismiss="rerun")
def delete_dataset(ws: Workspace, record: DatasetRecord) -> None:
    """Say what goes with a dataset and what stays, and ask once more."""
    dialogs.opened()
    if record.id not in {known.id for known in ws.datasets()}:
        st.rerun()  # it was deleted just now, or in another tab: closes the dialog
    runs = ws.runs(record.id)
    st.markdown(f"Delete **{plain(record.name)}**?")
    st.markdown("\n".join(f"- {line}" for line in _dataset_losses(ws, record, runs)))
    _delete_when_idle(ws, record)


@st.fragment(run_every=POLL_SECONDS)
def _delete_when_idle(ws: Workspace, record: DatasetRecord) -> None:
    """Draw the button that deletes a dataset, and what work holds it back."""
    users = {run.id: run for run in (*ws.runs(record.id), *ws.users_of(record.id))}
    live = [run for run in users.values() if run.status.is_live]
    for run in live:
        _hindrance(ws, record, run)
    if st.button(
        "Delete the dataset",
        type="primary",
        icon=":material/delete:",
        on_click=_delete_dataset,
        args=(ws, record.id),
        disabled=bool(live),
    ):
        st.rerun()


def _hindrance(ws: Workspace, record: DatasetRecord, run: RunRecord) -> None:
    """Say that a run keeps a dataset from being deleted, and offer to cancel it."""
    where = "" if run.dataset_id == record.id else ", of other data, uses it and"
    does = "waits for its turn" if run.status is RunStatus.QUEUED else "is at work"
    st.warning(
        f"{plain(run.title)}{where} {does}. The dataset can be deleted once that has ended.",
        icon=":material/hourglass:",
    )
    st.button(
        f"Cancelling {run.title}" if run.cancelling else f"Cancel {run.title}",
        key=f"cancel_for_removal_{run.id}",
        icon=":material/close:",
        disabled=run.cancelling,
        on_click=_cancel,
        args=(ws, run.id),
    )


def _cancel(ws: Workspace, run_id: str) -> None:
    with refusals_shown():
        audits.cancel(ws, run_id)


@st.dialog("Delete run", on_dismiss="rerun")
def delete_run(ws: Workspace, run: RunRecord, title: str) -> None:
    """Say what goes with a run and what stays, and ask once more."""
    dialogs.opened()
    if run.id not in {known.id for known in ws.runs(run.dataset_id)}:
        st.rerun()
    st.markdown(f"Delete **{plain(title)}**?")
    st.markdown("\n".join(f"- {line}" for line in _run_losses(ws, run)))
    if st.button(
        "Delete the run",
        type="primary",
        icon=":material/delete:",
        on_click=_delete_run,
        args=(ws, run),
    ):
        st.rerun()


def _rename(ws: Workspace, dataset_id: str, key: str) -> None:
    with _refusals_kept():
        ws.rename_dataset(dataset_id, st.session_state[key])


def _delete_dataset(ws: Workspace, dataset_id: str) -> None:
    with _refusals_kept():
        chosen = current(ws).dataset
        ws.delete_dataset(dataset_id)
        if chosen is not None and chosen.id == dataset_id:
            select(None)


def _delete_run(ws: Workspace, run: RunRecord) -> None:
    with _refusals_kept():
        chosen = current(ws).run
        ws.delete_run(run.id)
        if chosen is not None and chosen.id == run.id:
            select(run.dataset_id)


@contextmanager
def _refusals_kept() -> Iterator[None]:
    """Keep a refusal for the page: the dialog that asked is closed by then."""
    try:
        yield
    except DvauditError as refusal:
        st.session_state[_REFUSED] = str(refusal)


def _dataset_losses(ws: Workspace, record: DatasetRecord, runs: tuple[RunRecord, ...]) -> list[str]:
    taken = home_facts.dataset_bytes(ws, record)
    size = f" ({size_text(taken)})" if taken else ""
    lines = [
        f"Its copy in the workspace and its exports go{size}. The file you added stays."
        if record.copied
        else f"What the workspace made of it goes{size}. Your own data stays at "
        f"{plain(str(record.source))}."
    ]
    if runs:
        kinds = Counter(run.kind for run in runs)
        listed = ", ".join(count(number, WHAT[kind].lower()) for kind, number in kinds.items())
        size = size_text(sum(home_facts.run_bytes(ws, run) for run in runs))
        go = "goes" if len(runs) == 1 else "go"
        lines.append(f"{count(len(runs), 'run')} {go}, with all results: {listed} ({size}).")
    lines += losses_elsewhere(ws, record)
    verdicts = len(audits.decisions(ws, record.id)) if record.status is DatasetStatus.READY else 0
    if verdicts:
        lines.append(
            f"The log of {count(verdicts, 'verdict')} stays in the workspace, but no page shows "
            "it any more. Export the corrected data first if you want to use them."
        )
    lines.append("This cannot be undone.")
    return lines


def _made_from(ws: Workspace, run: RunRecord) -> list[str]:
    """Return which runs go with an audit: they tell of nothing without it."""
    users = ws.users_of(run.id)
    if not users:
        return []
    named = plain(some((user.title for user in users), MOST_USERS))
    size = size_text(sum(home_facts.run_bytes(ws, user) for user in users))
    go = "goes" if len(users) == 1 else "go"
    return [f"{count(len(users), 'run')} made from it {go} with it: {named} ({size})."]


def _run_losses(ws: Workspace, run: RunRecord) -> list[str]:
    size = size_text(home_facts.run_bytes(ws, run))
    lines = [f"Its results, log and exports go ({size})."]
    if run.kind is RunKind.AUDIT:
        verdicts = len(audits.decisions(ws, run.dataset_id))
        lines[0] = f"Its ranking, flags, cut-off, log and exports go ({size})."
        if verdicts:
            lines.append(f"Verdicts stay ({verdicts:,} of the dataset).")
        lines += _made_from(ws, run)
    lines.append("This cannot be undone. The run can be started again with the same settings.")
    return lines
