"""Line charts as inline SVG: pruning curves with their bands over seeds; colours from CSS."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from numpy.typing import NDArray

from dvaudit.findings.pruning import Series
from dvaudit.reports.svg import nice_ticks, svg_element

KINDS = 4  # of line: colour and dashes of each are in report.css


@dataclass(frozen=True, eq=False)
class Line:
    """One series: x ascending, y, and the band (p,) around it; equal to y for no band."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """The curves of one proxy, balanced by class or not, of one pruning run."""

    proxy: str
    balanced: bool
    seeds: int
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        return f"{self.proxy}, {'balanced by class' if self.balanced else 'not balanced by class'}"


def curves_of(table: pd.DataFrame, names: Mapping[str, str] | None = None) -> tuple[Curves, ...]:
    """Return the curves of the table "curves" of a pruning run: means and ranges over seeds.

    Columns: series, proxy (text), balanced (bool), seed (int), share (removed, 0 to 1), score. The
    windows all remove the same share, so they are no curve over it and are left out.

    Args:
        names: what to call a series.
    """
    found = []
    table = table[table["series"] != Series.WINDOW.value]
    for (proxy, balanced), part in table.groupby(["proxy", "balanced"], sort=False):
        lines = []
        for series, rows in part.groupby("series", sort=False):
            of = rows.groupby("share")["score"].agg(["mean", "min", "max"]).sort_index()
            lines.append(
                Line(
                    (names or {}).get(str(series), str(series)),
                    of.index.to_numpy(float),
                    *(of[name].to_numpy(float) for name in ("mean", "min", "max")),
                )
            )
        found.append(Curves(str(proxy), bool(balanced), part["seed"].nunique(), tuple(lines)))
    return tuple(found)


def line_chart(lines: Sequence[Line], *, title: str, x_axis: str, y_axis: str) -> Markup:
    """Draw lines with bands and a key below; x is a share in 0 to 1, shown in per cent."""
    key_row, left, top, right = 17, 52, 12, 12
    bottom = 44 + key_row * len(lines)
    width, height = 560, 220 + bottom
    plot_width, plot_height = width - left - right, height - top - bottom
    low, high, x_ticks, y_ticks = _ranges(lines)

    def x_at(value: float) -> float:
        return left + plot_width * value / x_ticks[-1]

    def y_at(value: float) -> float:
        return top + plot_height * (1 - (value - low) / (high - low))

    parts = [
        f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y_at(t):.1f}" '
        f'y2="{y_at(t):.1f}"/><text class="tick" x="{left - 8}" y="{y_at(t) + 3.5:.1f}" '
        f'text-anchor="end">{t:g}</text>'
        for t in y_ticks
    ]
    parts.extend(
        f'<text class="tick" x="{x_at(t):.1f}" y="{height - bottom + 16}" '
        f'text-anchor="middle">{100 * t:g}</text>'
        for t in x_ticks
    )
    for number, line in enumerate(lines):
        kind = number % KINDS
        band = [*zip(line.x, line.high, strict=True)]
        band += [*zip(line.x[::-1], line.low[::-1], strict=True)]
        if (line.high > line.low).any():
            parts.append(f'<polygon class="band b{kind}" points="{_points(band, x_at, y_at)}"/>')
        points = _points(zip(line.x, line.y, strict=True), x_at, y_at)
        parts.append(
            f'<polyline class="line l{kind}" points="{points}"><title>{escape(line.name)}</title>'
            "</polyline>"
        )
        at = height - key_row * (len(lines) - number) + 8
        parts.append(
            f'<line class="line l{kind}" x1="{left}" x2="{left + 28}" y1="{at}" y2="{at}"/>'
            f'<text class="tick" x="{left + 36}" y="{at + 4}">{escape(line.name)}</text>'
        )
    parts.append(
        f'<text class="axis" x="{left + plot_width / 2:.0f}" y="{height - bottom + 34}" '
        f'text-anchor="middle">{escape(x_axis)}</text>'
        f'<text class="axis" transform="translate(11 {top + plot_height / 2:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(y_axis)}</text>'
    )
    return svg_element(width, height, title, parts)


def _ranges(lines: Sequence[Line]) -> tuple[float, float, list[float], list[float]]:
    """Return the lowest and highest y drawn, and the ticks of x and y."""
    bottom = min(float(np.nanmin(line.low)) for line in lines)
    top = max(float(np.nanmax(line.high)) for line in lines)
    y_ticks = nice_ticks(bottom, top, 5)
    furthest = max(float(line.x.max()) for line in lines)
    return y_ticks[0], y_ticks[-1], nice_ticks(0.0, furthest or 1.0, 5), y_ticks


def _points(
    pairs: Iterable[tuple[float, float]],
    x_at: Callable[[float], float],
    y_at: Callable[[float], float],
) -> str:
    return " ".join(f"{x_at(x):.1f},{y_at(y):.1f}" for x, y in pairs if np.isfinite(y))
