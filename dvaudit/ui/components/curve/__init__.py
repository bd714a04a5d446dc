"""Curves with bands and a cut that is dragged along them: what it costs is shown while it moves.

Only when it is let go does its number go to Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from dvaudit.ui.components.files import source

_curve = st.components.v2.component(
    "dvaudit_curve",
    html=source(__file__, "index.html"),
    css=source(__file__, "index.css"),
    js=source(__file__, "../svg.js") + source(__file__, "index.js"),
)


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        colour: as "#rrggbb".
        dash: "solid", "dot" or "dash".
        strong: it is the one the cut lies on.
        x, y, low, high: of its points, x rising; None where unknown.
        texts: y of each point as text.
    """

    name: str
    colour: str
    dash: str
    strong: bool
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    texts: Sequence[str]


@dataclass(frozen=True)
class Place:
    """A place the cut can be at.

    Attributes:
        x, y: on the chart; y is None where the score is unknown.
        head: the place in a few words, above the values of all lines.
        figures: one text for each of CurveData.columns.
        said: for screen readers.
    """

    x: float
    y: float | None
    head: str
    figures: Sequence[str]
    said: str


@dataclass(frozen=True)
class CurveData:
    """What the chart shows.

    Attributes:
        columns: names of the figures of each place.
        x_range, y_range: what the axes reach over; x is a share.
        percent: y is a share, too.
        name: says what the chart shows, label: what is dragged, for screen readers.
    """

    curves: Sequence[Curve]
    cuts: Sequence[Place]
    columns: Sequence[str]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_title: str
    y_title: str
    percent: bool
    name: str
    label: str


def curve(shown: CurveData, cut: int, *, key: str, on_cut: Callable[[Any], None]) -> None:
    """Draw the curves with the cut at a place; `on_cut` is called with where it is let go."""
    _curve(
        key=key,
        data={**asdict(shown), "cut": cut},
        on_cut_change=lambda: on_cut(st.session_state[key]["cut"]),
    )
