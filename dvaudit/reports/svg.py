"""Charts as inline SVG, drawn from numbers that are binned already; colours come from CSS."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Histogram:
    """edges: (b + 1,); plain and marked: (b,) counts, drawn stacked, marked on top."""

    edges: NDArray[np.float64]
    plain: NDArray[np.int64]
    marked: NDArray[np.int64]


@dataclass(frozen=True)
class Bar:
    """One labelled bar; `share` in 0 to 1 of the longest possible, `text` beside it."""

    label: str
    share: float
    text: str


def binned(
    values: NDArray[np.float64], marked: NDArray[np.bool_], bins: int = 48
) -> Histogram | None:
    """Bin the finite values between their 0.1 and 99.9 % quantiles; None where there are none.

    Values beyond go into the outermost bins, so that one far value does not flatten the rest.
    """
    finite = np.isfinite(values)
    values, marked = values[finite], marked[finite]
    if not len(values):
        return None
    low, high = np.quantile(values, [0.001, 0.999])
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    clipped = np.clip(values, low, high)
    return Histogram(
        edges,
        np.histogram(clipped[~marked], edges)[0],
        np.histogram(clipped[marked], edges)[0],
    )


def histogram(data: Histogram, *, title: str, axis: str) -> Markup:
    """Draw a stacked histogram; the zero line is drawn where it lies inside."""
    width, height, left, bottom, top = 560, 240, 46, 40, 10
    plot_width, plot_height = width - left - 8, height - top - bottom
    total = data.plain + data.marked
    ticks = nice_ticks(0, max(4.0, float(total.max())), 4)  # counts: whole steps
    low, high = float(data.edges[0]), float(data.edges[-1])

    def x_at(value: float) -> float:
        return left + plot_width * (value - low) / (high - low)

    def y_at(count: float) -> float:
        return top + plot_height * (1 - count / ticks[-1])

    parts = [
        f'<line class="grid" x1="{left}" x2="{width - 8}" y1="{y_at(t):.1f}" y2="{y_at(t):.1f}"/>'
        f'<text class="tick" x="{left - 8}" y="{y_at(t) + 3.5:.1f}" text-anchor="end">{t:,.0f}'
        "</text>"
        for t in ticks
    ]
    bar = max(1.0, plot_width / len(total) - 1.5)
    for start, plain, marked in zip(data.edges[:-1], data.plain, data.marked, strict=True):
        x = x_at(float(start)) + 0.75
        parts.append(_rect("bar", x, y_at(plain), bar, y_at(0) - y_at(plain)))
        parts.append(
            _rect("flag", x, y_at(plain + marked), bar, y_at(plain) - y_at(plain + marked))
        )
    parts.extend(
        f'<text class="tick" x="{x_at(value):.1f}" y="{height - bottom + 16}" '
        f'text-anchor="middle">{value:g}</text>'
        for value in nice_ticks(low, high, 6)
        if low <= value <= high
    )
    if low < 0 < high:
        parts.append(
            f'<line class="zero" x1="{x_at(0):.1f}" x2="{x_at(0):.1f}" y1="{top}" '
            f'y2="{height - bottom}"/>'
        )
    parts.append(
        f'<text class="axis" x="{left + plot_width / 2:.0f}" y="{height - 5}" '
        f'text-anchor="middle">{escape(axis)}</text>'
    )
    return svg_element(width, height, title, parts)


def bars(items: Sequence[Bar], *, title: str) -> Markup:
    """Draw horizontal bars with their labels; the longest share fills the width."""
    width, row, right = 560, 26, 150
    names = [shortened(item.label, 22) for item in items]
    left = 18 + 7 * max([len(name) for name in names] + [1])  # 7 units a letter, and the gap
    longest = max([item.share for item in items] + [1e-12])
    parts = []
    for index, (name, item) in enumerate(zip(names, items, strict=True)):
        y = index * row
        length = (width - left - right) * item.share / longest
        parts.append(
            f'<text class="label" x="{left - 10}" y="{y + 17}" text-anchor="end">'
            f"<title>{escape(item.label)}</title>{escape(name)}</text>"
            + _rect("track", left, y + 6, width - left - right, 14, radius=3)
            + _rect("flag", left, y + 6, length, 14, radius=3)
            + f'<text class="tick" x="{width - right + 10}" y="{y + 17}">{escape(item.text)}</text>'
        )
    return svg_element(width, max(row, row * len(items)), title, parts)


def nice_ticks(low: float, high: float, wanted: int) -> list[float]:
    """Return about `wanted` round numbers, ascending, that cover `low` to `high`."""
    if high <= low:
        high = low + 1.0
    rough = (high - low) / wanted
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def shortened(text: str, limit: int) -> str:
    """Return `text`, its middle replaced by an ellipsis where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    head = (limit - 1) // 2
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def _rect(kind: str, x: float, y: float, width: float, height: float, radius: float = 0) -> str:
    if width <= 0 or height <= 0:
        return ""
    return (
        f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{radius:g}"/>'
    )


def svg_element(width: float, height: float, title: str, parts: Sequence[str]) -> Markup:
    """Join parts to one drawing; every text in them must be escaped already."""
    return Markup(
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )
