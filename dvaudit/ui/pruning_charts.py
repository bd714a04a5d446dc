"""What the pruning chart draws: score over how much is removed, with bands over seeds, and what
each place of the cut says. No Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.findings.pruning import Series
from dvaudit.ui.components.curve import Curve, CurveData, Place
from dvaudit.ui.dynamics_lines import styles, vertical
from dvaudit.ui.pruning_maths import change_text, score_text, single
from dvaudit.ui.words import count

GREY, GREY_ON_DARK = "#64748b", "#94a3b8"
LEAST_RANGE = 0.1  # of accuracy or R2: below, noise would look like a finding


def curves(
    lines: Mapping[Series, pd.DataFrame],
    names: Mapping[Series, str],
    chosen: Series,
    total: int,
    *,
    classes: bool,
    dark: bool,
) -> CurveData:
    """Return the curves of all orders, the chosen one strongest, and the cuts along it.

    Args:
        lines: as `pruning_maths.mean_line` gives them, none of them of a window.
        total: ranked samples.
    """
    looks = dict(zip((Series.LOWEST, Series.HIGHEST), styles(2, dark=dark), strict=True))
    drawn = [
        _curve(
            line,
            names[series],
            looks[series].colour if series in looks else GREY_ON_DARK if dark else GREY,
            "dot" if series is Series.RANDOM else "solid",
            series is chosen,
            classes,
        )
        for series, line in lines.items()
    ]
    line, chance = lines[chosen], lines[Series.RANDOM]
    # Fitted to the chosen order and random; the other end of the values may fall out of sight.
    both = pd.concat([line, chance])
    edges = [both[side].to_numpy(dtype=float) for side in ("low", "high")]
    return _data(
        drawn,
        [_place(row, float(row["share"]), chance, total, classes) for row in _rows(line)],
        line["share"],
        np.concatenate(edges),
        f"samples removed (% of {total:,})",
        alt(line, names[chosen], classes=classes),
        "Share of samples removed",
        classes,
    )


def windows(
    line: pd.DataFrame,
    chance: pd.DataFrame,
    names: Sequence[str],
    total: int,
    *,
    classes: bool,
    dark: bool,
) -> CurveData:
    """Return the score without each window, over the share of samples ranked before it.

    Args:
        chance: the line of removing at random.
        names: of the line, of the score with all samples, and of that with as many removed at
            random.
    """
    along = line.assign(share=line["offset"] / total)
    grey = GREY_ON_DARK if dark else GREY
    removed = int(line["removed"].iloc[0])
    drawn = [_curve(along, names[0], styles(3, dark=dark)[2].colour, "solid", True, classes)]
    levels = (float(chance["score"].iloc[0]), _at_random(chance, removed))
    for name, level, dash in zip(names[1:], levels, ("dash", "dot"), strict=True):
        flat = along.assign(score=level, low=level, high=level)
        drawn.append(_curve(flat, name, grey, dash, False, classes))
    edges = [
        *(along[side].to_numpy(dtype=float) for side in ("low", "high")),
        np.array(levels),
    ]
    return _data(
        drawn,
        [_place(row, float(row["share"]), chance, total, classes) for row in _rows(along)],
        along["share"],
        np.concatenate(edges),
        f"samples ranked before the window, lowest value first (% of {total:,})",
        alt(along, names[0], classes=classes),
        "Where the window starts",
        classes,
    )


def _data(
    drawn: Sequence[Curve],
    places: Sequence[Place],
    shares: pd.Series[float],
    heights: NDArray[np.float64],
    x_title: str,
    name: str,
    label: str,
    classes: bool,
) -> CurveData:
    low, high = vertical(heights)
    missing = LEAST_RANGE - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    first, last = float(shares.min()), float(shares.max())
    what = "Accuracy" if classes else "R²"
    return CurveData(
        curves=drawn,
        cuts=places,
        columns=("Removed", f"{what} at the cut", "As many removed at random"),
        x_range=(first, last if last > first else first + 0.01),
        y_range=(low, min(high, 1.01) if classes else high),
        x_title=x_title,
        y_title="accuracy on held-out samples (%)" if classes else "R² on held-out samples",
        percent=classes,
        name=name,
        label=label,
    )


def _curve(
    line: pd.DataFrame, name: str, colour: str, dash: str, strong: bool, classes: bool
) -> Curve:
    return Curve(
        name,
        colour,
        dash,
        strong,
        line["share"].tolist(),
        _known(line["score"]),
        _known(line["low"]),
        _known(line["high"]),
        [_banded(row, classes) for row in _rows(line)],
    )


def _place(
    row: Mapping[str, float], share: float, chance: pd.DataFrame, total: int, classes: bool
) -> Place:
    removed, score = int(row["removed"]), float(row["score"])
    drawn = _at_random(chance, removed)
    gone = f"{count(removed, 'sample')}, {removed / total:.1%}"
    if row["offset"]:
        gone += f", from place {int(row['offset']) + 1:,}"
    what = "accuracy" if classes else "R²"
    lead = change_text(single(score - drawn), classes=classes)
    at_random = f"{score_text(drawn, classes=classes)} ({lead} with this cut)"
    said = f"{gone} removed: {what} {_banded(row, classes)}; at random {at_random}"
    return Place(
        share,
        score if np.isfinite(score) else None,
        f"{gone} removed",
        (gone, _banded(row, classes), at_random),
        said,
    )


def _at_random(chance: pd.DataFrame, removed: int) -> float:
    """Return the mean score after as many removed at random, between the cuts where need be."""
    known = chance.sort_values("removed")
    return float(np.interp(removed, known["removed"].to_numpy(float), known["score"]))


def _banded(row: Mapping[str, float], classes: bool) -> str:
    said = score_text(float(row["score"]), classes=classes)
    if row["high"] - row["low"] > 1e-12:
        low, high = (score_text(float(row[side]), classes=classes) for side in ("low", "high"))
        said += f" ({low} to {high})"
    return said


def _rows(line: pd.DataFrame) -> list[dict[str, float]]:
    return [{str(key): value for key, value in row.items()} for row in line.to_dict("records")]


def _known(column: pd.Series[float]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in column]


def alt(line: pd.DataFrame, name: str, *, classes: bool) -> str:
    """Return what the chart shows in one sentence, for screen readers."""
    first, last = (score_text(float(line["score"].iloc[at]), classes=classes) for at in (0, -1))
    return f"Score over the share removed, {name}: {first} at the first cut, {last} at the last"
