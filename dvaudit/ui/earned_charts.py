"""The chart of what verdicts earned: precision along the order of review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dvaudit.findings.earned_types import Bin, Curve, Earned, share_of
from dvaudit.ui.dynamics_lines import COLOURS, COLOURS_ON_DARK, LAYOUT, ink

_HEIGHT = 260
_BAND = "rgba(122, 134, 153, 0.22)"
_FADED = 0.02  # P(worth flagging) below which the curve is not drawn further than there is to see
_MOST_POINTS = 120
_TOP, _ROW = 22, 15  # pixels: above the chart, and of a further row of names
_LETTER = 0.02  # of the axis, that a letter takes in the narrowest chart
_APART = 0.03  # of the axis: a bar with its ends is 2 % of the narrowest chart


def shown_places(found: Earned) -> int:
    """Return the last place of the order that the chart shows."""
    least = max(1.25 * found.top, 1.5 * found.flagged, 20.0)
    if found.curve is not None:
        alive = found.curve.ends[found.curve.middle > _FADED]
        least = max(least, float(alive[-1]) if len(alive) else 0.0)
    return int(min(found.ranked, least))


def precision_chart(found: Earned, suggested: int, *, dark: bool) -> go.Figure:
    """Return precision in bins of judged samples, the curve beyond them, and the cut-off.

    Args:
        suggested: the cut-off to suggest, as a number of samples; 0 draws none.
    """
    palette = COLOURS_ON_DARK if dark else COLOURS
    last = shown_places(found)
    figure = go.Figure()
    if found.curve is not None:
        _add_curve(figure, found.curve, last, ink(dark=dark))
    bins = bins_apart([item for item in found.bins if item.first <= last], last)
    if bins:
        _add_bins(figure, bins, palette[0])
    line = {"width": 2, "color": palette[1]}
    figure.add_vline(found.flagged + 0.5, line=line)
    named = [(found.flagged, f"cut-off {found.flagged:,}", palette[1])]
    if suggested and suggested != found.flagged:
        figure.add_vline(suggested + 0.5, line={**line, "color": palette[2], "dash": "dash"})
        named.append((suggested, f"suggested {suggested:,}", palette[2]))
    labels = _labels(sorted(named), last)
    top = _TOP + max(label["yshift"] for label in labels)
    figure.update_layout(
        **LAYOUT,
        height=_HEIGHT,
        margin={"l": 0, "r": 8, "t": top, "b": 0},
        annotations=labels,
    )
    figure.update_xaxes(
        title="place in the order of review",
        range=[0.5, last + 0.5],
        fixedrange=True,
        showgrid=False,
        nticks=8,
        tickformat=",d",
    )
    figure.update_yaxes(
        title="worth flagging", range=[-0.02, 1.04], tickformat=".0%", fixedrange=True, nticks=6
    )
    return figure


def bins_apart(bins: Sequence[Bin], last: int) -> list[Bin]:
    """Return bins whose middles are far enough apart that their bars do not overlap.

    Neighbours of the same kind are merged. Where the first of the audit sample still is too near
    the last of the top, it has no neighbour left to merge with.

    Args:
        last: the last place that the axis shows.
    """
    out: list[Bin] = []
    for item in bins:
        crowded = len(out) > 1 and _near(out[-2], out[-1], last)
        if out and out[-1].drawn == item.drawn and (crowded or _near(out[-1], item, last)):
            out[-1] = _merged(out[-1], item)
        else:
            out.append(item)
    # Merging moves a middle; what was merged last may be near the one before.
    while len(out) > 1 and out[-1].drawn == out[-2].drawn and _near(out[-2], out[-1], last):
        out[-2:] = [_merged(out[-2], out[-1])]
    return out


def _middle(item: Bin) -> float:
    return (item.first + item.last) / 2


def _near(one: Bin, other: Bin, last: int) -> bool:
    return _middle(other) - _middle(one) < _APART * last


def _merged(one: Bin, other: Bin) -> Bin:
    share = share_of(one.worth.hits + other.worth.hits, one.worth.of + other.worth.of)
    return Bin(one.first, other.last, share, one.drawn)


def chart_alt(found: Earned, suggested: int) -> str:
    """Return what the chart shows in words, for screen readers."""
    parts = [
        f"places {item.first:,} to {item.last:,}: {item.worth.hits} of {item.worth.of} worth it"
        for item in found.bins
    ]
    said = "; ".join(parts) if parts else "nothing judged in order yet"
    offered = f"; suggested cut-off {suggested:,}" if suggested else ""
    return f"Share worth flagging along the order of review: {said}; cut-off {found.flagged:,}" + (
        offered
    )


def _add_curve(figure: go.Figure, curve: Curve, last: int, colour: str) -> None:
    kept = np.flatnonzero(curve.firsts <= last)
    kept = kept[:: max(1, len(kept) // _MOST_POINTS)]
    if not len(kept):
        return
    middles = (curve.firsts[kept] + curve.ends[kept]) / 2
    figure.add_scatter(
        x=np.concatenate([middles, middles[::-1]]),
        y=np.concatenate([curve.high[kept], curve.low[kept][::-1]]),
        fill="toself",
        fillcolor=_BAND,
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=middles,
        y=curve.middle[kept],
        mode="lines",
        line={"color": colour, "width": 2, "dash": "dot"},
        customdata=np.column_stack([curve.low[kept], curve.high[kept]]),
        hovertemplate="place %{x:,.0f}: %{y:.1%} expected to be worth flagging"
        "<br>95% band %{customdata[0]:.1%} to %{customdata[1]:.1%}<extra></extra>",
    )


def _add_bins(figure: go.Figure, bins: list[Bin], colour: str) -> None:
    shares = [item.worth.share for item in bins]
    figure.add_scatter(
        x=[(item.first + item.last) / 2 for item in bins],
        y=shares,
        mode="markers",
        marker={"color": colour, "size": 8},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [item.worth.high - item.worth.share for item in bins],
            "arrayminus": [item.worth.share - item.worth.low for item in bins],
            "color": colour,
            "thickness": 1.5,
            "width": 4,
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [(item.last - item.first) / 2 for item in bins],
            "arrayminus": [(item.last - item.first) / 2 for item in bins],
            "color": colour,
            "thickness": 1,
            "width": 0,
        },
        customdata=[[item.first, item.last, item.worth.hits, item.worth.of] for item in bins],
        hovertemplate="places %{customdata[0]:,} to %{customdata[1]:,}"
        "<br>%{customdata[2]} of %{customdata[3]} judged were worth flagging<extra></extra>",
    )


def _labels(named: Sequence[tuple[int, str, str]], last: int) -> list[dict[str, Any]]:
    """Return the names of one or two vertical lines, outwards of them where there is room.

    One that would leave the chart goes to the other side of its line, above the other name where
    the two would overlap.

    Args:
        named: place, text and colour of each, in the order of places.
        last: the last place that the axis shows.
    """
    labels: list[dict[str, Any]] = []
    taken = 0.0  # of the axis, by the names before
    for index, (at, text, colour) in enumerate(named):
        place, wide = at / last, _LETTER * len(text)
        left = index == 0 and len(named) > 1
        if left and place < wide:
            left = False
        elif not left and place + wide > 1:
            left = True
        begins = place - wide if left else place
        raised = bool(labels) and begins < taken
        taken = max(taken, begins + wide)
        labels.append(
            {
                "x": at + 0.5,
                "y": 1.0,
                "yref": "paper",
                "text": text,
                "showarrow": False,
                "xanchor": "right" if left else "left",
                "yanchor": "bottom",
                "xshift": -2 if left else 2,
                "yshift": _ROW if raised else 0,
                "font": {"color": colour, "size": 12},
            }
        )
    return labels
