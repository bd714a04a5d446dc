"""From an audit, in memory or stored in the workspace, to a Report and its files."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from PIL import Image

from dvaudit import earning, valuators
from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.decisions import Decision
from dvaudit.core.pictures import open_image
from dvaudit.findings import (
    CutBy,
    Findings,
    at_cut_off,
    classes_at,
    confusions_among,
)
from dvaudit.findings.pruning import Series, order_words
from dvaudit.reports import LEAST_SHOWN, Report
from dvaudit.reports.listed import pictured, top_samples
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.store.frames import SAMPLE_COLUMNS

PICTURE_SIZE = 128  # pixels, of the longer side
# A picture comes at most twice, among the most suspicious and among the decisions: 700 of these
# and the duplicates, in base64, stay below 8 MB.
PICTURE_BYTES = 7_000
ROW_CELLS, ROW_LETTERS = 8, 240  # of a table's row


def report_of(
    data: Dataset, findings: Findings, record: dict[str, Any], shown: int = LEAST_SHOWN
) -> Report:
    """Return the report of an audit in memory, with `shown` samples in pictures or rows."""
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
        else _pictures(findings.samples, findings.duplicates, {}, _drawn(data), shown),
        rows={}
        if data.table is None or data.images is not None
        else _rows(findings.samples, data.table, shown),
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


def stored_report(
    ws: Workspace,
    run: RunRecord,
    changes: Mapping[str, Decision] | None = None,
    shown: int = LEAST_SHOWN,
) -> Report:
    """Return the report of an audit of the workspace, with verdicts and cut-off as they stand.

    Args:
        changes: what an export applies; what is no verdict in it is a suggestion nobody judged.
        shown: how many of the most suspicious samples have their picture or row.
    """
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
    decisions = ws.decisions(dataset.id)
    suggested = {name: made for name, made in (changes or {}).items() if name not in decisions}
    curves, curve_names = _curves(ws, run)
    pictures, rows = {}, {}
    if dataset.kind is Kind.IMAGE:
        read = ws.thumbnails(dataset.id).read
        pictures = _pictures(samples, duplicates, {**suggested, **decisions}, read, shown)
    else:
        table = ws.samples(dataset.id)
        rows = _rows(samples, table.drop(columns=list(SAMPLE_COLUMNS)), shown)
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
        error_rate=earning.error_rate(ws, run, frame=samples, summary=summary),
        record=summary["record"],
        decisions=decisions,
        suggested=suggested,
        history=ws.history(dataset.id),
        curves=curves,
        curve_names=curve_names,
        thumbnails=pictures,
        rows=rows,
        notes=tuple(summary["notes"]),
        unreadable=dataset.unreadable,
        cut_off=cut,
    )


def _curves(ws: Workspace, run: RunRecord) -> tuple[pd.DataFrame | None, dict[str, str]]:
    """Return the curves of the newest finished pruning run of an audit, None for none; and what
    the pages call its orders."""
    for made in ws.runs(run.dataset_id, RunKind.PRUNING):
        if made.status is RunStatus.DONE and made.params.get("audit") == run.id:
            hard = valuators.measures_hardness(made.params.get("valuator", ""))
            names = {series.value: order_words(series, hard=hard)[0] for series in Series}
            return ws.run_table(made.id, "curves"), names
    return None, {}


def _pictures(
    samples: pd.DataFrame,
    duplicates: pd.DataFrame,
    decisions: Mapping[str, Decision],
    read: Callable[[int], bytes],
    shown: int,
) -> dict[str, str]:
    """Return small pictures as data URIs, by id, of the samples that a report shows."""
    found = set(pictured(samples, duplicates, decisions, shown))
    positions = {name: at for at, name in enumerate(samples["id"]) if name in found}
    return {name: _data_uri(_small(read(at))) for name, at in positions.items()}


def _rows(samples: pd.DataFrame, table: pd.DataFrame, shown: int) -> dict[str, str]:
    """Return the first features as text, by id, of the most suspicious samples."""
    wanted = set(top_samples(samples, shown)[0]["id"])
    found = {}
    for at, name in enumerate(samples["id"]):
        if name in wanted:
            cells = table.iloc[at].head(ROW_CELLS).items()
            told = " · ".join(f"{column}: {_cell(cell)}" for column, cell in cells)
            rest = table.shape[1] - ROW_CELLS
            more = f" · {rest:,} more columns" if rest > 0 else ""
            found[str(name)] = _cut(told) + more
    return found


def _cell(cell: object) -> str:
    if pd.isna(cell):  # type: ignore[call-overload]
        return "missing"
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _cut(text: str) -> str:
    return text if len(text) <= ROW_LETTERS else text[: ROW_LETTERS - 1] + "…"


def _small(picture: bytes) -> bytes:
    """Return a picture of at most PICTURE_BYTES: as it is, or as a JPEG made smaller until it
    fits."""
    if len(picture) <= PICTURE_BYTES:
        return picture
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for side, quality in ((128, 80), (128, 60), (96, 60), (96, 35), (64, 35)):
        image.thumbnail((side, side))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= PICTURE_BYTES:
            break
    return buffer.getvalue()


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
