"""A filter in an address: every one comes back, and a bad link shows what it can."""

from __future__ import annotations

import math
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.findings.embedding import SIDE
from dvaudit.ui.filter_address import (
    KEYS,
    LONGEST_TEXT,
    Known,
    address_of,
    read_address,
    rounded_range,
)
from dvaudit.ui.map_regions import MOST_VERTICES, Lasso
from dvaudit.ui.ranking import Filter, Judged, Show

NAMES = ("oak", "elm", "a&b=c", "ü / ~ é", "1.0", "+ plus")
KNOWN = Known(
    classes=NAMES,
    groups=("alice", "bob & co"),
    splits=("train", "test"),
    columns=("suspicion_rank", "kernel-loo.value", "odd~name.value", "margin"),
    maps=("pca", "r0012"),
)


def several(names: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), unique=True).map(tuple)


numbers = st.floats(-1e9, 1e9, allow_subnormal=False)
vertices = st.tuples(st.integers(0, SIDE), st.integers(0, SIDE))
lassos = st.builds(
    Lasso,
    st.sampled_from(sorted(KNOWN.maps)),
    st.lists(vertices, min_size=3, max_size=MOST_VERTICES).map(tuple),
)
ranges = st.tuples(st.sampled_from(sorted(KNOWN.columns)), numbers, numbers).filter(
    lambda within: within[1] < within[2]
)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=20)
filters = st.builds(
    Filter,
    show=st.sampled_from(Show),
    classes=several(NAMES),
    verdicts=st.lists(st.sampled_from(Judged), unique=True).map(tuple),
    groups=several(tuple(KNOWN.groups)),
    splits=several(tuple(KNOWN.splits)),
    find=texts,
    within=st.one_of(st.none(), ranges),
    pair=st.one_of(st.none(), st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))),
    lasso=st.one_of(st.none(), lassos),
    column=st.sampled_from(sorted(KNOWN.columns)),
    least=st.booleans(),
)


@given(filters)
def test_a_filter_comes_back_from_its_address(wanted: Filter) -> None:
    query = urlencode(address_of(wanted), doseq=True)
    found, ignored = read_address(parse_qs(query), KNOWN)
    assert found == wanted
    assert ignored == ()


def test_an_open_filter_leaves_the_address_empty() -> None:
    assert address_of(Filter()) == {}


def test_an_address_is_short_and_readable() -> None:
    wanted = Filter(
        show=Show.FLAGGED,
        classes=("oak", "elm"),
        verdicts=(Judged.NONE,),
        within=("margin", -0.5, 2.0),
        pair=("oak", "elm"),
        lasso=Lasso("pca", ((1, 2), (30, 40), (5, 600))),
    )
    assert urlencode(address_of(wanted), doseq=True) == (
        "show=flagged&class=oak&class=elm&verdict=none&range=margin~-0.5~2"
        "&pair=oak&pair=elm&lasso=pca_1.2_30.40_5.600"
    )


@given(st.dictionaries(st.sampled_from(KEYS), st.lists(texts, max_size=3)))
def test_no_address_breaks_the_page(params: dict[str, list[str]]) -> None:
    found, _ = read_address(params, KNOWN)
    assert read_address(address_of(found), KNOWN) == (found, ())


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"show": ["flaged"]}, "kind 'flaged'"),
        ({"class": ["ash"]}, "class 'ash'"),
        ({"group": ["eve"]}, "contributor 'eve'"),
        ({"split": ["dev"]}, "split 'dev'"),
        ({"verdict": ["great"]}, "verdict 'great'"),
        ({"sort": ["dvgs.value"]}, "order by 'dvgs.value'"),
        ({"order": ["up"]}, "order 'up'"),
        ({"range": ["margin~2~1"]}, "range 'margin~2~1'"),
        ({"range": ["margin~nan~1"]}, "range 'margin~nan~1'"),
        ({"range": ["margin"]}, "range 'margin'"),
        ({"pair": ["oak"]}, "pair of classes 'oak'"),
        ({"lasso": ["r0099_1.1_2.2_3.1"]}, "region of a map 'r0099_1.1_2.2_3.1'"),
        ({"lasso": ["pca_1.1_2.2"]}, "region of a map 'pca_1.1_2.2'"),
        ({"lasso": ["pca_1.1_2.2_99999.1"]}, "region of a map 'pca_1.1_2.2_99999.1'"),
    ],
)
def test_what_is_not_there_is_named_and_the_rest_is_followed(
    params: dict[str, list[str]], said: str
) -> None:
    found, ignored = read_address({**params, "find": ["x"]}, KNOWN)
    assert ignored == (said,)
    assert found == Filter(find="x")


def test_of_several_classes_the_known_ones_are_kept() -> None:
    found, ignored = read_address({"class": ["ash", "oak", "oak"], "show": ["Flagged"]}, KNOWN)
    assert found == Filter(show=Show.FLAGGED, classes=("oak",))
    assert ignored == ("class 'ash'",)


def test_a_long_text_is_cut() -> None:
    found, _ = read_address({"find": ["x" * 5000]}, KNOWN)
    assert found.find == "x" * LONGEST_TEXT


@given(numbers, numbers)
def test_a_rounded_range_is_short_and_holds_the_one_given(low: float, high: float) -> None:
    short_low, short_high = rounded_range(low, high)
    assert short_low <= low
    assert short_high >= high
    for short, exact in ((short_low, low), (short_high, high)):
        assert math.isclose(short, exact, rel_tol=1.1e-5, abs_tol=0)
        assert float(f"{short:.6g}") == short
