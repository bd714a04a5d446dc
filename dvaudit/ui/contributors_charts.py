"""Plotly charts of contributors: values with their two terms, curves, ranks towards trusted sets.

Bars and lines take their colours from Streamlit's theme, as in `charts`; only what is no series
of its own, intervals and the random line, has a fixed grey.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from dvaudit.ui.contributors_maths import NORMAL_95, Floats, intervals
from dvaudit.ui.ranking import numbers
from dvaudit.ui.words import count, shortened

LONGEST_NAME = 26
MOST_HEADING = 110  # characters of all headings of a map beside each other
ORDERS = {"lowest": "lowest first", "highest": "highest first", "random": "random"}
_DONE = {"remove": "removed", "add": "added"}
_GREY, _BAND = "#7a8699", "rgba(122, 134, 153, 0.25)"
_WHISKERS, _WHISKERS_ON_DARK = "#0f172a", "#f1f5f9"
# Strong and weak end, and a text colour that reads on both and all between.
_HEAT = ("#5fb8ad", "#eef7f6", "#0f172a")
_HEAT_ON_DARK = ("#0f766e", "#13222b", "#f1f5f9")
_CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}
_MARKERS = {"lowest": "circle", "highest": "diamond"}
_DASHES = {"lowest": "solid", "highest": "dash"}


def show(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draw a figure that only shows."""
    st.plotly_chart(figure, key=key, alt=alt, config=_CONFIG)


