"""report.json: the report's figures and its valuation card for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pandas as pd

from dvaudit.reports.audit_json import audit_json, plain_json
from dvaudit.reports.card import card
from dvaudit.reports.effects import effects
from dvaudit.reports.reviewers import agreements, reviewers
from dvaudit.reports.types import Report

REPORT_VERSION: Final = 1


def report_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON-able data.

    Keys: schema "dvaudit.report", schema_version; audit: as audit.json; card: sections, each a
    title and its rows of name and text; decisions: id, verdict, old_label, new_label, by
    "reviewer" or "suggestion"; effects: as reports.effects; reviewers and agreements: as
    reports.reviewers, times in ISO 8601; curves: rows of the pruning run's table, null for none.
    """
    given = dict(zip(report.samples["id"], report.samples["given_label"], strict=True))
    return {
        "schema": "dvaudit.report",
        "schema_version": REPORT_VERSION,
        "audit": audit_json(report),
        "card": [
            {"title": title, "rows": [{"name": name, "text": text} for name, text in rows]}
            for title, rows in card(report)
        ],
        "decisions": [
            {
                "id": name,
                "verdict": made.verdict.value,
                "old_label": None if pd.isna(given.get(name)) else str(given[name]),
                "new_label": made.label,
                "by": "reviewer" if name in report.decisions else "suggestion",
            }
            for name, made in report.changes.items()
        ],
        "effects": _records(effects(report.samples, report.changes, report.task)),
        "reviewers": [
            {
                "name": person.name,
                "samples": person.samples,
                "verdicts": person.verdicts,
                "first": person.first.isoformat(),
                "last": person.last.isoformat(),
            }
            for person in reviewers(report.history)
        ],
        "agreements": [asdict(pair) for pair in agreements(report.history)],
        "curves": None if report.curves is None else _records(report.curves),
    }


def write_report_json(report: Report, folder: Path) -> Path:
    """Write report.json into `folder`; return its path."""
    path = folder / "report.json"
    text = json.dumps(report_json(report), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _records(frame: pd.DataFrame) -> Any:
    return plain_json(frame.astype(object).where(frame.notna(), None).to_dict("records"))
