"""What charts of values over training are made of: lines named where they end, bands, a loss.

Five hues, after Okabe and Ito (2008) and moved until each stands out from its background by 3:1,
and two dashes tell ten lines apart without seeing any hue.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dvaudit.ui.dynamics_maths import Floats
from dvaudit.ui.ranking import numbers
from dvaudit.ui.words import shortened

COLOURS = ("#0072b2", "#c94f00", "#00855f", "#a8428a", "#7a6200")
COLOURS_ON_DARK = ("#56b4e9", "#f08a3c", "#2bc49a", "#e08fbf", "#f0e442")
SO_FAR = "value so far"
INK, INK_ON_DARK = "#0f172a", "#e6ebf2"
DASHES = ("solid", "dash")
_BAND = "rgba(122, 134, 153, 0.22)"
_HEIGHT, _LOSS_SHARE = 430, 0.26
_LABEL_PIXELS = 16.0  # between two labels
LONGEST_LABEL = 18
_FEW_STEPS = 8  # of one, each with its tick: there is no epoch 1.5
MOST_MARKED = 30  # points, above which markers run together
# Plotly's own choice writes 0.00002 as "20μ" and 20,000 as "20k".
POWERS = {"exponentformat": "power"}
LAYOUT = {"dragmode": False, "hoverlabel": {"align": "left"}, "showlegend": False}


@dataclass(frozen=True)
class Style:
    """How one of several lines is drawn."""

    colour: str
    dash: str


def styles(count: int, *, dark: bool) -> list[Style]:
    """Return styles of `count` lines; the first ten differ in hue or dash."""
    palette = COLOURS_ON_DARK if dark else COLOURS
    hues = len(palette)
    return [Style(palette[at % hues], DASHES[at // hues % len(DASHES)]) for at in range(count)]


def ink(*, dark: bool) -> str:
    """Return the colour of the line of all samples, and of the loss."""
    return INK_ON_DARK if dark else INK


def stacked(losses: pd.DataFrame, unit: str, title: str = SO_FAR) -> tuple[go.Figure, int]:
    """Return an empty figure with a part for the loss where it is known, and its parts."""
    rows = 2 if np.isfinite(numbers(losses, "loss")).any() else 1
    figure = make_subplots(
        rows=rows,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.06,
        row_heights=[1 - _LOSS_SHARE, _LOSS_SHARE] if rows == 2 else [1.0],
    )
    figure.update_layout(height=_HEIGHT, **LAYOUT)
    figure.update_xaxes(**x_axis(numbers(losses, "point")))
    figure.update_xaxes(title=unit, row=rows)
    figure.update_yaxes(fixedrange=True, nticks=6, **POWERS)
    figure.update_yaxes(title=title, row=1)
    return figure, rows


def x_axis(points: Floats) -> dict[str, Any]:
    """Return the settings of a horizontal axis that begins and ends with the points."""
    low, high = (float(points.min()), float(points.max())) if len(points) else (0.0, 1.0)
    room = 0.5 if high <= low else 0.0
    return {
        "range": [low - room, high + room],
        "fixedrange": True,
        "showgrid": False,
        "nticks": 8,
        "dtick": 1 if high - low <= _FEW_STEPS and not (points % 1).any() else None,
        "tickformat": ",~r" if high >= 1000 else None,
        **POWERS,
    }


def add_line(
    figure: go.Figure,
    points: Any,
    values: Floats,
    name: str,
    unit: str,
    line: dict[str, Any],
    *,
    col: int = 1,
    form: str = ".4g",
    marked: bool = True,
    place: dict[str, int] | None = None,
) -> None:
    """Draw one line; `form` is how its numbers read on hovering, `place` {} for a single part."""
    figure.add_scatter(
        x=points,
        y=values,
        name=escaped(name),
        mode=mode(len(values)) if marked else "lines",
        line=line,
        marker={"size": 5},
        cliponaxis=False,
        hovertemplate=f"{escaped(name)}<br>{unit} %{{x:,}}: %{{y:{form}}}<extra></extra>",
        **({"row": 1, "col": col} if place is None else place),
    )


def mode(points: int) -> str:
    """Return Plotly's mode: points are marked where they are few."""
    return "lines+markers" if points <= MOST_MARKED else "lines"


