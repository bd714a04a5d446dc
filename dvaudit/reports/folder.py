"""All files of an audit in one folder."""

from __future__ import annotations

from pathlib import Path

from dvaudit.core.dataset import Task
from dvaudit.reports.audit_json import write_audit_json
from dvaudit.reports.files import write_corrections, write_samples
from dvaudit.reports.html import render_html
from dvaudit.reports.sections import Choice
from dvaudit.reports.types import Report


def write_html(report: Report, folder: Path, choice: Choice | None = None) -> Path:
    """Write report.html into `folder`; return its path."""
    path = folder / "report.html"
    path.write_text(render_html(report, choice), encoding="utf-8")
    return path


def write_all(report: Report, folder: Path, choice: Choice | None = None) -> list[Path]:
    """Write samples, corrections, report and audit.json into `folder`, made where missing.

    Without labels there are no corrections.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labelled = report.task is not Task.UNSUPERVISED
    return [
        *write_samples(report.samples, folder),
        *([write_corrections(report.samples, folder)] if labelled else []),
        write_html(report, folder, choice),
        write_audit_json(report, folder),
    ]
