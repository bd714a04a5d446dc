"""Answering questions: samples that are no part of an audit, described in its own terms.

Features are learned from the samples of the audit alone, so that theirs come out as they did then;
the net of the run stands where the run ended. Some samples that the audit knew are asked again,
and where they come out otherwise, the question is refused.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dvaudit import valuators
from dvaudit.asked import labelled, read_asked
from dvaudit.core.dataset import Dataset, Kind, Role, Task
from dvaudit.core.device import resolve_device
from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.core.joining import joined
from dvaudit.core.pictures import as_rgb, open_image
from dvaudit.core.progress import Progress, part
from dvaudit.features.tabular import UNKNOWN
from dvaudit.store import RunRecord, Workspace
from dvaudit.stored import load_stored, load_trusted
from dvaudit.valuators.trained import TOKEN_NETS, net_inputs

METHOD = "dvemb"
FOLDER = "question"  # of a run's folder: the file that was given
CHECKED = 4  # known samples of each run that are asked again, to see that the answers agree
TOLERANCE = 1e-2  # relative; another library or device rounds differently by far less
LARGEST_SIDE, TINY_SIDE, ENLARGED_SIDE = 512, 64, 256  # pixels of a picture that is shown


def execute_question(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Read the samples, describe them as the audit did, and store what answers; the worker calls.

    The result's samples are id and label (text); its table `rows` holds their columns, where the
    data is a table; its arrays are `vectors` (parts, q, K), a projected gradient of each sample in
    each run of the audit, and `pictures` with `picture_ends`, see `picture_of_question`.
    """
    params = run.params
    audit, device = ws.run(params["audit"]), resolve_device(params["device"])
    record = record_of(ws, audit.id)
    data = load_stored(ws, run.dataset_id, part(progress, 0.0, 0.15))
    trusted = load_trusted(ws, audit.params.get("trusted"), data, part(progress, 0.15, 0.2))
    base = data if trusted is None else joined(data, trusted)
    classes, form = classes_of(ws, audit.id), replace(base, name=data.name)
    if params["dataset"] is None:
        path = ws.run_dir(run.id) / FOLDER
        asked = read_asked(next(iter(path.iterdir())), form, classes, params["label"])
    else:
        found = load_trusted(ws, params["dataset"], data)
        assert found is not None
        asked = labelled(found, form, classes, params["label"])
    vectors, notes = _vectors(ws, audit, record, base, asked, device, part(progress, 0.2, 0.97))
    progress(0.97, "Saving")
    ws.save_findings(
        run.id,
        samples=pd.DataFrame({"id": list(asked.ids), "label": asked.label_text()}),
        tables={} if asked.table is None else {"rows": asked.table},
        summary={
            "audit": audit.id,
            "samples": len(asked),
            "unreadable": [[item.name, item.reason] for item in asked.unreadable],
            "notes": [*_blank_cells(asked), *notes],
            "device": device,
        },
        neighbours={},
        arrays={"vectors": vectors, **_pictures(asked)},
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


def _vectors(
    ws: Workspace,
    audit: RunRecord,
    record: Mapping[str, Any],
    base: Dataset,
    asked: Dataset,
    device: str,
    progress: Progress,
) -> tuple[NDArray[np.float32], list[str]]:
    """Return (parts, q, K) projected gradients, and notes on the features.

    Raises:
        UnsuitableDataError: samples that the audit knew come out otherwise than they did then.
    """
    from dvaudit.valuators.dvemb_question import question_gradients  # loads torch

    kept = {
        name: ws.run_array(audit.id, f"{METHOD}-{name}")
        for name in ("end", "axes", "query_embeddings", "query_rows")
    }
    ends = [facts for facts in ends_of(record) if facts is not None]
    owners = np.zeros(len(kept["query_rows"]), dtype=np.int64)
    if len(ends) > 1:
        owners = np.asarray(ws.run_array(audit.id, f"{METHOD}-query_part"), dtype=np.int64)
    whole = joined(base, asked)
    shared = valuators.Shared(audit.params["extractor"], audit.params["extractor_settings"])
    inputs = net_inputs(
        whole,
        str(ends[0]["net"]),
        shared,
        int(audit.params["seed"]),
        device,
        fitted_on=len(base),
        progress=part(progress, 0.0, 0.9),
    )
    found = []
    new = np.arange(len(base), len(whole))
    for index, facts in enumerate(ends):
        progress(0.9 + 0.1 * index / len(ends), "Gradients at the end of the run")
        checked = np.flatnonzero(owners == index)[:CHECKED]
        rows = np.concatenate([np.array(kept["query_rows"])[checked].astype(np.int64), new])
        gradients = question_gradients(
            facts,
            kept["end"][index],
            kept["axes"][index],
            inputs[rows],
            _targets(whole, rows, facts),
            device,
        )
        width = kept["query_embeddings"].shape[1]
        padded = np.pad(gradients, [(0, 0), (0, width - gradients.shape[1])])
        _refuse_other(padded[: len(checked)], np.array(kept["query_embeddings"])[checked])
        found.append(padded[len(checked) :])
    if str(ends[0]["net"]) in TOKEN_NETS:
        return np.stack(found), []
    return np.stack(found), _feature_notes(shared, whole, audit, device, len(base))


def _feature_notes(
    shared: valuators.Shared, whole: Dataset, audit: RunRecord, device: str, fitted_on: int
) -> list[str]:
    """Return what the extractor says of the new samples alone."""
    if whole.kind is not Kind.TABULAR:
        return []
    made = shared.features(
        whole,
        seed=int(audit.params["seed"]),
        device=device,
        progress=lambda fraction, stage: None,
        fitted_on=fitted_on,
    )
    return [note for note in made.notes if note.startswith(UNKNOWN)]


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


def _targets(
    data: Dataset, rows: NDArray[np.int64], facts: Mapping[str, Any]
) -> NDArray[np.int64] | NDArray[np.float64]:
    """Return codes of the run's classes, or numbers."""
    assert data.labels is not None
    if data.task is not Task.CLASSIFICATION:
        return np.asarray(data.labels[rows], dtype=np.float64)
    code_of = {name: code for code, name in enumerate(facts["classes"])}
    names = [data.class_names[code] for code in data.labels[rows].astype(np.int64)]
    return np.array([code_of[name] for name in names], dtype=np.int64)


def _refuse_other(found: NDArray[np.float32], kept: NDArray[np.float32]) -> None:
    gap, size = float(np.linalg.norm(found - kept)), float(np.linalg.norm(kept))
    if not gap <= TOLERANCE * size:
        raise UnsuitableDataError(
            f"The audit cannot be asked any more: {len(kept)} samples that it knew come out "
            f"{gap / (size or 1):.2g} times their size away from what they were. Its features or "
            "its net are made differently by this version or machine; run the audit again."
        )


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
