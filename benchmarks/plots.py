"""Line plots as SVG text, for the figures of the benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from dvaudit.reports.svg import nice_ticks

# Okabe and Ito's palette, told apart by people with any colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 380, 64, 150, 40, 52
TICKS = 6

Line = tuple[Sequence[float], Sequence[float]]


def write_lines(path: Path, title: str, across: str, up: str, lines: Mapping[str, Line]) -> None:
    """Write a plot of named lines (x, y) with axes, ticks and a legend."""
    xs = [x for line in lines.values() for x in line[0]]
    ys = [y for line in lines.values() for y in line[1]]
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
    for number, (name, (across_values, up_values)) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(
            f"{x:.1f},{y:.1f}"
            for x, y in (place(*pair) for pair in zip(across_values, up_values, strict=True))
        )
        height = TOP + 18 * number
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
            f'<line x1="{WIDTH - RIGHT + 10}" x2="{WIDTH - RIGHT + 32}" y1="{height}" '
            f'y2="{height}" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{WIDTH - RIGHT + 38}" y="{height + 4}">{escape(name)}</text>',
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")
