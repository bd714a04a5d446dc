"""Positions by id, against a dictionary."""

from __future__ import annotations

import gc

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core import places
from dvaudit.core.places import Places, places_of

NAMES = st.lists(st.text(max_size=6), unique=True, max_size=30)


@given(ids=NAMES, asked=st.lists(st.text(max_size=6), max_size=8))
def test_every_name_is_found_where_it_lies(ids: list[str], asked: list[str]) -> None:
    wanted = [*asked, *ids[::2]]
    known = {name: at for at, name in enumerate(ids)}
    found = Places(pd.Series(ids, dtype="str")).find(wanted)
    assert found.tolist() == [known.get(name, -1) for name in wanted]


def test_a_name_asked_for_twice_is_found_twice() -> None:
    found = Places(pd.Series(["a", "b", "c"])).find(["c", "x", "c"])
    assert found.tolist() == [2, -1, 2]


def test_a_table_has_one_set_of_places_for_as_long_as_it_is_there() -> None:
    frame = pd.DataFrame({"id": ["a", "b"]})
    kept = places_of(frame)
    assert places_of(frame) is kept
    assert kept.find(["b"]).tolist() == [1]
    assert places_of(pd.DataFrame({"id": ["b"]})).find(["b"]).tolist() == [0]
    key = id(frame)
    assert places._held[key] is kept
    del frame, kept
    gc.collect()
    assert key not in places._held
