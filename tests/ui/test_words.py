"""Numbers, times and other people's text."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dvaudit.ui.words import ago, count, duration, plain


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "less than 1 s"), (1, "1 s"), (99, "99 s"), (130, "2 min"), (3900, "1 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_agree_in_number() -> None:
    assert (count(1, "class", "classes"), count(12000, "sample")) == ("1 class", "12,000 samples")


@pytest.mark.parametrize(
    ("past", "text"),
    [(5, "just now"), (-5, "just now"), (125, "2 min ago"), (7300, "2 h ago"), (3e5, "3 d ago")],
)
def test_ages(past: float, text: str) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    assert ago(now - timedelta(seconds=past), now) == text


SPAN = re.compile(r":color\[((?:\\.|[^\]])*)\]\{\}")
# What Streamlit's Markdown looks for in text whose escapes are resolved.
SECOND_LOOK = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r":[\w+-]+(?:/[\w+-]+)?:",
        r"(https?://|www(?=\.))[-.\w]+",
        r"[-.\w+]+@[-\w]+(?:\.[-\w]+)+",
        r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)",
    )
]
PIECES = st.sampled_from(
    [*"![](#:`$<>=~-+&@.{}_*|\\/ \n", "http", "https", "www", "material", "a", "Z", "9", "red", "é"]
)


def pieces_of(markdown: str) -> list[str]:
    """The texts that a browser shows one beside the other, their escapes resolved."""
    return [re.sub(r"\\(.)", r"\1", piece) for piece in SPAN.split(markdown)]


@given(st.lists(PIECES, max_size=30).map("".join))
@example("![x](http://e/x.png)\n# :red[a] `b` $x$ <b>")
@example(":material/home: :material_home: :smile: a -- b --- c -> d <-> e >= f")
@example("www.e.x HTTPS://e.x/?q a.b@c.de &amp; :color[x]{}")
def test_other_peoples_text_is_shown_as_it_is(text: str) -> None:
    shown = plain(text)
    pieces = pieces_of(shown)
    assert "".join(pieces) == " ".join(text.split())
    for piece in pieces:
        assert not any(pattern.search(piece) for pattern in SECOND_LOOK), pieces
    bare = SPAN.sub("", shown)
    for mark in "![](#:`$<>&*_{}":
        assert all(len(found[1]) % 2 for found in re.finditer(rf"(\\*){re.escape(mark)}", bare))


def test_text_without_a_pattern_has_no_span() -> None:
    assert plain("1:30 a_b.png (x)") == r"1\:30 a\_b\.png \(x\)"
