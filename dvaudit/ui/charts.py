"""Counts for histograms, and Plotly charts. Bars are binned here, so a chart of a million values
costs the browser sixty rectangles.

No trace has a colour of its own: Streamlit's theme gives the first (all samples) and the second
(flagged ones) colour of the palette, in the light and in the dark theme alike, and the figure
stays the same. A figure that changes would lose its selection.
"""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

MOST_CLASSES = 24
TAIL = 0.002
_CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset"}
_MARGIN = {"l": 0, "r": 4, "t": 4, "b": 0}


@dataclass(frozen=True)
class Bins:
    """How many values lie in each bar of a histogram.

    Attributes:
        edges: (bins + 1,) rising, evenly spaced: where the bars are drawn.
        ends: [low, high) of all values: the first and the last bar hold what lies beyond the edges.
        rest, flagged: (bins,) values that are not flagged and that are.
    """

    edges: tuple[float, ...]
    ends: tuple[float, float]
    rest: tuple[int, ...]
    flagged: tuple[int, ...]


def binned(
    values: NDArray[np.float64], flagged: NDArray[np.bool_] | None = None, bins: int = 60
) -> Bins | None:
    """Count the (n,) `values`, flagged ones apart; NaN is left out. None where all are missing."""
    finite = np.isfinite(values)
    kept = values[finite]
    if not len(kept):
        return None
    marked = np.zeros(len(kept), dtype=bool) if flagged is None else flagged[finite]
    edges = bin_edges(kept, bins)
    clipped = np.clip(kept, edges[0], edges[-1])
    rest, on_top = (np.histogram(clipped[part], edges)[0].tolist() for part in (~marked, marked))
    low = min(float(edges[0]), float(kept.min()))
    high = float(np.nextafter(max(float(edges[-1]), float(kept.max())), np.inf))
    return Bins(tuple(edges.tolist()), (low, high), tuple(rest), tuple(on_top))


def histogram(values: NDArray[np.float64], title: str = "value") -> go.Figure:
    """Return bars of the (n,) `values`; `title` names the horizontal axis."""
    figure = go.Figure(layout=_layout(height=190))
    found = binned(values)
    if found is not None:
        edges = np.array(found.edges)
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=found.rest,
            width=np.diff(edges),
            customdata=list(itertools.pairwise((found.ends[0], *found.edges[1:-1], found.ends[1]))),
            hovertemplate="%{customdata[0]:.4g} to %{customdata[1]:.4g}<br>"
            "%{y:,} samples<extra></extra>",
        )
        # Otherwise 0.0002 reads 200µ.
        figure.update_xaxes(exponentformat="power" if np.abs(edges).max() < 1 else "B")
    figure.update_layout(dragmode=False, bargap=0.08)
    figure.update_xaxes(title=_text(title), fixedrange=True, showgrid=False, nticks=5)
    figure.update_yaxes(fixedrange=True, nticks=4, rangemode="tozero")
    return figure


def bin_edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Return (bins + 1,) rising edges over finite `values`, without the extreme tails."""
    low, high = float(values.min()), float(values.max())
    inner_low, inner_high = np.quantile(values, [TAIL, 1 - TAIL])
    if inner_high > inner_low and high - low > 1.5 * (inner_high - inner_low):
        low, high = float(inner_low), float(inner_high)
    if high <= low:
        low, high = low - 0.5, low + 0.5
    edges = np.linspace(low, high, bins + 1)
    # Values too close for their own magnitude leave no room between edges.
    return edges if np.all(np.diff(edges) > 0) else np.array([low, np.nextafter(high, np.inf)])


def class_bars(
    counts: Mapping[str, int],
    flagged: Mapping[str, int] | None = None,
    most: int = MOST_CLASSES,
) -> go.Figure:
    """Return one horizontal bar per class, in the order given, flagged samples in front.

    Only the `most` classes with the most flagged (else the most) samples are drawn.
    """
    names = shown_classes(counts, flagged, most)
    marked = flagged or {}
    figure = go.Figure(layout=_layout(height=56 + 22 * len(names)))
    series = [("not flagged", [counts[name] - marked.get(name, 0) for name in names])]
    if flagged is not None:
        series.append(("flagged", [marked.get(name, 0) for name in names]))
    for label, sizes in series:
        figure.add_bar(
            x=sizes,
            y=[_text(name) for name in names],
            orientation="h",
            customdata=[[name] for name in names],
            name=label,
            hovertemplate=f"%{{y}}: %{{x:,}} {label}<extra></extra>",
        )
    figure.update_layout(dragmode=False, clickmode="event+select", bargap=0.25)
    figure.update_xaxes(fixedrange=True, nticks=4)
    figure.update_yaxes(type="category", autorange="reversed", fixedrange=True, showgrid=False)
    return figure


def shown_classes(
    counts: Mapping[str, int], flagged: Mapping[str, int] | None = None, most: int = MOST_CLASSES
) -> list[str]:
    """Return the classes that `class_bars` draws, in the order of `counts`."""
    weight = flagged if flagged else counts
    leading = set(sorted(counts, key=lambda name: -weight.get(name, 0))[:most])
    return [name for name in counts if name in leading]


def selected_classes(event: Any) -> list[str]:
    """Return the classes whose bars are selected, each once."""
    return list(dict.fromkeys(str(item[0]) for point in _points(event) if (item := _custom(point))))


def histogram_alt(values: NDArray[np.float64], flagged: NDArray[np.bool_], title: str) -> str:
    """Return what a histogram shows in one sentence, for screen readers."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return f"No {title} to show"
    low, middle, high = np.quantile(finite, [0, 0.5, 1])
    return (
        f"Distribution of {title} over {len(finite):,} samples from {low:.3g} to {high:.3g}, "
        f"median {middle:.3g}; {int(flagged.sum()):,} flagged"
    )


def show(
    figure: go.Figure,
    *,
    key: str,
    alt: str,
    modes: Sequence[Literal["points", "box"]] = ("points", "box"),
    on_select: Callable[[], None],
) -> dict[str, Any]:
    """Draw a figure whose selection runs `on_select` and the page; return the selection event."""
    event = st.plotly_chart(
        figure,
        key=key,
        alt=alt,
        on_select=on_select,
        selection_mode=modes,
        config=_CONFIG,
    )
    return dict(event)  # a plain dict in tests, an attribute dictionary in the app


def _points(event: Any) -> list[Mapping[str, Any]]:
    return list((event or {}).get("selection", {}).get("points", []))


def _custom(point: Mapping[str, Any]) -> Sequence[Any]:
    found = point.get("customdata")
    # Plotly sends an object with numbered keys where a trace's rows differ in type.
    if isinstance(found, Mapping):
        return list(found.values())
    return found if isinstance(found, list | tuple) else [] if found is None else [found]


def _layout(height: int) -> dict[str, Any]:
    return {
        "height": height,
        "barmode": "stack",
        "margin": _MARGIN,
        "showlegend": False,
        "hoverlabel": {"align": "left"},
    }


def _text(text: str) -> str:
    """Escape the tags that Plotly would interpret in labels."""
    return html.escape(text, quote=False)
