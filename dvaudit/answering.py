"""Answering questions: samples that are no part of an audit, described in its own terms.

What was learned from the samples of the audit describes the new ones, so that they come out as
they would have then; the net of the run stands where the run ended. Neither needs the data again.
Some samples that the audit knew are asked again, and where they come out otherwise, all is learned
from the data once more; where they still do, the question is refused.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dvaudit.asked import Form, labelled, read_asked
from dvaudit.core.dataset import Dataset, Kind, Role, Task
from dvaudit.core.device import resolve_device
from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.core.pictures import as_rgb, open_image
from dvaudit.core.progress import Progress, part
from dvaudit.describing import KEY, Terms, kept_terms, key_of, made_terms, targets_of
from dvaudit.store import RunRecord, Workspace
from dvaudit.stored import load_trusted

METHOD = "dvemb"
FOLDER = "question"  # of a run's folder: the file that was given
CHECKED = 4  # known samples of each run that are asked again, to see that the answers agree
TOLERANCE = 1e-2  # relative; another library or device rounds differently by far less
LARGEST_SIDE, TINY_SIDE, ENLARGED_SIDE = 512, 64, 256  # pixels of a picture that is shown


@dataclass(frozen=True, eq=False)
class Answer:
    """What a question found.

    Attributes:
        vectors: (parts, q, K) a projected gradient of each sample in each run of the audit.
        unchecked: why no sample that the audit knew was asked again; "" where some were.
        key: of what described the samples.
    """

    vectors: NDArray[np.float32]
    notes: list[str]
    unchecked: str
    key: str


def execute_question(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Read the samples, describe them as the audit did, and store what answers; the worker calls.

    The result's samples are id and label (text); its table `rows` holds their columns, where the
    data is a table; its arrays are `vectors` (parts, q, K), a projected gradient of each sample in
    each run of the audit, and `pictures` with `picture_ends`, see `picture_of_question`.
    """
    params = run.params
    audit, device = ws.run(params["audit"]), resolve_device(params["device"])
    record = record_of(ws, audit.id)
    progress(0.0, "Reading the samples")
    form = _form(ws, audit, record)
    if params["dataset"] is None:
        path = ws.run_dir(run.id) / FOLDER
        asked = read_asked(next(iter(path.iterdir())), form, params["label"])
    else:
        found = load_trusted(ws, params["dataset"], form)
        assert found is not None
        asked = labelled(found, form, params["label"])
    answer = _answered(ws, audit, record, form, asked, device, part(progress, 0.1, 0.97))
    progress(0.97, "Saving")
    ws.save_findings(
        run.id,
        samples=pd.DataFrame({"id": list(asked.ids), "label": asked.label_text()}),
        tables={} if asked.table is None else {"rows": asked.table},
        summary={
            "audit": audit.id,
            "samples": len(asked),
            "unreadable": [[item.name, item.reason] for item in asked.unreadable],
            "notes": [*_blank_cells(asked), *answer.notes],
            "unchecked": answer.unchecked,
            KEY: answer.key,
            "device": device,
        },
        neighbours={},
        arrays={"vectors": answer.vectors, **_pictures(asked)},
    )


def record_of(ws: Workspace, run_id: str) -> dict[str, Any]:
    """Return what the method recorded of its run in an audit; empty where it was not run."""
    summary = ws.run_summary(run_id)
    found: dict[str, Any] = summary["record"]["valuators"].get(METHOD, {})
    return found


def parts_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what the method recorded of each run: one, or one on each half of the data."""
    return list(record.get("parts") or [record])


def ends_of(record: Mapping[str, Any]) -> list[Mapping[str, Any] | None]:
    """Return the facts of the end of each run; None where it is not kept."""
    return [part.get("end") for part in parts_of(record)]


def classes_of(ws: Workspace, run_id: str) -> tuple[str, ...]:
    """Return the classes that a question's label may be of; none for regression."""
    facts = ends_of(record_of(ws, run_id))[0]
    return tuple(facts["classes"]) if facts else ()


def _form(ws: Workspace, audit: RunRecord, record: Mapping[str, Any]) -> Form:
    """Return the form of the samples of an audit."""
    data, facts = ws.dataset(audit.dataset_id), ends_of(record)[0]
    assert data.kind is not None
    assert facts is not None
    width = int(facts["columns"] or facts["shape"][0]) if data.kind is Kind.VECTOR else None
    roles = {name: Role(role) for name, role in data.roles.items()}
    classes = tuple(facts["classes"])
    return Form(data.name, data.kind, Task(facts["task"]), roles, classes, width)


