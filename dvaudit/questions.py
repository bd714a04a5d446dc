"""Use cases of questions: which training samples helped and hurt a sample that is no part of them.

A question is a run: it describes a person's own samples in the features of an audit and projects
their gradients at the end of its dvemb run. From then on their influences are one matrix product
with the audit's embeddings, as for the samples it knew. Nothing here loads torch before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit import jobs
from dvaudit.answering import (
    FOLDER,
    METHOD,
    ends_of,
    execute_question,
    parts_of,
    record_of,
)
from dvaudit.answering import classes_of as classes_of
from dvaudit.asked import MOST as MOST
from dvaudit.asked import as_number
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError, some
from dvaudit.describing import keeps_terms
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.store.sources import take
from dvaudit.stored import ready


def ask(
    ws: Workspace,
    run_id: str,
    path: Path | None = None,
    *,
    dataset: str | None = None,
    label: str | None = None,
    device: str = "auto",
) -> str:
    """Queue a question to a finished audit; return the id of its run.

    Args:
        path: one picture, a zip of pictures, a table with the columns of the data, or an npz
            file, of at most asked.MOST samples. What lies in `ws.uploads` is moved, else copied.
        dataset: a dataset of the workspace instead.
        label: the class, or the number, of samples for which the file has none.

    Raises:
        NotFoundError: no such run, file or dataset.
        UnsuitableDataError: an audit that kept no end of its run, or a dataset that is too large.
        SettingsError: neither or both of path and dataset, or a label that the audit does not
            know.
    """
    why = cannot_ask(ws, run_id)
    if why:
        raise UnsuitableDataError(why)
    if (path is None) == (dataset is None):
        raise SettingsError("A question is about a file or about a dataset; give one of the two.")
    if label is not None:
        _check_label(ws, run_id, label)
    if dataset is not None:
        samples = ready(ws, dataset).samples or 0
        if samples > MOST:
            raise UnsuitableDataError(
                f"{ws.dataset(dataset).name} holds {samples:,} samples and a question at most "
                f"{MOST}; audit again with it as the trusted set."
            )
    if path is not None and not path.is_file():
        raise NotFoundError(f"There is no file {path}.")
    params = {
        "function": f"{execute_question.__module__}:{execute_question.__name__}",
        "audit": run_id,
        "file": None if path is None else path.name,
        "dataset": dataset,
        "label": label,
        "device": device,
    }
    asked = ws.add_run(ws.run(run_id).dataset_id, RunKind.QUERY, params)
    if path is not None:
        try:
            take(path, ws.run_dir(asked) / FOLDER, ws.uploads)
        except BaseException:
            ws.delete_run(asked)
            raise
    jobs.submit(ws, asked)
    return asked


def cannot_ask(ws: Workspace, run_id: str) -> str:
    """Return why an audit cannot be asked about samples that it did not know; "" where it can."""
    if ws.run(run_id).status is not RunStatus.DONE:
        return f"Run {run_id} has not finished."
    if METHOD not in ws.run(run_id).params.get("valuators", ()):
        return f"Audit {run_id} has not run {METHOD}."
    record = record_of(ws, run_id)
    if trusted_is_gone(ws, run_id) and not keeps_terms(ws, ws.run(run_id), record):
        return (
            "Its features were made from the data and the trusted set together; the trusted set "
            "is not in the workspace any more, and what was learned from both is not kept, so new "
            "samples cannot be described alike. Run the audit again with another trusted set; "
            "what was answered before stays."
        )
    if not record:
        return f"{METHOD} failed in audit {run_id}: the Audit page says why. Run it again."
    if "end" not in record:
        return "The audit was made before dvaudit kept the end of a run; run it again."
    if any(facts is None for facts in ends_of(record)):
        kept = [str(part.get("end_left_out", "")) for part in parts_of(record)]
        said = next((text for text in kept if text), "The audit kept no embeddings.")
        return f"{said} Then run the audit again."
    return ""


def trusted_is_gone(ws: Workspace, run_id: str) -> bool:
    """True where an audit was given a trusted set that the workspace no longer has."""
    trusted = ws.run(run_id).params.get("trusted")
    return trusted is not None and trusted not in {record.id for record in ws.datasets()}


def questions_of(ws: Workspace, run_id: str) -> tuple[RunRecord, ...]:
    """Return the questions to an audit, newest first."""
    runs = ws.runs(ws.run(run_id).dataset_id, RunKind.QUERY)
    return tuple(run for run in runs if run.params["audit"] == run_id)


def samples_of_question(ws: Workspace, question_id: str) -> pd.DataFrame:
    """Return id and label of the samples of a finished question, in the file's order."""
    return ws.run_samples(question_id)


def rows_of_question(ws: Workspace, question_id: str) -> pd.DataFrame:
    """Return the columns of a question's samples; none where the data is no table."""
    try:
        return ws.run_table(question_id, "rows")
    except NotFoundError:
        return pd.DataFrame(index=range(len(ws.run_samples(question_id))))


def picture_of_question(ws: Workspace, question_id: str, row: int) -> bytes:
    """Return a picture of a question as PNG, fit to be shown.

    Raises:
        NotFoundError: no such row, or the question is not about pictures.
    """
    ends = np.array(ws.run_array(question_id, "picture_ends"))
    _refuse_rows([row], len(ends), question_id)
    start = int(ends[row - 1]) if row else 0
    return np.array(ws.run_array(question_id, "pictures")[start : int(ends[row])]).tobytes()


def influence_of_question(
    ws: Workspace, question_id: str, rows: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return (n,) the mean influence of each sample of the data on some samples of a question.

    Where the data was valued in two halves, each sample has that of the run it was in. NaN where a
    sample was not trained on; the unit and the sign are those of `influences.influence_on`.

    Args:
        rows: of `samples_of_question`, at least one.

    Raises:
        NotFoundError: the question or its audit has no results, or there is no such row.
    """
    audit_id = str(ws.run(question_id).params["audit"])
    vectors = ws.run_array(question_id, "vectors")
    asked = np.asarray(rows, dtype=np.int64)
    _refuse_rows(asked, vectors.shape[1], question_id)
    means = np.asarray(vectors[:, asked].mean(1, dtype=np.float64), dtype=np.float32)
    embeddings = ws.run_array(audit_id, f"{METHOD}-embeddings")
    if len(means) == 1:
        return np.asarray(embeddings @ means[0], dtype=np.float32)
    parts = ws.run_array(audit_id, f"{METHOD}-part")[:, 0]
    each = embeddings @ means.T
    found = np.full(len(embeddings), np.nan, dtype=np.float32)
    for column in range(len(means)):
        found[parts == column] = each[parts == column, column]
    return found


def _refuse_rows(rows: Sequence[int] | NDArray[np.int64], known: int, question_id: str) -> None:
    outside = [int(row) for row in rows if not 0 <= row < known]
    if outside or not len(rows):
        named = f"no sample {some(outside)}" if outside else "no sample named"
        raise NotFoundError(f"There is {named} of question {question_id}; it has {known:,}.")


def _check_label(ws: Workspace, run_id: str, label: str) -> None:
    classes = classes_of(ws, run_id)
    if not classes:
        as_number(label)
    elif label not in classes:
        raise SettingsError(
            f"The audit knows no class {label!r}; choose one of: {some(classes, 12)}."
        )
