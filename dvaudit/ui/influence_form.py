"""The form of a question about samples of one's own: a file, a label, and the start."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dvaudit import audits
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.pictures import SUFFIXES
from dvaudit.jobs.expecting import LASTS
from dvaudit.store import DatasetRecord, RunRecord, Workspace
from dvaudit.store.sources import safe_name
from dvaudit.ui import frames
from dvaudit.ui import influence_data as data
from dvaudit.ui.addressed import in_address
from dvaudit.ui.session import refusals_shown
from dvaudit.ui.words import count, duration, plain

QUESTION, NEW = "question", "new"
MOST_MEGABYTES = 50
ANSWER_SECONDS = 1.0  # where a worker waits for the question
START_SECONDS = 5.0  # until a worker has loaded torch
_PICTURES = ("png", "jpg", "jpeg")
_TABLES = ("csv", "tsv", "parquet", "xlsx", "jsonl")
_TIMES = "question_times"
_WHAT = {
    Kind.IMAGE: "One picture, or a zip of pictures",
    Kind.TABULAR: "A table with the same columns",
    Kind.VECTOR: "An npz file with x, and y for the labels",
}
_LABELS = {
    Kind.IMAGE: "The folder of a picture in the zip is its label, where it is one of the classes.",
    Kind.TABULAR: "A column called as in the data holds the labels, where there is one.",
    Kind.VECTOR: "y holds the labels, where there is one.",
}


def form(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> None:
    """Draw the upload of samples, the choice of their label, and the button that asks."""
    assert dataset.kind is not None
    audits.expect_question(ws)
    # Under another key the upload is empty again once it was asked about.
    key = f"question_file_{run.id}_{st.session_state.get(_TIMES, 0)}"
    given = st.file_uploader(
        _WHAT[dataset.kind],
        type=_suffixes(dataset.kind),
        key=key,
        max_upload_size=MOST_MEGABYTES,
        help=f"At most {audits.questions.MOST} samples. They are read here and kept with the "
        "question only.",
    )
    label = _label(ws, dataset, run)
    single = given is not None and Path(given.name).suffix.lower() in SUFFIXES
    st.button(
        "Ask",
        key="question_ask",
        type="primary",
        icon=":material/play_arrow:",
        disabled=given is None or (single and label is None),
        on_click=_ask,
        args=(ws, run.id, key, label),
        width="stretch",
    )
    if single and label is None:
        st.caption("Choose the label: a single picture has none of its own.")
    st.caption(_cost(ws, dataset, run))


def _suffixes(kind: Kind) -> list[str]:
    if kind is Kind.IMAGE:
        others = sorted(suffix[1:] for suffix in SUFFIXES if suffix[1:] not in _PICTURES)
        return [*_PICTURES, "zip", *others]
    return list(_TABLES) if kind is Kind.TABULAR else ["npz"]


def _label(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> str | None:
    """Draw the choice of the right label; return it as text."""
    assert dataset.kind is not None
    help = f"{_LABELS[dataset.kind]} Influence is on the loss of the label given here."
    if dataset.task is Task.REGRESSION:
        number = st.number_input(
            "Its right number",
            value=None,
            format="%g",
            key=f"question_number_{run.id}",
            placeholder="As in the file",
            help=help,
        )
        return None if number is None else repr(float(number))
    chosen = st.selectbox(
        "Its right label",
        data.classes(ws, run),
        index=None,
        key=f"question_label_{run.id}",
        placeholder="As in the file",
        help=help,
    )
    return None if chosen is None else str(chosen)


def _cost(ws: Workspace, dataset: DatasetRecord, run: RunRecord) -> str:
    made = frames.summary(ws, run)["record"].get("features", {})
    seconds = float(made.get("seconds") or 0.0)
    if seconds >= ANSWER_SECONDS and not data.keeps_terms(ws, run):
        return (
            f"About {duration(START_SECONDS + seconds)} for the first question: this audit did not "
            f"keep what it learned from {count(dataset.samples or 0, 'sample')} of "
            f"{plain(dataset.name)}, so that is learned once more and kept."
        )
    return (
        f"About {duration(ANSWER_SECONDS)}; about {duration(START_SECONDS)} where this form was "
        f"only just opened, or left alone for {duration(LASTS)}, since what answers loads then."
    )


def _ask(ws: Workspace, run_id: str, key: str, label: str | None) -> None:
    given: UploadedFile | None = st.session_state.get(key)
    if given is None:
        return
    with refusals_shown():
        path = ws.uploads / secrets.token_hex(8) / safe_name(given.name)
        path.parent.mkdir(parents=True)
        try:
            path.write_bytes(given.getvalue())
            made = audits.questions.ask(ws, run_id, path, label=label)
        finally:
            shutil.rmtree(path.parent, ignore_errors=True)
        st.session_state[_TIMES] = st.session_state.get(_TIMES, 0) + 1
        in_address({QUESTION: [made]})
