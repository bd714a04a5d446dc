"""An embedding map: points from an address, a region by lasso, box or keyboard back to Python.

draw.js has the view, the drawing and the shortening of a lasso; index.js the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import streamlit as st

from dvaudit.findings.embedding import SIDE
from dvaudit.ui.components.files import source
from dvaudit.ui.map_regions import MOST_VERTICES

MOST_COLOURS = 127  # a code's high bit says that the sample is not among those chosen

_map = st.components.v2.component(
    "dvaudit_map",
    html=source(__file__, "index.html"),
    css=source(__file__, "index.css"),
    js="".join(source(__file__, name) for name in ("draw.js", "index.js")),
)


@dataclass(frozen=True)
class Legend:
    """What a colour means: its number in the palette, words, and how many samples have it."""

    code: int
    label: str
    many: str


@dataclass(frozen=True)
class MapData:
    """What a map shows.

    Attributes:
        points: address of x and y of all samples, uint16.
        colours: address of one byte for each sample: its number in the palette, with the high bit
            set where the sample is not among those chosen.
        palette: colours as "#rrggbb", at most MOST_COLOURS.
        polygon: the region chosen, None for none.
        thumbnails: address to which a position is added for its thumbnail, None for rows.
        ids: address of all ids, joined by line ends, None where there are too many.
        name: says what the map shows, for screen readers.
        help: how a region is chosen, below the map.
        said: the state of the choice in words.
        height: in pixels.
    """

    points: str
    colours: str
    palette: Sequence[str]
    legend: Sequence[Legend]
    polygon: Sequence[Sequence[int]] | None
    thumbnails: str | None
    ids: str | None
    name: str
    help: str
    said: str
    height: int = 440


def embedding_map(
    shown: MapData,
    *,
    key: str,
    on_lasso: Callable[[Any], None],
    on_open: Callable[[Any], None],
) -> None:
    """Draw a map.

    Args:
        on_lasso: called with the vertices of a region in steps, or an empty list to clear it.
        on_open: called with the position of a sample that was clicked.
    """
    _map(
        key=key,
        data={**asdict(shown), "side": SIDE, "most": MOST_VERTICES},
        on_lasso_change=lambda: on_lasso(st.session_state[key]["lasso"]),
        on_open_change=lambda: on_open(st.session_state[key]["open"]),
    )
