"""A grid of thumbnails with captions; a click or Enter opens a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import streamlit as st

from dvaudit.ui.components.files import source
from dvaudit.ui.links import pack_url

_gallery = st.components.v2.component(
    "dvaudit_gallery",
    html="<div class='gallery' role='list'></div>",
    css=source(__file__, "index.css"),
    js=source(__file__, "../pack.js") + source(__file__, "index.js"),
)


@dataclass(frozen=True)
class Card:
    """One thumbnail and its caption.

    Attributes:
        position: row of the sample in its dataset, from 0.
        label: the given label as text.
        value: the score as text, already rounded; empty for none.
        flagged: shows the flag badge.
        suggestion: the suggested label, shown below the given one.
        verdict: what a person decided ("keep", "relabel", "drop", "unsure"), shown as a badge.
        name: the sample's id, for the tooltip and for screen readers.
    """

    position: int
    label: str
    value: str = ""
    flagged: bool = False
    suggestion: str | None = None
    verdict: str | None = None
    name: str = ""


def gallery(
    dataset_id: str,
    cards: Sequence[Card],
    *,
    key: str,
    selected: int | None = None,
    size: int = 112,
    next_page: Sequence[int] = (),
    opens: bool = True,
    back: tuple[int, int] = (0, -1),
) -> int | None:
    """Draw `cards` in order and return the position just opened, None when nothing was clicked.

    All thumbnails come in one request (at most `server.pack.MOST` of them). `selected` is the
    position drawn with a ring, `size` the least width of a card in pixels; `next_page` lists the
    positions to fetch ahead once the shown ones are there. Without `opens` the cards are only
    looked at. `back` counts the samples that were opened and closed again and names the last one:
    its card, else the one that was opened, gets the focus when the count goes up.
    """
    result = _gallery(
        key=key,
        data={
            "pack": pack_url(dataset_id, [card.position for card in cards]),
            "ahead": pack_url(dataset_id, next_page) if next_page else None,
            "cards": [asdict(card) for card in cards],
            "selected": selected,
            "size": size,
            "opens": opens,
            "back": {"times": back[0], "position": back[1]},
        },
        on_open_change=lambda: None,
    )
    return None if result.open is None else int(result.open)
