"""Plotly charts of values over training: classes, flagged against others, samples, phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dvaudit.dynamics import ALL
from dvaudit.ui import theme
from dvaudit.ui.dynamics_lines import (
    LAYOUT,
    MOST_MARKED,
    POWERS,
    SO_FAR,
    Style,
    add_band,
    add_line,
    add_loss,
    apart,
    end_labels,
    escaped,
    first,
    ink,
    last,
    lowest,
    mode,
    place_labels,
    stacked,
    styles,
    vertical,
    x_axis,
)
from dvaudit.ui.dynamics_maths import Floats, all_lines, class_lines
from dvaudit.ui.ranking import numbers
from dvaudit.ui.words import shortened

_PANEL_PIXELS, _NUMBER_PIXELS = 300.0, 15.0  # heights of a panel of single samples and of a number


def class_chart(
    table: pd.DataFrame,
    shown: Sequence[str],
    losses: pd.DataFrame,
    unit: str,
    *,
    dark: bool,
    title: str = SO_FAR,
) -> go.Figure:
    """Return value so far over training, a line per class and one of all, the loss below.

    Args:
        table: columns point, label, value.
        shown: classes to draw, each in a style of its own.
        losses: columns point, loss; no lower part where none is known.
        unit: of the points.
        title: of the vertical axis.
    """
    figure, rows = stacked(losses, unit, title)
    ends: list[tuple[str, float, str]] = []
    classes = class_lines(table)
    for name, style in zip(shown, styles(len(shown), dark=dark), strict=True):
        part = classes[classes["label"] == name]
        line = {"color": style.colour, "dash": style.dash, "width": 2}
        add_line(figure, part["point"], numbers(part, "value"), name, unit, line)
        ends.append((name, last(numbers(part, "value")), style.colour))
    every = all_lines(table)
    line = {"color": ink(dark=dark), "width": 3.2}
    add_line(figure, every["point"], numbers(every, "value"), ALL, unit, line)
    ends.append((ALL, last(numbers(every, "value")), ink(dark=dark)))
    end_labels(figure, ends, numbers(table[table["label"].isin([*shown, ALL])], "value"), rows)
    add_loss(figure, losses, rows, unit, dark=dark)
    return figure


def spread_chart(spread: pd.DataFrame, losses: pd.DataFrame, unit: str, *, dark: bool) -> go.Figure:
    """Return the band of 95 % of the samples with the means of flagged ones and others.

    Args:
        spread: columns point, low, middle, high, flagged, others of dynamics_maths.spread.
        losses: columns point, loss.
    """
    figure, rows = stacked(losses, unit)
    add_band(figure, spread, 1, name="95% of samples")
    flag, accent = (
        (theme.FLAG_ON_DARK, theme.ACCENT_ON_DARK) if dark else (theme.FLAG, theme.ACCENT)
    )
    ends, drawn = [], [numbers(spread, "low"), numbers(spread, "high")]
    flags_some = np.isfinite(numbers(spread, "flagged")).any()
    for column, colour, dash in (("others", accent, "solid"), ("flagged", flag, "dash")):
        values, name = numbers(spread, column), column if flags_some else "mean"
        if np.isfinite(values).any():
            line = {"color": colour, "dash": dash, "width": 2.6}
            add_line(figure, spread["point"], values, name, unit, line)
            ends.append((name, last(values), colour))
            drawn.append(values)
    end_labels(figure, ends, np.concatenate(drawn), rows)
    add_loss(figure, losses, rows, unit, dark=dark)
    return figure


@dataclass(frozen=True, eq=False)
class SampleLine:
    """One sample to draw: its number in the list, its label and its (S,) values so far."""

    number: int
    name: str
    label: str | None
    values: Floats


def sample_chart(
    lines: Sequence[SampleLine],
    bands: dict[str | None, pd.DataFrame],
    points: Floats,
    unit: str,
    *,
    dark: bool,
    title: str = SO_FAR,
) -> go.Figure:
    """Return one panel per class with the band of its samples, and the single samples in it.

    Args:
        lines: samples, at most ten.
        bands: by label, in the order of the panels: point, low, middle, high.
        title: of the vertical axis.
    """
    room = max(70 // max(len(bands), 1) - 6, 6)  # characters beside each other at 1280 pixels
    titles = [
        "all samples" if label is None else f"label {escaped(shortened(label, room))}"
        for label in bands
    ]
    figure = make_subplots(
        rows=1, cols=len(bands), shared_yaxes=True, horizontal_spacing=0.05, subplot_titles=titles
    )
    figure.update_annotations(font={"size": 13})  # the panels' titles
    chosen = styles(len(lines), dark=dark)
    few = len(points) * len(bands) <= MOST_MARKED
    drawn = [line.values for line in lines]
    for table in bands.values():
        drawn += [numbers(table, "low"), numbers(table, "high")]
    span = vertical(np.concatenate(drawn))
    for column, (label, table) in enumerate(bands.items(), start=1):
        add_band(figure, table, column, name="95% of the class")
        middle = {"color": ink(dark=dark), "dash": "dot", "width": 1.4}
        median = numbers(table, "middle")
        add_line(figure, points, median, "median", unit, middle, col=column, marked=False)
        inside = [
            (line, style) for line, style in zip(lines, chosen, strict=True) if line.label == label
        ]
        for line, style in inside:
            look = {"color": style.colour, "dash": style.dash, "width": 2.6}
            name = f"{line.number}: {shortened(line.name, 40)}"
            add_line(figure, points, line.values, name, unit, look, col=column, marked=few)
        _number_ends(figure, inside, points, column, span)
    figure.update_layout(height=380, margin={"l": 0, "r": 22, "t": 28, "b": 0}, **LAYOUT)
    figure.update_xaxes(**x_axis(points), title=unit)
    figure.update_yaxes(fixedrange=True, nticks=6, range=span, **POWERS)
    figure.update_yaxes(title=title, col=1)
    return figure


def detection_chart(
    early: pd.DataFrame, unit: str, *, dark: bool, end: str = "the end"
) -> go.Figure:
    """Return by point how well the ranking until then agrees with that at the `end`."""
    figure = go.Figure()
    points = numbers(early, "point")
    names = {
        "lowest_10": "lowest 10%",
        "lowest_5": "lowest 5%",
        "rank_correlation": "rank correlation",
    }
    ends, drawn = [], []
    for (column, name), style, dash in zip(
        names.items(), styles(3, dark=dark), ("solid", "dash", "dot"), strict=True
    ):
        values = numbers(early, column)
        add_line(
            figure,
            points,
            values,
            name,
            unit,
            {"color": style.colour, "dash": dash, "width": 2.4},
            form=".2f" if column == "rank_correlation" else ".0%",
            place={},
        )
        # All lines meet at the end: they are named where they begin.
        ends.append((name, first(values), style.colour))
        drawn.append(values)
    figure.update_layout(height=330, **LAYOUT)
    figure.update_layout(margin={"l": 120, "r": 12, "t": 8, "b": 0})
    figure.update_xaxes(**x_axis(points), title=unit)
    low = min(0.0, lowest(np.concatenate(drawn)))
    figure.update_yaxes(
        title=f"agreement with {end}",
        side="right",
        fixedrange=True,
        tickformat=".0%",
        range=[low - 0.02, 1.03],
    )
    place_labels(figure, ends, low - 0.02, 1.03, 300, left=True)
    return figure


def phase_chart(phases: pd.DataFrame, *, dark: bool) -> go.Figure:
    """Return mean |influence| over the rate, |u_t| and training loss by epoch, one below another.

    Args:
        phases: columns epoch, magnitude, adjoint_norm, training_loss, and `part` where the data
            was measured in two halves.
    """
    titles = ("mean |influence|<br>per unit of rate", "|uₜ|", "training loss")
    figure = make_subplots(
        rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=[0.44, 0.28, 0.28]
    )
    parts = sorted(phases["part"].unique()) if "part" in phases else [None]
    for part, style in zip(parts, styles(len(parts), dark=dark), strict=True):
        table = phases if part is None else phases[phases["part"] == part]
        name = "" if part is None else f"half {int(part) + 1}"
        dash = "dash" if part else "solid"
        for row, column in enumerate(("magnitude", "adjoint_norm", "training_loss"), start=1):
            figure.add_scatter(
                x=table["epoch"],
                y=numbers(table, column),
                name=name,
                legendgroup=name,
                showlegend=row == 1 and bool(name),
                mode=mode(len(table)),
                line={"color": style.colour, "dash": dash, "width": 2.2},
                cliponaxis=False,
                hovertemplate=f"{name + '<br>' if name else ''}epoch %{{x}}: %{{y:.4g}}"
                "<extra></extra>",
                row=row,
                col=1,
            )
    figure.update_layout(
        height=520,
        margin={"l": 0, "r": 12, "t": 8, "b": 0},
        **{**LAYOUT, "showlegend": len(parts) > 1},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(**x_axis(numbers(phases, "epoch")))
    figure.update_xaxes(title="epoch", row=3)
    for row, title in enumerate(titles, start=1):
        figure.update_yaxes(title=title, fixedrange=True, nticks=5, row=row, **POWERS)
    figure.update_yaxes(rangemode="tozero", row=1)
    return figure


def _number_ends(
    figure: go.Figure,
    inside: Sequence[tuple[SampleLine, Style]],
    points: Floats,
    column: int,
    span: tuple[float, float],
) -> None:
    """Write the numbers of a panel's lines at their ends, moved apart."""
    ends = sorted(
        (float(line.values[known[-1]]), float(points[known[-1]]), line.number, style.colour)
        for line, style in inside
        if len(known := np.flatnonzero(np.isfinite(line.values)))
    )
    pixel = (span[1] - span[0]) / _PANEL_PIXELS
    heights = apart([end[0] for end in ends], *span, _NUMBER_PIXELS * pixel)
    for (end, point, number, colour), height in zip(ends, heights, strict=True):
        figure.add_annotation(
            x=point,
            y=end,
            text=f"<b>{number}</b>",
            font={"color": colour, "size": 14},
            showarrow=False,
            xanchor="left",
            xshift=6,
            yshift=(height - end) / pixel,
            row=1,
            col=column,
        )
