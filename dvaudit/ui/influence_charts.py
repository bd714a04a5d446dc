"""Plotly charts of influence: how it spreads over the samples, and over their classes.

Helped and hurt differ by side and sign as well as by colour.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

BINS = 48
TALL = 20
ROOM = 44  # pixels below the axis, for its numbers and its title
MOST_CLASSES = 16
LONGEST_NAME = 22
STEPS = 4  # of an axis of counts
_LOSS = ".3~g"  # plain decimals, not the thousandths and millionths of SI
_GREY = "#7a8699"
_LAYOUT = {
    "margin": {"l": 0, "r": 8, "t": 22, "b": 0},
    "dragmode": False,
    "showlegend": False,
    "hoverlabel": {"align": "left"},
}


def spread(
    influence: NDArray[np.float32],
    hurt_to: float | None,
    helped_from: float | None,
    colours: tuple[str, str],
) -> go.Figure:
    """Return bars of all influences, with lines where the shown samples begin.

    Counts from TALL on are on a logarithmic axis: most influences are near zero, and the few far
    ones matter.

    Args:
        influence: (n,); NaN is left out.
        hurt_to: influence of the last sample shown that hurt, None without any.
        helped_from: the same of those that helped.
        colours: of helped and of hurt.
    """
    known = influence[np.isfinite(influence)].astype(np.float64)
    figure = go.Figure(layout={**_LAYOUT, "height": 220, "bargap": 0.06})
    edges = _edges(known)
    counts, _ = np.histogram(known, edges)
    filled = np.flatnonzero(counts)
    middles = (edges[:-1] + edges[1:]) / 2
    helped, hurt = colours
    figure.add_bar(
        x=middles[filled],
        y=counts[filled],
        width=np.diff(edges)[filled],
        customdata=np.stack([edges[:-1], edges[1:]], axis=1)[filled],
        marker={"color": [helped if middles[at] > 0 else hurt for at in filled]},
        hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}<br>%{y:,} samples"
        "<extra></extra>",
    )
    for value, text, side in (
        (hurt_to, "hurt most", "right"),
        (helped_from, "helped most", "left"),
    ):
        if value is not None:
            figure.add_vline(
                x=value,
                line={"color": _GREY, "width": 1.5, "dash": "dot"},
                annotation={
                    "text": text,
                    "xanchor": side,
                    "yanchor": "bottom",
                    "y": 1,
                    "font": {"size": 11},
                    "showarrow": False,
                },
            )
    figure.update_xaxes(
        title="influence (loss)", fixedrange=True, showgrid=False, nticks=6, tickformat=_LOSS
    )
    highest = int(counts.max(initial=0))
    logarithmic = highest >= TALL
    figure.update_yaxes(
        title="samples",
        type="log" if logarithmic else "linear",
        dtick=1 if logarithmic else max(1, -(-highest // STEPS)),
        fixedrange=True,
        tickformat=",d",
    )
    return figure


def spread_alt(
    influence: NDArray[np.float32], hurt_to: float | None, helped_from: float | None
) -> str:
    """Return what `spread` shows in one sentence, for screen readers."""
    known = influence[np.isfinite(influence)]
    if not len(known):
        return "No influence to show"
    said = (
        f"Influences of {len(known):,} samples from {known.min():.3g} to {known.max():.3g}: "
        f"{int((known > 0).sum()):,} helped, {int((known < 0).sum()):,} hurt"
    )
    if helped_from is not None:
        said += f"; those shown helped by {helped_from:.3g} or more"
    if hurt_to is not None:
        said += f"; those shown hurt by {-hurt_to:.3g} or more"
    return said


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rising edges over `values`, one of them 0, so that no bar has both signs."""
    low = min(0.0, float(values.min())) if len(values) else 0.0
    high = max(0.0, float(values.max())) if len(values) else 0.0
    if high == low:
        return np.array([-0.5, 0.0, 0.5])
    width = (high - low) / BINS
    below, above = int(np.ceil(-low / width)), int(np.ceil(high / width))
    edges = np.arange(-below, above + 1, dtype=np.float64) * width
    edges[0], edges[-1] = min(edges[0], low), max(edges[-1], high)
    return np.asarray(edges, dtype=np.float64)


def shown_classes(table: pd.DataFrame, own: str | None) -> pd.DataFrame:
    """Return the classes to draw: those of the largest sums, and the query's own, in input order.

    Args:
        table: columns label, total, mean, samples.
    """
    leading = set(table["total"].abs().sort_values(ascending=False).index[:MOST_CLASSES])
    pairs = zip(table.index, table["label"], strict=True)
    keep = [at in leading or label == own for at, label in pairs]
    return table[keep]


def by_class(table: pd.DataFrame, own: str | None, colours: tuple[str, str]) -> go.Figure:
    """Return one bar for each class: the influences of its samples added up.

    Args:
        table: columns label, total, mean, samples, from the top.
        own: the class that is asked about, in bold.
        colours: of helped and of hurt.
    """
    helped, hurt = colours
    # Plotly leaves low charts without the room that it gives to the title of an axis otherwise.
    figure = go.Figure(layout={**_LAYOUT, "height": 34 + ROOM + 22 * len(table), "bargap": 0.25})
    figure.update_layout(margin_b=ROOM)
    names = _names([str(label) for label in table["label"]], own)
    figure.add_bar(
        x=table["total"],
        y=list(range(len(table))),
        orientation="h",
        marker={"color": [helped if total > 0 else hurt for total in table["total"]]},
        customdata=[
            [html.escape(str(label), quote=False), samples, mean]
            for label, samples, mean in zip(
                table["label"], table["samples"], table["mean"], strict=True
            )
        ],
        hovertemplate="%{customdata[0]}: %{x:.3g}<br>%{customdata[1]:,} samples, "
        "%{customdata[2]:.3g} each<extra></extra>",
    )
    figure.update_xaxes(
        title="sum of influences (loss)",
        fixedrange=True,
        nticks=5,
        tickformat=_LOSS,
        zeroline=True,
        zerolinecolor=_GREY,
    )
    figure.update_yaxes(
        autorange="reversed",
        tickvals=list(range(len(table))),
        ticktext=names,
        ticks="",
        fixedrange=True,
        showgrid=False,
        zeroline=False,
    )
    return figure


def by_class_alt(table: pd.DataFrame, own: str | None) -> str:
    """Return what `by_class` shows in one sentence, for screen readers."""
    said = [
        f"{label} {total:.3g}" for label, total in zip(table["label"], table["total"], strict=True)
    ]
    asked = f"; the class asked about is {own}" if own is not None else ""
    return f"Sum of influences by class: {', '.join(said)}{asked}"


def _names(labels: Sequence[str], own: str | None) -> list[str]:
    """Return the labels for the axis, short, escaped and distinct in place."""
    cut = [name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…" for name in labels]
    return [
        f"<b>{html.escape(short, quote=False)}</b>"
        if name == own
        else html.escape(short, quote=False)
        for name, short in zip(labels, cut, strict=True)
    ]