def add_band(figure: go.Figure, table: pd.DataFrame, column: int, name: str) -> None:
    """Fill between the columns low and high of a table by point."""
    for edge, fill in (("low", None), ("high", "tonexty")):
        figure.add_scatter(
            x=table["point"],
            y=numbers(table, edge),
            name=name,
            mode="lines",
            line={"width": 0},
            fill=fill,
            fillcolor=_BAND,
            hoverinfo="skip",
            row=1,
            col=column,
        )


def add_loss(figure: go.Figure, losses: pd.DataFrame, rows: int, unit: str, *, dark: bool) -> None:
    """Draw the training loss in the lower part, where there is one."""
    if rows < 2:
        return
    figure.add_scatter(
        x=losses["point"],
        y=numbers(losses, "loss"),
        name="loss",
        mode=mode(len(losses)),
        line={"color": ink(dark=dark), "width": 1.6},
        marker={"size": 4},
        cliponaxis=False,
        hovertemplate=f"loss<br>{unit} %{{x:,}}: %{{y:.4g}}<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_yaxes(title="loss", nticks=4, rangemode="tozero", row=2)


def vertical(drawn: Floats) -> tuple[float, float]:
    """Return a range that holds everything drawn, with a little room."""
    known = drawn[np.isfinite(drawn)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    room = 0.05 * (high - low) or 0.5 * abs(high) or 0.5
    return low - room, high + room


def end_labels(
    figure: go.Figure, ends: list[tuple[str, float, str]], drawn: Floats, rows: int
) -> None:
    """Fix the vertical range around what is drawn, and name the lines at its right edge."""
    low, high = vertical(drawn)
    figure.update_yaxes(range=[low, high], row=1)
    longest = max((len(shortened(name, LONGEST_LABEL)) for name, _, _ in ends), default=0)
    figure.update_layout(margin={"l": 0, "r": 30 + 7 * longest, "t": 8, "b": 0})
    pixels = (_HEIGHT - 50) * (1 - _LOSS_SHARE if rows == 2 else 1)
    place_labels(figure, ends, low, high, pixels)


def place_labels(
    figure: go.Figure,
    ends: list[tuple[str, float, str]],
    low: float,
    high: float,
    pixels: float,
    *,
    left: bool = False,
) -> None:
    """Write names beside the ends of lines, moved apart, each joined to its line."""
    known = sorted((end for end in ends if np.isfinite(end[1])), key=lambda end: end[1])
    edge, away = (0.0, -1.0) if left else (1.0, 1.0)
    heights = apart([end[1] for end in known], low, high, _LABEL_PIXELS * (high - low) / pixels)
    for (name, end, colour), height in zip(known, heights, strict=True):
        figure.add_annotation(
            x=edge,
            y=end,
            xref="x domain",
            yref="y",
            ax=away * 16,
            ay=-(height - end) * pixels / (high - low),
            axref="pixel",
            ayref="pixel",
            text=escaped(shortened(name, LONGEST_LABEL)),
            font={"size": 12},
            xanchor="right" if left else "left",
            align="right" if left else "left",
            showarrow=True,
            arrowhead=0,
            arrowcolor=colour,
            arrowwidth=1.6,
        )


def apart(heights: Sequence[float], low: float, high: float, gap: float) -> list[float]:
    """Return rising `heights` moved as little as a `gap` between them asks, inside low to high."""
    if not len(heights):
        return []
    steps = gap * np.arange(len(heights))
    # Least squares under the gaps is monotone regression of what is left without them.
    free = _rising(np.asarray(heights, dtype=float) - steps)
    return [float(at) for at in np.clip(free, low, max(low, high - steps[-1])) + steps]


def _rising(values: Floats) -> Floats:
    """Return the closest sequence that never falls, by pooling neighbours that do."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    return np.repeat([mean for mean, _ in blocks], [size for _, size in blocks])


def last(values: Floats) -> float:
    """Return the last finite value, NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else float("nan")


def first(values: Floats) -> float:
    """Return the first finite value, NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known[0]) if len(known) else float("nan")


def lowest(values: Floats) -> float:
    """Return the least finite value, 0 where there is none."""
    known = values[np.isfinite(values)]
    return float(known.min()) if len(known) else 0.0


def escaped(text: str) -> str:
    """Escape the tags that Plotly would interpret in labels."""
    return html.escape(text, quote=False)
