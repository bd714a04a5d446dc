"""The report as one HTML page: no script, no network, fit for a screen and for paper."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.words import count
from dvaudit.findings import CutBy, ErrorRate
from dvaudit.reports import svg
from dvaudit.reports.card import card
from dvaudit.reports.listed import (
    LISTED_DECISIONS,
    changes_first,
    given_labels,
    listed_groups,
    top_samples,
)
from dvaudit.reports.parts import MINUS, curves_part, effects_part, moment, people_part, signed
from dvaudit.reports.sections import Choice, Section, sections_of
from dvaudit.reports.types import Report

TEMPLATES = Path(__file__).parent / "templates"
CLASS_BARS = 12
LISTED = {"confusions": 12, "classes": 100, "outliers": 10}
SAMPLING = "sampling error only"  # what an interval of the methods' estimate covers

NONE = "—"

Row = dict[str, Any]


def render_html(report: Report, choice: Choice | None = None) -> str:
    """Return the report as a self-contained HTML page; all text from the data is escaped.

    Long lists are cut, and the page says how many more there are.

    Args:
        choice: which sections, and how many samples are shown; everything where None.
    """
    wanted, bare = choice or Choice(), report.task is Task.UNSUPERVISED
    page: str = _template().render(
        report=report,
        css=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        subtitle=_subtitle(report),
        summary=_summary(report),
        tiles=_tiles(report),
        score_chart=_score_chart(report),
        class_chart=_class_chart(report),
        samples=_top_samples(report, wanted.shown),
        has={
            section.value: wanted.has(section) and _has_matter(report, section)
            for section in Section
        },
        title={section.value: section.heading for section in Section},
        people=people_part(report),
        effects=effects_part(report) if wanted.has(Section.EFFECTS) else None,
        curves=curves_part(report) if wanted.has(Section.CURVES) else None,
        gallery=report.kind is Kind.IMAGE,
        confusions=_rows(report.confusions, LISTED["confusions"]),
        classes=_rows(report.classes, LISTED["classes"]),
        groups=_groups(report),
        outliers=_outliers(report),
        decisions=_decisions(report),
        card=card(report),
        pictures=bool(report.thumbnails),
        class_notes=bool((report.classes["note"] != "").any()),
        regression=report.task is Task.REGRESSION,
        bare=bare,
    )
    return page


def _has_matter(report: Report, section: Section) -> bool:
    bare = report.task is Task.UNSUPERVISED
    if bare and section in (Section.DECISIONS, Section.REVIEWERS):
        return bool(report.decisions)
    return section in sections_of(report.task)


@functools.cache
def _template() -> Any:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count=_count, percent=percent, decimal=_decimal, signed=signed)
    return environment.get_template("report.html")


def percent(share: float | None) -> str:
    """Return a share in 0 to 1 as text: "3.1 %", "under 0.1 %", a dash for none."""
    if share is None or not np.isfinite(share):
        return NONE
    if 0 < share < 0.001:
        return "under 0.1\u00a0%"
    return f"{100 * share:.1f}\u00a0%"


def _count(value: float | None) -> str:
    return NONE if value is None or pd.isna(value) else f"{int(value):,}"


def _decimal(value: float | None) -> str:
    return NONE if value is None or pd.isna(value) else f"{value:.2f}".replace("-", MINUS)


def _subtitle(report: Report) -> str:
    things = "images" if report.kind is Kind.IMAGE else "rows"
    parts = [f"{len(report.samples):,} {things}", report.task.value]
    if report.task is Task.CLASSIFICATION:
        parts.append(f"{len(report.classes):,} classes")
    return " · ".join([*parts, f"audited {moment(report.created)}"])


def _summary(report: Report) -> str:
    """Return what a reader must take away, in two or three sentences."""
    made = len(report.decisions)
    changed = len(report.changing)
    verdicts = (
        f" Verdicts so far: {made:,}, of which {changed:,} "
        f"{'changes' if changed == 1 else 'change'} the data."
        if made
        else ""
    )
    if report.task is Task.UNSUPERVISED:
        return (
            "The data has no labels to judge. The audit found "
            f"{count(report.duplicates['group'].nunique(), 'group')} of duplicates and "
            f"{count(int(report.samples['outlier'].sum()), 'outlier')}.{verdicts}"
        )
    rate = report.error_rate
    flagged = f"{report.flagged:,} of {len(report.samples):,} samples are flagged for review"
    moved = report.cut_off.by is not CutBy.METHODS
    flagged += f" (cut-off moved to: {report.cut_off.words()})." if moved else "."
    if rate.rate is not None:
        interval = f"95 % interval {_interval(rate)}" if _interval(rate) else ""
        error = SAMPLING if SAMPLING in rate.how and SAMPLING not in rate.note else ""
        known = ", ".join(filter(None, [interval, error, rate.note]))
        flagged = (
            f"About {percent(rate.rate)} of the labels are estimated to be wrong ({known}), or "
            f"some {round(rate.rate * report.labelled):,} samples. {flagged}"
        )
    unjudged = " No verdict has been given yet: flags are suspicions, not findings."
    return flagged + (verdicts or unjudged)


def _interval(rate: ErrorRate) -> str:
    if rate.low is None or rate.high is None:
        return ""
    return f"{100 * rate.low:.1f} to {percent(rate.high)}"


def _tiles(report: Report) -> list[Row]:
    rate, conflicts = report.error_rate, report.duplicates["conflict"].astype(bool)
    groups = report.duplicates["group"]
    interval = ", ".join(filter(None, [_interval(rate), rate.note]))
    flagged_share = report.flagged / max(1, len(report.samples))
    unlabelled = len(report.samples) - report.labelled
    outliers = int(report.samples["outlier"].sum())
    far = _tile("Outliers", f"{outliers:,}", percent(outliers / max(1, len(report.samples))))
    if report.task is Task.UNSUPERVISED:
        copies = f"{count(len(report.duplicates), 'sample')} in them"
        return [
            _tile("Samples", f"{len(report.samples):,}", "without labels"),
            _tile("Duplicate groups", f"{groups.nunique():,}", copies),
            far,
        ]
    return [
        _tile("Samples", f"{len(report.samples):,}", f"{unlabelled:,} unlabelled"),
        _tile("Flagged", f"{report.flagged:,}", percent(flagged_share)),
        _tile("Estimated wrong labels", percent(rate.rate), interval or "no estimate"),
        _tile(
            "Duplicate groups",
            f"{groups.nunique():,}",
            f"{groups[conflicts].nunique():,} in conflict",
        ),
        far,
        _tile(
            "Reviewed",
            f"{len(report.decisions):,}",
            f"{report.changing.count(Verdict.RELABEL):,} relabelled",
        ),
    ]


def _tile(label: str, value: str, detail: str) -> Row:
    return {"label": label, "value": value, "detail": detail}


def _score_chart(report: Report) -> Row | None:
    """Return the histogram of margins, or of the first method's values where no method has any."""
    frame = report.samples
    axis, column = "margin (right of 0 another label is preferred)", "margin"
    if not np.isfinite(frame["margin"].to_numpy(float)).any():
        named = [name for name in frame.columns if str(name).endswith(".value")]
        if not named:
            return None
        column = named[0]
        axis = f"{column} (low = suspicious)"
    elif report.task is Task.REGRESSION:
        axis = "margin (right of 0 the target is far off)"
    bins = svg.binned(frame[column].to_numpy(float), frame["flagged"].to_numpy(bool))
    if bins is None:
        return None
    return {"svg": svg.histogram(bins, title="Histogram of suspicion scores", axis=axis)}


