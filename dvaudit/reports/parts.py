"""Sections of the report about what people decided: reviewers, effects and pruning curves."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import pandas as pd
from markupsafe import Markup

from dvaudit.core.dataset import Task
from dvaudit.core.words import count
from dvaudit.reports import lines
from dvaudit.reports.effects import effects
from dvaudit.reports.reviewers import agreements, reviewers
from dvaudit.reports.types import Report

LISTED_EFFECTS, LISTED_PEOPLE, LISTED_CURVES = 100, 30, 6
MINUS = "\u2212"

Part = dict[str, Any]


def people_part(report: Report) -> Part:
    """Return who judged how many samples, and how far they agree."""
    people, pairs = reviewers(report.history), agreements(report.history)
    return {
        "rows": [
            {
                "name": person.name,
                "samples": person.samples,
                "verdicts": person.verdicts,
                "first": moment(person.first),
                "last": moment(person.last),
            }
            for person in people[:LISTED_PEOPLE]
        ],
        "more": max(0, len(people) - LISTED_PEOPLE),
        "pairs": [
            {
                "one": pair.one,
                "other": pair.other,
                "samples": pair.samples,
                "share": pair.equal / pair.samples,
                "kappa": pair.kappa,
            }
            for pair in pairs[:LISTED_PEOPLE]
        ],
        "more_pairs": max(0, len(pairs) - LISTED_PEOPLE),
    }


def effects_part(report: Report) -> Part:
    """Return the classes that change, or the target before and after."""
    frame = effects(report.samples, report.changes, report.task)
    total = len(frame)
    if report.task is not Task.REGRESSION:
        frame = frame[frame[["dropped", "moved_out", "moved_in"]].sum(axis=1) > 0]
    rows = frame.head(LISTED_EFFECTS).to_dict("records")
    if report.task is Task.REGRESSION:
        rows = [row | _numbers(row) for row in rows] if report.changes else []
    return {
        "rows": rows,
        "more": max(0, len(frame) - len(rows)) if rows else 0,
        "same": total - len(frame),
        "said": _applied(report),
    }


def curves_part(report: Report) -> Part:
    """Return one chart for each proxy, balanced or not."""
    names = report.curve_names
    found = [] if report.curves is None else lines.curves_of(report.curves, names)
    measure = "R²" if report.task is Task.REGRESSION else "accuracy"
    return {
        "rows": [
            {
                "title": item.title,
                "seeds": count(item.seeds, "seed"),
                "svg": Markup(
                    lines.line_chart(
                        item.lines,
                        title=f"Pruning curves: {item.title}",
                        x_axis="samples removed (%)",
                        y_axis=f"{measure} on held-out samples",
                    )
                ),
            }
            for item in found[:LISTED_CURVES]
        ],
        "more": max(0, len(found) - LISTED_CURVES),
    }


def moment(at: datetime | str) -> str:
    """Return a time as "2 Mar 2026, 10:15 UTC"; its own offset where it is not UTC."""
    known = datetime.fromisoformat(at) if isinstance(at, str) else at
    zone = known.strftime("%Z").replace("UTC+00:00", "UTC")
    return f"{known.day} {known.strftime('%b %Y, %H:%M')} {zone}".strip()


def signed(number: int) -> str:
    """Return a number with its sign, a true minus sign included; 0 has none."""
    if not number:
        return "0"
    return f"{'+' if number > 0 else MINUS}{abs(number):,}"


def _applied(report: Report) -> str:
    verdicts = count(len(report.decisions), "verdict")
    unseen = len({*report.suggested} - {*report.decisions})
    if not unseen:
        return f"With {verdicts} applied."
    return f"With {verdicts} applied, and {count(unseen, 'suggestion')} that nobody judged."


def _numbers(row: dict[Any, Any]) -> dict[Any, Any]:
    def text(value: float) -> str:
        return "—" if pd.isna(value) or not math.isfinite(value) else f"{value:.6g}"

    return {key: text(row[key]) for key in ("mean", "std", "min", "max")}
