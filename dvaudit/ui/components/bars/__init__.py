"""Stacked bars of samples, flagged ones apart, that are chosen by dragging, clicking or keys.

A histogram over values or one row for each class. scale.js has numbers, ticks and text; chart.js
what both charts share, histogram.js and rows.js each of them, index.js the mouse and the keyboard.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from dvaudit.ui.components.files import source

_SCRIPTS = ("../svg.js", "scale.js", "chart.js", "histogram.js", "rows.js", "index.js")
_bars = st.components.v2.component(
    "dvaudit_bars",
    html=source(__file__, "index.html"),
    css=source(__file__, "index.css"),
    js="".join(source(__file__, name) for name in _SCRIPTS),
)


@dataclass(frozen=True)
class HistogramData:
    """Bars over an axis of values.

    Attributes:
        edges: (bars + 1,) rising, evenly spaced: where each bar is drawn.
        ends: where the first bar counts from and the last one to: they hold what lies farther out.
        rest, flagged: (bars,) samples in each bar, not flagged and flagged.
        title: of the axis of values.
        chosen: the range that is chosen, None for none.
        name: says what the chart shows, for screen readers.
    """

    edges: Sequence[float]
    ends: tuple[float, float]
    rest: Sequence[int]
    flagged: Sequence[int]
    title: str
    chosen: tuple[float, float] | None
    name: str


@dataclass(frozen=True)
class ClassData:
    """One row for each class.

    Attributes:
        names: of the classes drawn, from the top.
        rest, flagged: samples of each, not flagged and flagged.
        chosen: the classes that are chosen, among them those that are not drawn.
        name: says what the chart shows, for screen readers.
    """

    names: Sequence[str]
    rest: Sequence[int]
    flagged: Sequence[int]
    chosen: Sequence[str]
    name: str


def histogram(shown: HistogramData, *, key: str, on_choose: Callable[[Any], None]) -> None:
    """Draw a histogram; `on_choose` is called with [low, high) of the bars chosen."""
    _draw("values", asdict(shown), key, on_choose)


def class_bars(shown: ClassData, *, key: str, on_choose: Callable[[Any], None]) -> None:
    """Draw a row for each class; `on_choose` is called with all classes chosen from then on.

    All of them and not the one clicked: of two choices in quick succession only the last arrives.
    """
    _draw("classes", asdict(shown), key, on_choose)


def _draw(kind: str, data: dict[str, Any], key: str, on_choose: Callable[[Any], None]) -> None:
    _bars(
        key=key,
        data={"kind": kind, **data},
        on_choose_change=lambda: on_choose(st.session_state[key]["choose"]),
    )