def _answered(
    ws: Workspace,
    audit: RunRecord,
    record: Mapping[str, Any],
    form: Form,
    asked: Dataset,
    device: str,
    progress: Progress,
) -> Answer:
    """Describe samples by what is kept, or by what is learned again, and take their gradients.

    Raises:
        UnsuitableDataError: samples that the audit knew come out otherwise than they did then.
    """
    ends = [facts for facts in ends_of(record) if facts is not None]
    net, queries = str(ends[0]["net"]), np.array(_kept(ws, audit, "query_rows"), dtype=np.int64)
    checked = _checked(ws, audit, len(queries), len(ends))
    rows = queries[np.concatenate(checked)]
    terms, why = kept_terms(ws, audit, key_of(ws, audit, record), net, form, rows)
    if terms is not None:
        inputs, notes = terms.describe(asked, device, part(progress, 0.0, 0.5))
        place = part(progress, 0.5, 1.0)
        vectors, why = _gradients(ws, audit, ends, checked, terms, inputs, asked, device, place)
        if not why:
            return Answer(vectors, notes, terms.unchecked, terms.key)
    terms = made_terms(ws, audit, net, rows, device, part(progress, 0.0, 0.8))
    inputs, notes = terms.describe(asked, device, part(progress, 0.8, 0.9))
    place = part(progress, 0.9, 1.0)
    vectors, other = _gradients(ws, audit, ends, checked, terms, inputs, asked, device, place)
    if other:
        raise UnsuitableDataError(
            f"The audit cannot be asked any more: {other}. Its features or its net are made "
            "differently by this version or machine; run the audit again."
        )
    notes.append(f"Samples were described from the start, because {why}.")
    return Answer(vectors, notes, terms.unchecked, terms.key)


def _kept(ws: Workspace, audit: RunRecord, name: str) -> NDArray[Any]:
    return ws.run_array(audit.id, f"{METHOD}-{name}")


def _checked(ws: Workspace, audit: RunRecord, queries: int, parts: int) -> list[NDArray[np.int64]]:
    """Return for each run the queries that are asked again."""
    owners = np.zeros(queries)
    if parts > 1:
        owners = np.asarray(_kept(ws, audit, "query_part"))
    return [np.flatnonzero(owners == index)[:CHECKED] for index in range(parts)]


def _gradients(
    ws: Workspace,
    audit: RunRecord,
    ends: list[Mapping[str, Any]],
    checked: list[NDArray[np.int64]],
    terms: Terms,
    inputs: NDArray[Any],
    asked: Dataset,
    device: str,
    progress: Progress,
) -> tuple[NDArray[np.float32], str]:
    """Return (parts, q, K) projected gradients, and how known samples come out otherwise, or ""."""
    from dvaudit.valuators.dvemb_question import question_gradients  # loads torch

    kept = {name: _kept(ws, audit, name) for name in ("end", "axes", "query_embeddings")}
    width, found, start = kept["query_embeddings"].shape[1], [], 0
    for index, facts in enumerate(ends):
        progress(index / len(ends), "Gradients at the end of the run")
        again = slice(start, min(start + len(checked[index]), len(terms.labels)))
        known, start = terms.known[again], again.stop
        if len(known) and known.shape[1:] != inputs.shape[1:]:
            return inputs, "samples that it knew have another number of features"
        gradients = question_gradients(
            facts,
            kept["end"][index],
            kept["axes"][index],
            np.concatenate([known, inputs]) if len(known) else inputs,
            targets_of(np.concatenate([terms.labels[again], asked.label_text()]), facts),
            device,
        )
        padded = np.pad(gradients, [(0, 0), (0, width - gradients.shape[1])])
        other = _other(padded[: len(known)], kept["query_embeddings"][checked[index][: len(known)]])
        if other:
            return np.stack([padded]), other
        found.append(padded[len(known) :])
    return np.stack(found), ""


def _other(found: NDArray[np.float32], kept: NDArray[np.float32]) -> str:
    """Say how much known samples come out otherwise than they did; "" where they do not."""
    gap, size = float(np.linalg.norm(found - kept)), float(np.linalg.norm(kept))
    if gap <= TOLERANCE * size:
        return ""
    return (
        f"{len(kept)} samples that it knew come out {gap / (size or 1):.2g} times their size away "
        "from what they were"
    )


def _blank_cells(asked: Dataset) -> list[str]:
    """Say in which columns of numbers or dates there is none."""
    if asked.table is None:
        return []
    typed = [
        name for name in asked.table.columns if asked.roles[str(name)] in (Role.NUMERIC, Role.DATE)
    ]
    blank = {name: int(asked.table[name].isna().sum()) for name in typed}
    which = [f"{name} ({rows:,})" for name, rows in blank.items() if rows]
    if not which:
        return []
    return [f"No number or date, so missing (columns: {len(which)}, with rows): {some(which)}."]


def _pictures(asked: Dataset) -> dict[str, NDArray[Any]]:
    """Return all pictures one behind the other as bytes, and where each of them ends."""
    if asked.images is None or asked.kind is not Kind.IMAGE:
        return {}
    files = [_shown(asked.images.read(at)) for at in range(len(asked))]
    return {
        "pictures": np.frombuffer(b"".join(files), dtype=np.uint8),
        "picture_ends": np.cumsum([len(file) for file in files]),
    }


def _shown(content: bytes) -> bytes:
    """Return a picture as PNG: at most LARGEST_SIDE, and tiny ones enlarged with sharp pixels."""
    image = open_image(content)
    image = image.convert("L") if image.mode in ("1", "L") else as_rgb(image)
    longest = max(image.size)
    if longest <= TINY_SIDE:
        times = ENLARGED_SIDE // longest
        image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
