"""The classes that number keys stand for where there are more classes than keys."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.ui.review_keys import KEYS, LONGEST, likeliest, short_names

CLASSES = [f"c{number:02d}" for number in range(30)]


def test_keys_go_to_the_likeliest_classes_in_this_order() -> None:
    scores = np.full(30, np.nan)
    scores[[5, 6, 7, 8]] = [0.1, 0.9, 0.5, -1.0]
    found = likeliest(CLASSES, "c06", "c20", scores, ["c06", "c11", None, "c05", "c12"])
    assert found == ["c20", "c07", "c05", "c08", "c11", "c12", "c00", "c01", "c02"]


def test_without_scores_suggestion_or_neighbours_they_go_by_the_alphabet() -> None:
    assert likeliest(CLASSES, "c01", None, None, []) == [*CLASSES[:1], *CLASSES[2:10]]
    assert likeliest(CLASSES, None, "gone", None, ["gone"]) == CLASSES[:KEYS]


def test_long_names_lose_their_middle_and_still_differ() -> None:
    ends = ["a very long name of a class, first", "a very long name of a class, other"]
    assert short_names(["oak", *ends], 16)[0] == "oak"
    assert short_names(ends, 16) == ["a very l…, first", "a very l…, other"]
    inner = [f"a very long name {word} of something long" for word in ("one", "two")]
    assert short_names(inner, 16) == ["…me one of …long", "…me two of …long"]


@given(st.lists(st.text(max_size=60), max_size=9))
def test_short_names_are_never_longer_than_the_space(names: list[str]) -> None:
    found = short_names(names)
    assert len(found) == len(names)
    assert all(len(text) <= LONGEST for text in found)
