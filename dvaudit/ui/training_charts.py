"""Plotly charts of a training: ten groups over the epochs, and the window experiment.

The ten colours are cut from the plasma map of matplotlib (van der Walt and Smith 2015), which
rises in lightness throughout, so that the order of the groups shows without seeing any hue; each
theme takes the part of it that stands out from its background by 3:1 or more.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from dvaudit.ui.contributors_maths import NORMAL_95
from dvaudit.ui.ranking import numbers

GROUPS = 10
FEW_DECADES = 2
# Group 1, the least useful, first: the light and warm end in both themes.
COLOURS = (
    "#e66e5b", "#d9586a", "#c8447b", "#b6308b", "#a11c9a",
    "#880ca3", "#6d01a7", "#5102a1", "#310596", "#0d0887",
)  # fmt: skip
COLOURS_ON_DARK = (
    "#f0f921", "#f8dd24", "#fdc12a", "#fba836", "#f59044",
    "#ed7953", "#e06561", "#d35170", "#c23d81", "#b02a90",
)  # fmt: skip
AXES = {
    "loss": "mean loss",
    "accuracy": "given labels predicted",
    "velocity": "kernel velocity",
}
_ENDS = {1: "1 least", GROUPS: f"{GROUPS} most"}
_LAYOUT = {
    "height": 300,
    "margin": {"l": 0, "r": 8, "t": 8, "b": 0},
    "dragmode": False,
    "hoverlabel": {"align": "left"},
}


def colours(*, dark: bool) -> tuple[str, ...]:
    """Return the colours of groups 1 (least useful) to 10."""
    return COLOURS_ON_DARK if dark else COLOURS


def group_lines(table: pd.DataFrame, column: str, *, dark: bool) -> go.Figure:
    """Return one line per group over the epochs; group 1 is drawn last, on top.

    Args:
        table: columns epoch, group (1 = least useful) and `column`.
        column: loss, accuracy or velocity. Loss and velocity are drawn on a logarithmic axis,
            as long as none of them is 0.
    """
    palette, share = colours(dark=dark), column == "accuracy"
    drawn = numbers(table, column)
    logarithmic = not share and bool((drawn[np.isfinite(drawn)] > 0).all())
    figure = go.Figure()
    for group in sorted(table["group"].unique(), reverse=True):
        part = one_group(table, int(group), column)
        figure.add_scatter(
            x=part["epoch"],
            y=part[column],
            name=_ENDS.get(int(group), str(group)),
            mode="lines+markers" if len(part) <= 30 else "lines",
            line={"color": palette[int(group) - 1], "width": 3.2 if group in _ENDS else 1.7},
            marker={"size": 5, "symbol": "diamond" if group == 1 else "circle"},
            legendrank=int(group),
            hovertemplate=f"group {group}<br>epoch %{{x}}: "
            f"%{{y:{'.1%' if share else '.4g'}}}<extra></extra>",
        )
    figure.update_layout(
        **_LAYOUT,
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "title": {"text": "group "},
            "itemwidth": 30,
            "font": {"size": 11},
        },
    )
    figure.update_xaxes(title="epoch", fixedrange=True, showgrid=False, nticks=8)
    figure.update_yaxes(
        title=AXES[column],
        fixedrange=True,
        nticks=5,
        type="log" if logarithmic else "linear",
        dtick=_decade_ticks(drawn) if logarithmic else None,
        tickformat=".0%" if share else ".3~g",
    )
    return figure


def _decade_ticks(values: NDArray[np.float64]) -> int | str:
    """Return Plotly's step on a logarithmic axis: whole decades, or 1, 2, 5 where there are few."""
    finite = values[np.isfinite(values)]
    few = not len(finite) or np.log10(finite.max() / finite.min()) < FEW_DECADES
    return "D2" if few else 1


def one_group(table: pd.DataFrame, group: int, column: str) -> pd.DataFrame:
    """Return the points of one group's line in the order of the epochs, those without a value left
    out."""
    part = table[table["group"] == group]
    return part[np.isfinite(numbers(part, column))].sort_values("epoch", kind="stable")


