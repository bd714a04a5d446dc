"""What the Pruning page reads off the curves: means, ranges, and what a cut loses. No Streamlit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dvaudit.findings.pruning import Series


@dataclass(frozen=True)
class Span:
    """A mean over the seeds, and the lowest and highest seed."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Loss:
    """A cut: how many samples it removes, its score, and how far that is from two others.

    Attributes:
        offset: places before a window, else 0.
        full: score with every sample.
        change: score less the score with every sample, seed by seed.
        lead: score less the score after removing as many at random, seed by seed.
    """

    offset: int
    removed: int
    share: float
    score: Span
    full: Span
    change: Span
    lead: Span


def mean_line(curves: pd.DataFrame, series: Series) -> pd.DataFrame:
    """Return offset, removed, share, score, low, high: mean and range over seeds at each cut."""
    grouped = curves[curves["series"] == series.value].groupby(["offset", "removed", "share"])
    found = grouped["score"].agg(score="mean", low="min", high="max")
    return found.reset_index()


def loss_at(curves: pd.DataFrame, series: Series, index: int) -> Loss:
    """Return what the cut `index` of a series loses, compared within each seed."""
    own = curves[curves["series"] == series.value]
    chance = curves[curves["series"] == Series.RANDOM.value]
    place = mean_line(curves, series).iloc[index]
    scores, full, lead = [], [], []
    for seed, line in own.groupby("seed", sort=True):
        at = line[(line["offset"] == place["offset"]) & (line["removed"] == place["removed"])]
        drawn = chance[chance["seed"] == seed].sort_values("removed")
        score = float(at["score"].iloc[0])
        scores.append(score)
        full.append(float(drawn["score"].iloc[0]))
        removed, known = drawn["removed"].to_numpy(float), drawn["score"].to_numpy(float)
        lead.append(score - float(np.interp(place["removed"], removed, known)))
    return Loss(
        offset=int(place["offset"]),
        removed=int(place["removed"]),
        share=float(place["share"]),
        score=_span(scores),
        full=_span(full),
        change=_span([one - other for one, other in zip(scores, full, strict=True)]),
        lead=_span(lead),
    )


def part_table(
    parts: pd.DataFrame, curves: pd.DataFrame, series: Series, loss: Loss
) -> pd.DataFrame:
    """Return name, lost, full, score, change, held_out: means over seeds, a row for each part.

    `full` is the part's score with every sample, from the random order, which starts with all.
    """
    columns = ["lost", "score", "held_out"]
    at = parts[
        (parts["series"] == series.value)
        & (parts["offset"] == loss.offset)
        & (parts["removed"] == loss.removed)
    ]
    whole = parts[(parts["series"] == Series.RANDOM.value) & (parts["removed"] == 0)]
    found = at.groupby("name", sort=False)[columns].mean()
    found["full"] = whole.groupby("name", sort=False)["score"].mean()
    found["change"] = found["score"] - found["full"]
    return found.reset_index()[["name", "lost", "full", "score", "change", "held_out"]]


def _span(numbers: list[float]) -> Span:
    known = [number for number in numbers if np.isfinite(number)]
    if not known:
        return Span(float("nan"), float("nan"), float("nan"))
    return Span(float(np.mean(known)), min(known), max(known))


def single(number: float) -> Span:
    """Return a number without a range."""
    return Span(number, number, number)


def best_cut(line: pd.DataFrame) -> int:
    """Return where a line is highest, the last of equals; the middle where nothing is known."""
    scores = line["score"].to_numpy(dtype=float)
    if not np.isfinite(scores).any():
        return len(scores) // 2
    top = np.flatnonzero(scores >= np.nanmax(scores) - 1e-12)
    return int(top[-1])


def score_text(score: float, *, classes: bool) -> str:
    """Return "93.4%" of an accuracy, "0.812" of an R2."""
    if not np.isfinite(score):
        return "unknown"
    return f"{score:.1%}" if classes else f"{score:.3f}"


def change_text(span: Span, *, classes: bool) -> str:
    """Return a difference of scores in points, with its range over seeds where there is one."""
    if not np.isfinite(span.mean):
        return "unknown"
    scale, form, unit = (100.0, "+.1f", " points") if classes else (1.0, "+.3f", "")
    said = f"{scale * span.mean:{form}}{unit}"
    if span.high - span.low > 1e-12:
        said += f" ({scale * span.low:{form}} to {scale * span.high:{form}})"
    return said
