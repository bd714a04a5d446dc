"""From an audit, in memory or stored in the workspace, to a Report and its files."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

import pandas as pd

from dvaudit.core.dataset import Dataset
from dvaudit.core.pictures import open_image
from dvaudit.findings import (
    CutBy,
    ErrorRate,
    Findings,
    at_cut_off,
    classes_at,
    confusions_among,
)
from dvaudit.reports import Report
from dvaudit.store import RunRecord, Workspace

PICTURED = 60  # of the most suspicious samples, and of the duplicates, shown with a picture
PICTURE_SIZE = 128


def report_of(data: Dataset, findings: Findings, record: dict[str, Any]) -> Report:
    """Return the report of an audit in memory."""
    return Report(
        name=data.name,
        kind=data.kind,
        task=data.task,
        fingerprint=data.fingerprint,
        created=record["created"],
        samples=findings.samples,
        classes=findings.classes,
        duplicates=findings.duplicates,
        confusions=findings.confusions,
        error_rate=findings.error_rate,
        record=record,
        thumbnails={}
        if data.images is None
        else _pictures(findings.samples, findings.duplicates, _drawn(data)),
        notes=(*data.notes, *findings.notes),
        unreadable=data.unreadable,
    )


def summary_of(data: Dataset, findings: Findings, record: dict[str, Any]) -> dict[str, Any]:
    """Return what the workspace keeps of an audit beside its tables; JSON-able."""
    rate = findings.error_rate
    return {
        "record": record,
        "error_rate": {"rate": rate.rate, "low": rate.low, "high": rate.high, "how": rate.how},
        "notes": [*data.notes, *findings.notes],
        "samples": len(data),
        "labelled": int(data.labelled.sum()),
        "flagged": int(findings.samples["flagged"].sum()),
        "outliers": int(findings.samples["outlier"].sum()),
        "duplicate_groups": int(findings.duplicates["group"].nunique()),
        "duplicate_conflicts": int(findings.samples["duplicate_conflict"].sum()),
    }


def stored_report(ws: Workspace, run: RunRecord) -> Report:
    """Return the report of an audit of the workspace, with verdicts and cut-off as they stand."""
    dataset, summary = ws.dataset(run.dataset_id), ws.run_summary(run.id)
    samples, duplicates = ws.run_samples(run.id), ws.run_table(run.id, "duplicates")
    assert dataset.kind is not None
    assert dataset.task is not None
    cut = ws.cut_off(run.id)
    samples = at_cut_off(samples, cut)
    classes, confusions = ws.run_table(run.id, "classes"), ws.run_table(run.id, "confusions")
    if cut.by is not CutBy.METHODS:
        classes = classes_at(classes, samples, dataset.task)
        confusions = confusions_among(samples, dataset.task)
    pictures = {}
    if dataset.kind == "image":
        pictures = _pictures(samples, duplicates, ws.thumbnails(dataset.id).read)
    return Report(
        name=dataset.name,
        kind=dataset.kind,
        task=dataset.task,
        fingerprint=dataset.fingerprint or "",
        created=summary["record"]["created"],
        samples=samples,
        classes=classes,
        duplicates=duplicates,
        confusions=confusions,
        error_rate=ErrorRate(**summary["error_rate"]),
        record=summary["record"],
        decisions=ws.decisions(dataset.id),
        thumbnails=pictures,
        notes=tuple(summary["notes"]),
        unreadable=dataset.unreadable,
        cut_off=cut,
    )


def _pictures(
    samples: pd.DataFrame, duplicates: pd.DataFrame, read: Callable[[int], bytes]
) -> dict[str, str]:
    """Return data URIs by id of the most suspicious samples and of the first duplicates."""
    ranked = samples.sort_values("suspicion_rank", kind="stable", na_position="last")
    chosen = dict.fromkeys([*ranked["id"].head(PICTURED), *duplicates["id"].head(PICTURED)])
    positions = {name: at for at, name in enumerate(samples["id"]) if name in chosen}
    return {name: _data_uri(read(positions[name])) for name in chosen}


def _drawn(data: Dataset) -> Callable[[int], bytes]:
    images = data.images
    assert images is not None

    def draw(position: int) -> bytes:
        picture = open_image(images.read(position)).convert("RGB")
        picture.thumbnail((PICTURE_SIZE, PICTURE_SIZE))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        return buffer.getvalue()

    return draw


def _data_uri(picture: bytes) -> str:
    kind = "jpeg" if picture.startswith(b"\xff\xd8") else "png"
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"