def lines_alt(table: pd.DataFrame, column: str) -> str:
    """Return what `group_lines` shows in one sentence, for screen readers."""
    ends = []
    for group in (1, GROUPS):
        line = numbers(one_group(table, group, column), column)
        if len(line):
            ends.append(f"group {group} from {line[0]:.3g} to {line[-1]:.3g}")
    return f"{AXES[column].capitalize()} by epoch in ten groups: {', '.join(ends) or 'no values'}"


def windows(table: pd.DataFrame) -> go.Figure:
    """Return accuracy over where the window starts, with 95 % intervals of the held-out part.

    Args:
        table: columns offset, accuracy, trained, held_out.
    """
    figure = go.Figure(
        go.Scatter(
            x=numbers(table, "offset"),
            y=numbers(table, "accuracy"),
            error_y={
                "array": half_widths(table),
                "thickness": 1.2,
                "width": 3,
            },
            customdata=table[["trained", "held_out"]],
            mode="lines+markers",
            marker={"size": 7},
            hovertemplate="without the most useful %{x:.0%}<br>accuracy %{y:.1%}<br>"
            "%{customdata[0]:,} trained on, %{customdata[1]:,} tested<extra></extra>",
        ),
        layout=_LAYOUT,
    )
    figure.update_xaxes(
        title="share of more useful samples before the window",
        fixedrange=True,
        showgrid=False,
        tickformat=".0%",
        dtick=0.1,
    )
    figure.update_yaxes(title="held-out accuracy", fixedrange=True, nticks=5, tickformat=".0%")
    return figure


def half_widths(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the half width of the binomial 95 % interval of each window's accuracy."""
    accuracy = numbers(table, "accuracy")
    tested = np.maximum(numbers(table, "held_out"), 1)
    return np.asarray(NORMAL_95 * np.sqrt(accuracy * (1 - accuracy) / tested))


def window_reading(table: pd.DataFrame) -> str:
    """Return in words what a window curve shows; slopes within the intervals are not told."""
    offset, best, first, last = best_window(table)
    noise, accuracy = float(half_widths(table).max()), numbers(table, "accuracy")
    if best - accuracy.min() < noise:
        return (
            f"Here all windows lie within {accuracy.min():.1%} to {best:.1%}, no more than chance: "
            "it makes no clear difference which half is taken."
        )
    if best - last < noise:
        return (
            f"Here it rises to the right, from {first:.1%} to {last:.1%}: what is ranked low is "
            "atypical rather than mislabelled."
        )
    if best - first < noise:
        return (
            f"Here the most useful half is as good as any ({first:.1%}), and the least useful "
            f"reaches {last:.1%}: what is ranked low does not help."
        )
    return (
        f"Here it is highest after the first {offset:.0%} ({best:.1%}), above the most useful half "
        f"({first:.1%}) and the least useful ({last:.1%})."
    )


def best_window(table: pd.DataFrame) -> tuple[float, float, float, float]:
    """Return offset and accuracy of the best window, and accuracy of the first and the last.

    Of equal ones the best is the first: the window that keeps the more useful samples.
    """
    ordered = table.sort_values("offset", kind="stable")
    offsets, accuracy = numbers(ordered, "offset"), numbers(ordered, "accuracy")
    best = int(accuracy.argmax())
    return float(offsets[best]), float(accuracy[best]), float(accuracy[0]), float(accuracy[-1])


def windows_alt(table: pd.DataFrame) -> str:
    """Return what `windows` shows in one sentence, for screen readers."""
    offset, best, first, last = best_window(table)
    return (
        f"Held-out accuracy by window: {first:.1%} with the most useful half, {last:.1%} with the "
        f"least useful half, highest ({best:.1%}) after the first {offset:.0%}"
    )


def epoch_correlation(correlations: list[float]) -> go.Figure:
    """Return the rank correlation between the scores of successive epochs, over the epochs.

    Args:
        correlations: between epochs 1 and 2, 2 and 3, and so on.
    """
    figure = go.Figure(
        go.Scatter(
            x=list(range(2, len(correlations) + 2)),
            y=correlations,
            mode="lines+markers",
            marker={"size": 7},
            hovertemplate="epoch %{x} with the one before: %{y:.3f}<extra></extra>",
        ),
        layout={**_LAYOUT, "height": 220},
    )
    figure.update_xaxes(title="epoch", fixedrange=True, showgrid=False, nticks=8)
    figure.update_yaxes(title="rank correlation", fixedrange=True, nticks=5, exponentformat="power")
    return figure
