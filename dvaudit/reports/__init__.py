"""Report -> HTML, CSV, Parquet, JSON; pure, and without torch or scikit-learn."""

from dvaudit.reports.audit_json import audit_json, write_audit_json
from dvaudit.reports.files import (
    corrections,
    flagged,
    guarded,
    unguarded,
    write_corrections,
    write_csv,
    write_parquet,
    write_samples,
)
from dvaudit.reports.folder import write_all, write_html
from dvaudit.reports.html import render_html
from dvaudit.reports.types import SCHEMA_VERSION, Report

__all__ = [
    "SCHEMA_VERSION",
    "Report",
    "audit_json",
    "corrections",
    "flagged",
    "guarded",
    "render_html",
    "unguarded",
    "write_all",
    "write_audit_json",
    "write_corrections",
    "write_csv",
    "write_html",
    "write_parquet",
    "write_samples",
]
