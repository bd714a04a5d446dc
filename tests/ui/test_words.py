"""Numbers, times and other people's text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

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


def test_other_peoples_text_is_one_line_without_markdown() -> None:
    shown = plain("![x](http://e/x.png)\n# :red[a] `b` $x$ <b>")
    assert "\n" not in shown
    for mark in "![](#:`$<>":
        assert all(shown[i - 1] == "\\" for i, letter in enumerate(shown) if letter == mark)
