"""From an audit, in memory or stored in the workspace, to a Report and its files."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from dvaudit.core.dataset import Dataset
from dvaudit.core.pictures import open_image
from dvaudit.findings import ErrorRate, Findings
from dvaudit.reports import Report
from dvaudit.store import RunRecord, Workspace

PICTURED = 60  # the rows of a report that are shown with their picture
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
        thumbnails={} if data.images is None else _pictures(findings.samples, _drawn(data)),
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
    """Return the report of an audit of the workspace, with the verdicts as they stand."""
    dataset, summary = ws.dataset(run.dataset_id), ws.run_summary(run.id)
    samples = ws.run_samples(run.id)
    assert dataset.kind is not None
    assert dataset.task is not None
    pictures = {}
    if dataset.kind == "image":
        pictures = _pictures(samples, ws.thumbnails(dataset.id).read)
    return Report(
        name=dataset.name,
        kind=dataset.kind,
        task=dataset.task,
        fingerprint=dataset.fingerprint or "",
        created=summary["record"]["created"],
        samples=samples,
        classes=ws.run_table(run.id, "classes"),
        duplicates=ws.run_table(run.id, "duplicates"),
        confusions=ws.run_table(run.id, "confusions"),
        error_rate=ErrorRate(**summary["error_rate"]),
        record=summary["record"],
        decisions=ws.decisions(dataset.id),
        thumbnails=pictures,
        notes=tuple(summary["notes"]),
        unreadable=dataset.unreadable,
    )


def _pictures(samples: pd.DataFrame, read: Callable[[int], bytes]) -> dict[str, str]:
    """Return data URIs of the most suspicious samples by id."""
    return {str(samples["id"].iat[at]): _data_uri(read(at)) for at in _first(samples)}


def _first(samples: pd.DataFrame) -> Iterable[int]:
    order = samples["suspicion_rank"].reset_index(drop=True).sort_values(na_position="last")
    return [int(at) for at in order.index[:PICTURED]]


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