def _class_chart(report: Report) -> Row | None:
    if report.classes.empty:
        return None
    top = report.classes.sort_values("share_flagged", ascending=False, kind="stable")
    items = [
        svg.Bar(
            str(row["class"]),
            float(row["share_flagged"]),
            f"{percent(row['share_flagged'])} · {row['flagged']:,} of {row['samples']:,}",
        )
        for row in top.head(CLASS_BARS).to_dict("records")
    ]
    return {
        "svg": svg.bars(items, title="Share of flagged samples per class"),
        "more": len(top) - len(items),
    }


def _top_samples(report: Report, shown: int) -> Row:
    """Return the most suspicious samples, flagged ones only where there are any."""
    top, total = top_samples(report.samples, shown)
    rows = [
        {
            **_plain(row),
            "thumbnail": report.thumbnails.get(row["id"]),
            "row": report.rows.get(row["id"]),
            "decision": _verdict_text(report.decisions.get(row["id"])),
        }
        for row in top.to_dict("records")
    ]
    return {"rows": rows, "more": total - len(rows)}


def _rows(frame: pd.DataFrame, limit: int) -> Row:
    rows = [_plain(row) for row in frame.head(limit).to_dict("records")]
    return {"rows": rows, "more": len(frame) - len(rows)}


def _groups(report: Report) -> Row:
    """Return duplicate groups, those with conflicting labels first."""
    frame = report.duplicates
    numbers, total = listed_groups(frame)
    shown = []
    for number in numbers:
        members = [_plain(row) for row in frame[frame["group"] == number].to_dict("records")]
        for member in members:
            member["thumbnail"] = report.thumbnails.get(str(member["id"]))
        shown.append({"number": number, "conflict": members[0]["conflict"], "members": members})
    return {"rows": shown, "more": total - len(shown)}


def _outliers(report: Report) -> Row:
    frame = report.samples[report.samples["outlier"].astype(bool)]
    top = frame.sort_values("outlier_score", ascending=False, kind="stable")
    return _rows(top, LISTED["outliers"])


def _decisions(report: Report) -> Row:
    given = given_labels(report.samples)
    listed = changes_first(report.changes, given)
    rows = [
        {
            "id": sample_id,
            "given_label": given.get(sample_id),
            "label": decision.label,
            "verdict": decision.verdict.value,
            "unseen": sample_id not in report.decisions,
            "thumbnail": report.thumbnails.get(sample_id),
        }
        for sample_id, decision in listed[:LISTED_DECISIONS]
    ]
    return {
        "counts": report.verdict_counts(),
        "rows": rows,
        "more": len(listed) - len(rows),
    }


def _verdict_text(decision: Decision | None) -> str | None:
    if decision is None:
        return None
    if decision.verdict is Verdict.RELABEL:
        return f"relabel to {decision.label}"
    return decision.verdict.value


def _plain(row: Mapping[Any, Any]) -> Row:
    """Return a record with None for every missing value, whatever kind of missing it is."""
    return {str(key): None if _missing(value) else value for key, value in row.items()}


def _missing(value: object) -> bool:
    return not isinstance(value, Iterable) and bool(pd.isna(value))  # type: ignore[call-overload]
