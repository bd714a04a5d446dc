"""The pruning chart: score over how much is removed, with bands over seeds and the cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dvaudit.findings.pruning import Series
from dvaudit.ui.dynamics_lines import LAYOUT, escaped, ink, styles, vertical
from dvaudit.ui.pruning_maths import score_text

GREY, GREY_ON_DARK = "#64748b", "#94a3b8"
LEFT, RIGHT = 64, 16  # pixels beside the plot
MOST_MARKED = 40
LEAST_RANGE = 0.1  # of accuracy or R2: below, noise would look like a finding
_HEIGHT = 380


def curves(
    lines: Mapping[Series, pd.DataFrame],
    names: Mapping[Series, str],
    chosen: Series,
    index: int,
    *,
    classes: bool,
    dark: bool,
) -> go.Figure:
    """Return the curves of all orders, the chosen one strongest, with its cut marked.

    Args:
        lines: as `pruning_maths.mean_line` gives them, none of them of a window.
        index: of the cut along the chosen line.
    """
    figure = go.Figure()
    looks = dict(zip((Series.LOWEST, Series.HIGHEST), styles(2, dark=dark), strict=True))
    for series, line in lines.items():
        own = looks.get(series)
        colour = own.colour if own else GREY_ON_DARK if dark else GREY
        dash = "dot" if series is Series.RANDOM else "solid"
        _line(figure, line, names[series], colour, dash, series is chosen, "share", classes)
    line = lines[chosen]
    _cut(figure, float(line["share"].iloc[index]), float(line["score"].iloc[index]), dark)
    # Fitted to the chosen order and random; the other end of the values may fall out of sight.
    _axes(figure, [line, lines[Series.RANDOM]], classes)
    figure.update_xaxes(title="share of samples removed", range=_reach(line["share"]))
    return figure


def windows(
    line: pd.DataFrame,
    chance: Mapping[str, float],
    name: str,
    index: int,
    total: int,
    *,
    classes: bool,
    dark: bool,
) -> go.Figure:
    """Return the score without each window, over the share of samples ranked before it.

    Args:
        chance: scores across the whole width to compare with, by what they are.
        total: ranked samples.
    """
    drawn = line.assign(share=line["offset"] / total)
    figure = go.Figure()
    colour = styles(3, dark=dark)[2].colour
    _line(figure, drawn, name, colour, "solid", True, "share", classes)
    for (words, score), dash in zip(chance.items(), ("dot", "dash"), strict=False):
        figure.add_scatter(
            x=drawn["share"],
            y=[score] * len(drawn),
            name=escaped(words),
            mode="lines",
            line={"color": GREY_ON_DARK if dark else GREY, "dash": dash, "width": 2},
            hovertemplate=f"{escaped(words)}: {score_text(score, classes=classes)}<extra></extra>",
        )
    at = drawn.iloc[index]
    _cut(figure, float(at["share"]), float(at["score"]), dark)
    _axes(figure, [drawn, pd.DataFrame({"low": list(chance.values())})], classes)
    figure.update_xaxes(
        title="share of samples ranked before the window, lowest value first",
        range=_reach(drawn["share"]),
    )
    return figure


def _line(
    figure: go.Figure,
    line: pd.DataFrame,
    name: str,
    colour: str,
    dash: str,
    strong: bool,
    across: str,
    classes: bool,
) -> None:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    for edge, fill in (("low", None), ("high", "tonexty")):
        figure.add_scatter(
            x=line[across],
            y=line[edge],
            mode="lines",
            line={"width": 0},
            fill=fill,
            fillcolor=f"rgba({red}, {green}, {blue}, {0.2 if strong else 0.1})",
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=line[across],
        y=line["score"],
        name=escaped(name),
        mode="lines+markers" if len(line) <= MOST_MARKED else "lines",
        marker={"size": 7 if strong else 5},
        line={"color": colour, "dash": dash, "width": 3 if strong else 2},
        customdata=[
            [at, score_text(float(score), classes=classes), int(removed)]
            for at, (score, removed) in enumerate(zip(line["score"], line["removed"], strict=True))
        ],
        hovertemplate=f"{escaped(name)}<br>%{{x:.0%}}: %{{customdata[1]}}<extra></extra>",
        cliponaxis=not strong,
    )


def _cut(figure: go.Figure, across: float, score: float, dark: bool) -> None:
    figure.add_vline(x=across, line={"color": ink(dark=dark), "width": 1.6})
    figure.add_scatter(
        x=[across],
        y=[score],
        mode="markers",
        marker={
            "size": 13,
            "color": "rgba(0,0,0,0)",
            "line": {"width": 2.4, "color": ink(dark=dark)},
        },
        hoverinfo="skip",
        showlegend=False,
        cliponaxis=False,
    )


def _axes(figure: go.Figure, drawn: Sequence[pd.DataFrame], classes: bool) -> None:
    columns = [line[name] for line in drawn for name in ("low", "high") if name in line]
    low, high = vertical(np.concatenate([column.to_numpy(dtype=float) for column in columns]))
    missing = LEAST_RANGE - (high - low)
    if missing > 0:
        low, high = low - missing / 2, high + missing / 2
    figure.update_layout(
        **{**LAYOUT, "showlegend": True},
        height=_HEIGHT,
        clickmode="event+select",
        margin={"l": LEFT, "r": RIGHT, "t": 8, "b": 0, "autoexpand": False, "pad": 0},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    figure.update_layout(margin={"t": 44, "b": 48})
    figure.update_xaxes(tickformat=".0%", fixedrange=True, showgrid=False, nticks=11)
    figure.update_yaxes(
        title="accuracy on held-out samples" if classes else "R² on held-out samples",
        tickformat=".0%" if classes else ".2f",
        fixedrange=True,
        nticks=7,
        range=[low, min(high, 1.01) if classes else high],
    )


def _reach(shares: pd.Series[float]) -> list[float]:
    low, high = float(shares.min()), float(shares.max())
    return [low, high if high > low else low + 0.01]


def clicked(event: Any) -> int | None:
    """Return the index of the cut that was clicked in a chart; None where none was."""
    points = list((event or {}).get("selection", {}).get("points", []))
    for point in points:
        found = point.get("customdata")
        held = list(found.values()) if isinstance(found, Mapping) else list(found or ())
        if held and isinstance(held[0], int | float):
            return int(held[0])
    return None


def alt(line: pd.DataFrame, name: str, index: int, *, classes: bool) -> str:
    """Return what the chart shows in one sentence, for screen readers."""
    at, first = line.iloc[index], line.iloc[0]
    return (
        f"Score over the share removed, {name}: from "
        f"{score_text(float(first['score']), classes=classes)} at the first cut to "
        f"{score_text(float(line['score'].iloc[-1]), classes=classes)} at the last; the cut at "
        f"{int(at['removed']):,} removed scores {score_text(float(at['score']), classes=classes)}"
    )
