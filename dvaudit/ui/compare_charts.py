"""Plotly charts of comparing methods: maps of agreement, recall curves, rank intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dvaudit.findings import RankIntervals
from dvaudit.ui.dynamics_lines import LAYOUT, Style, escaped, styles
from dvaudit.ui.ranking import numbers
from dvaudit.ui.words import shortened

GREY = "#7a8699"
_LONGEST = 20
# Against, neither and with, and a text colour that reads on all between; blue and orange ends
# differ for every kind of colour vision.
_HEAT = ("#f2b27a", "#f8fafc", "#7dbfe8", "#0f172a")
_HEAT_ON_DARK = ("#8a4b12", "#16202b", "#14608f", "#f1f5f9")


def matrix(table: pd.DataFrame, *, low: float, form: str, what: str, dark: bool) -> go.Figure:
    """Return a map of a symmetric table with its numbers; `low` is the least value there can be.

    Args:
        form: how numbers read, such as ".2f".
        what: the numbers are, for the hover text.
    """
    against, neither, strong, ink = _HEAT_ON_DARK if dark else _HEAT
    scale = [[0, against], [0.5, neither], [1, strong]] if low < 0 else [[0, neither], [1, strong]]
    names = [escaped(shortened(str(name), _LONGEST)) for name in table.index]
    figure = go.Figure(
        go.Heatmap(
            z=table.to_numpy(dtype=float),
            zmin=low,
            zmax=1.0,
            colorscale=scale,
            showscale=False,
            texttemplate=f"%{{z:{form}}}",
            textfont={"size": 12, "color": ink},
            xgap=2,
            ygap=2,
            hoverongaps=False,
            hovertemplate=f"%{{y}} and %{{x}}<br>{what} %{{z:{form}}}<extra></extra>",
            x=names,
            y=names,
        )
    )
    longest = max(len(name) for name in names)
    figure.update_layout(
        **LAYOUT, height=70 + 34 * len(names), margin={"l": 0, "r": 8, "t": 30, "b": 0}
    )
    axis = {
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "type": "category",
    }
    crowded = longest * len(names) > 60
    figure.update_xaxes(**axis, side="top", tickangle=-40 if crowded else 0, automargin=True)
    figure.update_yaxes(**axis, autorange="reversed", automargin=True)
    return figure


def pairs_of(table: pd.DataFrame) -> list[tuple[float, str, str]]:
    """Return (number, one, other) for each two different rows of a symmetric table, lowest first,
    ties in the table's order; without those that have no number.
    """
    names, cells = [str(name) for name in table.index], table.to_numpy(dtype=float)
    found = [
        (float(cells[row, column]), names[row], names[column])
        for row in range(len(names))
        for column in range(row + 1, len(names))
        if np.isfinite(cells[row, column])
    ]
    return sorted(found, key=lambda pair: round(pair[0], 6))


def matrix_alt(table: pd.DataFrame, what: str, form: str) -> str:
    """Return what `matrix` shows in one sentence, for screen readers."""
    found = pairs_of(table)
    if not found:
        return f"{what} of {len(table)} rankings; no two can be compared"
    (low, *least), (high, *most) = found[0], found[-1]
    return (
        f"{what} of {len(table)} rankings: lowest {low:{form}} between {' and '.join(least)}, "
        f"highest {high:{form}} between {' and '.join(most)}"
    )


def mean_curves(curves: pd.DataFrame) -> pd.DataFrame:
    """Return method, reviewed, found, low, high: mean and range over the seeds."""
    grouped = curves.groupby(["method", "reviewed"], sort=False)["found"]
    return grouped.agg(found="mean", low="min", high="max").reset_index()


def recall(
    curves: pd.DataFrame, names: Sequence[str], planted: float, most: float, *, dark: bool
) -> go.Figure:
    """Return the share of planted errors found over the share reviewed, a line per method.

    Args:
        curves: the table of `mean_curves`.
        names: methods to draw, best first.
        planted: share of planted errors, marked.
        most: share reviewed where the axis ends.
    """
    figure = go.Figure()
    for name, style in zip(names, styles(len(names), dark=dark), strict=True):
        part = curves[curves["method"] == name].sort_values("reviewed", kind="stable")
        _add_range(figure, part, style)
        figure.add_scatter(
            x=part["reviewed"],
            y=part["found"],
            name=escaped(shortened(name, _LONGEST)),
            mode="lines",
            line={"color": style.colour, "dash": style.dash, "width": 2.4},
            hovertemplate=f"{escaped(name)}<br>%{{x:.1%}} reviewed: %{{y:.1%}} found"
            "<extra></extra>",
        )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        name="random order",
        mode="lines",
        line={"color": GREY, "dash": "dot", "width": 2.2},
        hoverinfo="skip",
    )
    figure.add_vline(x=planted, line={"color": GREY, "width": 1})
    figure.update_layout(
        **{**LAYOUT, "showlegend": True},
        height=400,
        margin={"l": 0, "r": 12, "t": 8, "b": 0},
        legend={
            **{"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "traceorder": "normal",
        },
    )
    axis = {"fixedrange": True, "tickformat": ".0%", "nticks": 11}
    figure.update_xaxes(**axis, title="share of samples reviewed", range=[0, most], showgrid=False)
    figure.update_yaxes(**axis, title="share of planted errors found", range=[0, 1.02])
    return figure


def _add_range(figure: go.Figure, part: pd.DataFrame, style: Style) -> None:
    red, green, blue = (int(style.colour[at : at + 2], 16) for at in (1, 3, 5))
    for edge, fill in (("low", None), ("high", "tonexty")):
        figure.add_scatter(
            x=part["reviewed"],
            y=part[edge],
            mode="lines",
            line={"width": 0},
            fill=fill,
            fillcolor=f"rgba({red}, {green}, {blue}, 0.16)",
            hoverinfo="skip",
            showlegend=False,
        )


def recall_alt(means: pd.DataFrame, share: float) -> str:
    """Return what `recall` shows in one sentence, for screen readers."""
    said = ", ".join(
        f"{method} {found:.0%}"
        for method, found in zip(means["method"], numbers(means, "recall"), strict=True)
    )
    return (
        f"Share of planted errors found by share of samples reviewed; after {share:.0%} reviewed: "
        f"{said}, a random order {share:.0%}"
    )


def rank_ranges(
    found: RankIntervals, ids: Sequence[str], most: int, colour: str, marks: Mapping[str, int]
) -> go.Figure:
    """Return the `most` most suspicious samples with the ranks at the ends of their intervals.

    Args:
        ids: of all samples.
        marks: lines across at a rank, by what to write on them.
    """
    order = np.argsort(found.ranks, kind="stable")[:most]
    order = order[np.isfinite(found.ranks[order])]
    ranks = found.ranks[order]
    figure = go.Figure(
        go.Scatter(
            x=ranks,
            y=ranks,
            error_y={
                "array": found.high[order] - ranks,
                "arrayminus": ranks - found.low[order],
                "color": colour,
                "thickness": 1.6,
                "width": 3,
            },
            mode="markers",
            marker={"size": 6, "color": colour},
            customdata=[
                [escaped(str(ids[at])), f"{found.low[at]:,.0f} to {found.high[at]:,.0f}"]
                for at in order
            ],
            hovertemplate="%{customdata[0]}<br>rank %{y:,}, interval %{customdata[1]}"
            "<extra></extra>",
        )
    )
    for words, rank in marks.items():
        figure.add_hline(y=rank, line={"color": GREY, "dash": "dot"})
        # On a logarithmic axis an annotation's place is the exponent, a shape's the number.
        figure.add_annotation(
            text=words,
            x=0,
            xref="x domain",
            y=np.log10(rank),
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
        )
    figure.update_layout(**LAYOUT, height=340, margin={"l": 0, "r": 8, "t": 8, "b": 0})
    figure.update_xaxes(title="rank, 1 = most suspicious", fixedrange=True, showgrid=False)
    highest = float(np.nanmax([*found.high[order], *marks.values(), 1.0]))
    steps = [step * 10**power for power in range(9) for step in (1, 2, 5)]
    figure.update_yaxes(
        title="ranks it may have",
        fixedrange=True,
        type="log",
        range=[np.log10(0.85), np.log10(1.15 * highest)],
        tickvals=steps,
        ticktext=[f"{step:,}" for step in steps],
        minor_showgrid=False,
    )
    return figure
