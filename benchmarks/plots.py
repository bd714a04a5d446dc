"""Plots as SVG text, for the figures of the benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

from dvaudit.reports.svg import nice_ticks

# Okabe and Ito's palette, told apart by people with any colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 660, 380, 84, 150, 40, 52
TICKS = 6

Series = tuple[Sequence[float], Sequence[float]]
Place = Callable[[float, float], tuple[float, float]]


def write_lines(path: Path, title: str, across: str, up: str, lines: Mapping[str, Series]) -> None:
    """Write a plot of named lines (x, y) with axes, ticks and a legend."""

    def line(places: Sequence[tuple[float, float]], colour: str) -> str:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'

    _write(path, title, across, up, lines, line)


def write_points(
    path: Path, title: str, across: str, up: str, points: Mapping[str, Series]
) -> None:
    """Write a plot of named points (x, y) with axes, ticks and a legend."""

    def marks(places: Sequence[tuple[float, float]], colour: str) -> str:
        return "\n".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}" fill-opacity="0.7"/>'
            for x, y in places
        )

    _write(path, title, across, up, points, marks)


def _write(
    path: Path,
    title: str,
    across: str,
    up: str,
    series: Mapping[str, Series],
    draw: Callable[[Sequence[tuple[float, float]], str], str],
) -> None:
    frame, place = _frame(title, across, up, list(series.values()))
    parts = [*frame]
    for number, (name, pairs) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(draw([place(x, y) for x, y in zip(*pairs, strict=True)], colour))
        height = TOP + 18 * number
        parts += [
            f'<line x1="{WIDTH - RIGHT + 10}" x2="{WIDTH - RIGHT + 32}" y1="{height}" '
            f'y2="{height}" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{WIDTH - RIGHT + 38}" y="{height + 4}">{escape(name)}</text>',
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _frame(title: str, across: str, up: str, series: Sequence[Series]) -> tuple[list[str], Place]:
    """Return the drawing's head with axes and ticks, and where a pair is placed."""
    xs, ys = ([value for each in series for value in each[axis]] for axis in (0, 1))
    x_ticks, y_ticks = nice_ticks(min(xs), max(xs), TICKS), nice_ticks(min(ys), max(ys), TICKS)
    (x_low, x_high), (y_low, y_high) = (x_ticks[0], x_ticks[-1]), (y_ticks[0], y_ticks[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">'
        f"{escape(across)}</text>",
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(up)}</text>',
    ]
    for y in y_ticks:
        row = place(x_low, y)[1]
        parts += [
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{row:.1f}" y2="{row:.1f}" '
            'stroke="#dddddd"/>',
            f'<text x="{LEFT - 8}" y="{row + 4:.1f}" text-anchor="end">{y:g}</text>',
        ]
    parts += [
        f'<text x="{place(x, y_low)[0]:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}'
        "</text>"
        for x in x_ticks
    ]
    return parts, place
