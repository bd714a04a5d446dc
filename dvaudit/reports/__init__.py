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
from dvaudit.reports.report_json import report_json, write_report_json
from dvaudit.reports.sections import LEAST_SHOWN, MOST_SHOWN, Choice, Section, chosen, sections_of
from dvaudit.reports.types import SCHEMA_VERSION, Report

__all__ = [
    "LEAST_SHOWN",
    "MOST_SHOWN",
    "SCHEMA_VERSION",
    "Choice",
    "Report",
    "Section",
    "audit_json",
    "chosen",
    "corrections",
    "flagged",
    "guarded",
    "render_html",
    "report_json",
    "sections_of",
    "unguarded",
    "write_all",
    "write_audit_json",
    "write_corrections",
    "write_csv",
    "write_html",
    "write_parquet",
    "write_report_json",
    "write_samples",
]