def values(table: pd.DataFrame, shown: Sequence[int], hidden: int, *, dark: bool) -> go.Figure:
    """Return three panels over the same contributors: value, in-domain and out-of-domain term.

    Args:
        table: one row per contributor; in_domain is already times kappa.
        shown: positions of the rows to draw, from the top.
        hidden: rows left out in the middle, marked by a gap; 0 for none.
    """
    rows = [*shown] if not hidden else [*shown[: len(shown) // 2], None, *shown[len(shown) // 2 :]]
    names = [_row_name(table, at, hidden) for at in rows]
    figure = make_subplots(
        rows=1,
        cols=3,
        shared_yaxes=True,
        column_widths=[0.44, 0.28, 0.28],
        horizontal_spacing=0.03,
        subplot_titles=["Value, 95% interval", "κ times in-domain term", "Out-of-domain term"],
    )
    panels = (
        ("value", "std_error"),
        ("in_domain", "in_domain_std_error"),
        ("out_of_domain", "out_of_domain_std_error"),
    )
    whiskers = _WHISKERS_ON_DARK if dark else _WHISKERS
    for number, (column, error) in enumerate(panels, start=1):
        widths = intervals(_picked(numbers(table, error), rows))
        figure.add_bar(
            x=_picked(numbers(table, column), rows),
            y=list(range(len(rows))),
            orientation="h",
            name=column,
            opacity=0.85,
            error_x=None
            if widths is None
            else {"array": widths, "color": whiskers, "thickness": 1.4, "width": 3},
            customdata=[name.full for name in names],
            hovertemplate="%{customdata}: %{x:.4g}"
            + ("" if widths is None else " ± %{error_x.array:.2g}")
            + "<extra></extra>",
            row=1,
            col=number,
        )
    figure.update_layout(
        height=70 + max(22, 30 - len(rows)) * len(rows),
        margin={"l": 0, "r": 8, "t": 30, "b": 0},
        showlegend=False,
        bargap=0.3,
        dragmode=False,
        hoverlabel={"align": "left"},
    )
    figure.update_annotations(font={"size": 13})
    figure.update_xaxes(fixedrange=True, nticks=5, zeroline=True, zerolinecolor=_GREY)
    figure.update_yaxes(
        range=[len(rows) - 0.4, -0.6],
        tickvals=list(range(len(rows))),
        ticktext=[name.short for name in names],
        fixedrange=True,
        showgrid=False,
    )
    return figure


class _Name:
    """A contributor's name as the axis and as the hover text show it."""

    def __init__(self, text: str) -> None:
        self.full = _text(text)
        self.short = _text(shortened(text, LONGEST_NAME))


def _row_name(table: pd.DataFrame, at: int | None, hidden: int) -> _Name:
    if at is None:
        return _Name(f"{hidden:,} more between")
    return _Name(str(table["contributor"].iat[at]))


def _picked(column: Floats, rows: Sequence[int | None]) -> Floats:
    return np.array([np.nan if at is None else column[at] for at in rows])


def curve(table: pd.DataFrame, direction: str, performance: str) -> go.Figure:
    """Return performance over the number of contributors removed or added, one line per order.

    Args:
        table: columns order, direction, count, performance, std_error.
        direction: "remove" or "add".
        performance: what the vertical axis measures.
    """
    figure = go.Figure()
    for order in ("lowest", "highest"):
        part = one_line(table, direction, order)
        figure.add_scatter(
            x=part["count"],
            y=part["performance"],
            customdata=_in_use(part, direction),
            name=ORDERS[order],
            mode="lines+markers" if len(part) <= 30 else "lines",
            line={"dash": _DASHES[order], "width": 2.2},
            marker={"symbol": _MARKERS[order], "size": 7},
            hovertemplate=_curve_hover(ORDERS[order]),
        )
    _add_random(figure, one_line(table, direction, "random"), direction)
    figure.update_layout(
        height=300,
        margin={"l": 0, "r": 8, "t": 8, "b": 0},
        dragmode=False,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(
        title=f"contributors {_DONE[direction]}", fixedrange=True, showgrid=False, nticks=8
    )
    figure.update_yaxes(title=_text(performance), fixedrange=True, nticks=5)
    return figure


def one_line(table: pd.DataFrame, direction: str, order: str) -> pd.DataFrame:
    """Return the points of one line in the order of their counts."""
    part = table[(table["direction"] == direction) & (table["order"] == order)]
    return part[np.isfinite(numbers(part, "performance"))].sort_values("count", kind="stable")


def _add_random(figure: go.Figure, part: pd.DataFrame, direction: str) -> None:
    middle, width = numbers(part, "performance"), NORMAL_95 * numbers(part, "std_error")
    width = np.nan_to_num(width)
    counts = part["count"].to_numpy()
    if bool((width > 0).any()):
        figure.add_scatter(
            x=np.concatenate([counts, counts[::-1]]),
            y=np.concatenate([middle - width, (middle + width)[::-1]]),
            fill="toself",
            fillcolor=_BAND,
            line={"width": 0},
            mode="lines",
            name="random, 95% interval",
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=counts,
        y=middle,
        customdata=_in_use(part, direction),
        name=ORDERS["random"],
        mode="lines",
        line={"color": _GREY, "dash": "dot", "width": 2.2},
        hovertemplate=_curve_hover(ORDERS["random"]),
    )


def _curve_hover(name: str) -> str:
    return f"{name}<br>%{{customdata}}: %{{y:.4g}}<extra></extra>"


def _in_use(part: pd.DataFrame, direction: str) -> list[str]:
    """Return what was done and what is left at each point of a line, in words."""
    return [
        f"{count(int(people), 'contributor')} {_DONE[direction]}, "
        f"{count(int(samples), 'sample')} in use"
        for people, samples in zip(part["count"], part["samples"], strict=True)
    ]


def curve_means(table: pd.DataFrame, direction: str) -> dict[str, float]:
    """Return the mean performance along each line, by order; without those that have no point."""
    lines = {order: numbers(one_line(table, direction, order), "performance") for order in ORDERS}
    return {order: float(line.mean()) for order, line in lines.items() if len(line)}


def rank_heat(ranks: pd.DataFrame, *, dark: bool) -> go.Figure:
    """Return a map of ranks, contributors by runs; 1 = most useful is the strongest colour."""
    strong, weak, ink = _HEAT_ON_DARK if dark else _HEAT
    figure = go.Figure(
        go.Heatmap(
            z=ranks.to_numpy(dtype=float),
            customdata=_names_in_cells(ranks),
            texttemplate="%{z:.0f}",
            textfont={"size": 12, "color": ink},
            colorscale=[[0, strong], [1, weak]],
            showscale=False,
            xgap=2,
            ygap=2,
            hoverongaps=False,
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>rank %{z:.0f}<extra></extra>",
        )
    )
    figure.update_layout(
        height=60 + 24 * len(ranks), margin={"l": 0, "r": 8, "t": 40, "b": 0}, dragmode=False
    )
    figure.update_xaxes(
        side="top",
        ticks="",
        tickvals=list(range(ranks.shape[1])),
        ticktext=[_two_lines(str(name), MOST_HEADING // ranks.shape[1]) for name in ranks.columns],
        fixedrange=True,
        showgrid=False,
    )
    figure.update_yaxes(
        autorange="reversed",
        ticks="",
        tickvals=list(range(len(ranks))),
        ticktext=[_text(shortened(str(name), LONGEST_NAME)) for name in ranks.index],
        fixedrange=True,
        showgrid=False,
        zeroline=False,
    )
    return figure


def _two_lines(text: str, width: int) -> str:
    """Return a heading in at most two lines of about `width` characters."""
    lines = textwrap.wrap(text, max(width, 8), max_lines=2, placeholder="…")
    return "<br>".join(_text(line) for line in lines)


def _names_in_cells(ranks: pd.DataFrame) -> NDArray[Any]:
    """Return (rows, columns, 2): the contributor and the run of every cell."""
    cells = np.empty((*ranks.shape, 2), dtype=object)
    cells[:, :, 0] = np.array([_text(str(name)) for name in ranks.index])[:, None]
    cells[:, :, 1] = np.array([_text(str(name)) for name in ranks.columns])[None, :]
    return cells


def _text(text: str) -> str:
    """Escape the tags that Plotly would interpret in labels."""
    return html.escape(text, quote=False)
