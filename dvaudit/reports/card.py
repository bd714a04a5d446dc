"""The valuation card: how the audit was made, in rows a reviewer can check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dvaudit.core.dataset import Task
from dvaudit.core.words import count
from dvaudit.reports.parts import moment
from dvaudit.reports.reviewers import reviewers
from dvaudit.reports.types import Report

Rows = list[tuple[str, str]]


def card(report: Report) -> list[tuple[str, Rows]]:
    """Return the sections of the card, each a title and (label, text) rows."""
    record, labels = report.record, report.task is not Task.UNSUPERVISED
    sections = [
        ("Data", _data(report)),
        ("Preprocessing", _features(record.get("features", {}))),
        *(
            (f"Method: {name}", _method(details))
            for name, details in record.get("valuators", {}).items()
        ),
        *(
            (f"Method: {name}", [("Failed", f"{reason} Nothing in this report is by it.")])
            for name, reason in record.get("failed", {}).items()
        ),
        ("Cut-off", [("Rule", f"Flagged: {report.cut_off.words()}.")] if labels else []),
        ("Error rate", [("How it was made", report.error_rate.how)] if labels else []),
        ("Run", _run(record)),
        ("Review", _review(report)),
    ]
    return [(title, rows) for title, rows in sections if rows]


def _data(report: Report) -> Rows:
    return [
        ("Name", report.name),
        ("SHA-256 of content", report.fingerprint),
        ("Kind", f"{report.kind.value}, {report.task.value}"),
        ("Samples", f"{len(report.samples):,}, of them {report.labelled:,} with a label"),
    ]


def _review(report: Report) -> Rows:
    """Return who reviewed and when, and what else is applied."""
    rows = [
        (
            f"Reviewer: {person.name}",
            f"{count(person.samples, 'sample')}, from {moment(person.first)} to "
            f"{moment(person.last)}",
        )
        for person in reviewers(report.history)
    ]
    if not rows:
        told = "nobody yet" if not report.decisions else "not recorded"
        rows = [("Reviewed by", told)]
    rows.append(("Verdicts in force", f"{len(report.decisions):,}"))
    unseen = len({*report.suggested} - {*report.decisions})
    if unseen:
        rows.append(("Suggestions applied unseen", f"{unseen:,}"))
    return rows


def _features(features: Mapping[str, Any]) -> Rows:
    if not features:
        return []
    rows = [("Extractor", str(features.get("extractor", "")))]
    if "dimensions" in features:
        rows.append(("Dimensions", f"{features['dimensions']:,}"))
    rows.extend(_settings(features.get("settings", {})))
    if "seconds" in features:
        cached = ", from cache" if features.get("from_cache") else ""
        rows.append(("Time", f"{_seconds(features['seconds'])}{cached}"))
    rows.extend(("Note", str(note)) for note in features.get("notes", ()))
    return rows


def _method(details: Mapping[str, Any]) -> Rows:
    """Return status, warnings, settings, and every plain number the method reports."""
    rows = [("Status", str(details["status"]))] if details.get("status") else []
    rows.extend(("Warning", str(text)) for text in details.get("warnings", ()))
    rows.extend(_settings(details.get("settings", {})))
    if "seconds_total" in details:
        rows.append(("Time", _seconds(details["seconds_total"])))
    stages = details.get("seconds", {})
    if isinstance(stages, Mapping) and stages:
        rows.append(("Time by stage", ", ".join(f"{k} {_seconds(v)}" for k, v in stages.items())))
    said = {"status", "settings", "seconds", "seconds_total", "extractor"}
    numbers = {
        key: value
        for key, value in details.items()
        if key not in said and isinstance(value, int | float | str)
    }
    rows.extend(
        (key.replace("_", " ").capitalize(), _value(value)) for key, value in numbers.items()
    )
    return rows


def _run(record: Mapping[str, Any]) -> Rows:
    rows: Rows = []
    if record.get("created"):
        rows.append(("Audited", moment(str(record["created"]))))
    if "seed" in record:
        rows.append(("Seed", _value(record["seed"])))
    if "device" in record:
        rows.append(("Device", _value(record["device"])))
    if "seconds" in record:
        rows.append(("Time in all", _seconds(record["seconds"])))
    versions = record.get("versions", {})
    if versions:
        rows.append(
            ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items()))
        )
    return rows


def _settings(settings: Mapping[str, Any]) -> Rows:
    if not settings:
        return []
    return [("Settings", ", ".join(f"{key} = {_value(value)}" for key, value in settings.items()))]


def _value(value: Any) -> str:
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _seconds(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
