"""audit.json: what was audited, how, and what came out; enough to run it again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dvaudit.reports.types import SCHEMA_VERSION, Report


def audit_json(report: Report) -> dict[str, Any]:
    """Return the audit's record and results as JSON-able data.

    Keys: schema_version, created, dataset, the keys of `report.record` (features, valuators,
    seed, device, versions, seconds), results, notes, unreadable. NaN and infinity become null.
    """
    own = {
        "schema_version": SCHEMA_VERSION,
        "created": report.created,
        "dataset": {
            "name": report.name,
            "fingerprint": report.fingerprint,
            "kind": report.kind.value,
            "task": report.task.value,
            "samples": len(report.samples),
            "labelled": report.labelled,
            "classes": len(report.classes),
        },
    }
    results = {
        "flagged": report.flagged,
        "cut_off": report.cut_off.words(),
        "error_rate": {
            "rate": report.error_rate.rate,
            "low": report.error_rate.low,
            "high": report.error_rate.high,
            "how": report.error_rate.how,
        },
        "duplicate_groups": int(report.duplicates["group"].nunique()),
        "outliers": int(report.samples["outlier"].sum()),
        "verdicts": report.verdict_counts(),
    }
    found = {
        "results": results,
        "notes": list(report.notes),
        "unreadable": [{"name": item.name, "reason": item.reason} for item in report.unreadable],
    }
    plain = plain_json({**own, **{k: v for k, v in report.record.items() if k not in own}, **found})
    assert isinstance(plain, dict)
    return plain


def write_audit_json(report: Report, folder: Path) -> Path:
    """Write audit.json into `folder`; return its path."""
    path = folder / "audit.json"
    text = json.dumps(audit_json(report), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def plain_json(value: Any) -> Any:
    """Return numpy numbers, paths and the like as what JSON knows.

    Raises:
        TypeError: a value of a type that has no form in JSON.
    """
    if value is None or isinstance(value, bool | int | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, np.generic):
        return plain_json(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain_json(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"audit.json cannot hold a {type(value).__name__}: {value!r}")
