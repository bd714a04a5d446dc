"""Filters, cut-offs and orders."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.findings import CutBy, CutOff, flags
from dvaudit.ui import ranking
from dvaudit.ui.filter_columns import cell_search
from dvaudit.ui.map_regions import Lasso
from dvaudit.ui.ranking import (
    JUDGED,
    Codes,
    Columns,
    Filter,
    Judged,
    Show,
    select,
    sort_columns,
)

FRAME = pd.DataFrame(
    {
        "id": ["a/1", "a/2", "B.3", "b/4", "c/5"],
        "given_label": ["a", "a", "b", "b", None],
        "suspicion_rank": pd.array([2, 4, 1, 3, None], dtype="Int64"),
        "flagged": [True, False, True, False, False],
        "suggested_label": ["b", None, "a", "a", None],
        "margin": [0.4, -0.5, 0.9, -0.1, np.nan],
        "duplicate_group": pd.array([None, 1, None, 1, None], dtype="Int64"),
        "duplicate_conflict": [False, True, False, True, False],
        "outlier": [False, False, False, False, True],
        "m.value": [-0.4, 0.5, -0.9, 0.1, np.nan],
        "cg-score.cg_atypical": [1.0, 1.0, 0.0, 0.0, np.nan],
    }
)
FLAGGED = FRAME["flagged"].to_numpy()
PLACES = np.array([[0, 0], [10, 10], [20, 20], [90, 10], [50, 50]], dtype=np.uint16)
COLUMNS = Columns(
    frame=FRAME,
    classes=Codes.of(FRAME["given_label"]),
    suggested=Codes.of(FRAME["suggested_label"]),
    groups=Codes.of(pd.Series(["x", "y", "x", None, ""])),
    splits=Codes.of(pd.Series(["train", "train", "test", "test", "train"])),
    search=lambda text: cell_search(FRAME["id"])(text.casefold()),
)
NOBODY = np.zeros(len(FRAME), dtype=np.int8)


def chosen(wanted: Filter, judged: NDArray[np.int8] = NOBODY) -> list[int]:
    return select(COLUMNS, FLAGGED, wanted, judged, PLACES).tolist()


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (Filter(), [2, 0, 3, 1, 4]),
        (Filter(least=True), [1, 3, 0, 2, 4]),
        (Filter(column="margin"), [2, 0, 3, 1, 4]),
        (Filter(column="m.value"), [2, 0, 3, 1, 4]),
        (Filter(column="m.value", least=True), [1, 3, 0, 2, 4]),
        (Filter(show=Show.FLAGGED), [2, 0]),
        (Filter(show=Show.ATYPICAL), [1]),
        (Filter(show=Show.CONFLICTS), [3, 1]),
        (Filter(show=Show.DUPLICATES, classes=("a",)), [1]),
        (Filter(show=Show.OUTLIERS), [4]),
        (Filter(find="B"), [2, 3]),
        (Filter(find="."), [2]),
        (Filter(within=("m.value", -0.4, 0.5)), [0, 3]),
        (Filter(classes=("no such class",)), []),
        (Filter(groups=("x",)), [2, 0]),
        (Filter(groups=("x", "y")), [2, 0, 1]),
        (Filter(splits=("test",)), [2, 3]),
        (Filter(pair=("b", "a")), [2, 3]),
        (Filter(lasso=Lasso("pca", ((5, 5), (60, 5), (60, 60), (5, 60)))), [2, 1, 4]),
        (Filter(find="a", splits=("train",), show=Show.FLAGGED), [0]),
    ],
)
def test_filters_and_order(wanted: Filter, positions: list[int]) -> None:
    assert chosen(wanted) == positions


def test_verdicts_filter_by_what_was_decided() -> None:
    decided = {
        "b/4": Decision("b/4", Verdict.KEEP),
        "a/1": Decision("a/1", Verdict.RELABEL, "b"),
        "gone": Decision("gone", Verdict.DROP),
    }
    judged = COLUMNS.judged(decided)
    assert [JUDGED[code] for code in judged] == ["relabelled", "none", "none", "kept", "none"]
    assert chosen(Filter(show=Show.REVIEWED), judged) == [0, 3]
    assert chosen(Filter(verdicts=(Judged.KEPT,)), judged) == [3]
    assert chosen(Filter(verdicts=(Judged.NONE, Judged.KEPT)), judged) == [2, 3, 1, 4]
    assert chosen(Filter(verdicts=(Judged.DROPPED,)), judged) == []


def slow_select(
    wanted: Filter, labels: list[str | None], values: list[float], judged: list[int]
) -> list[int]:
    """The obvious loop over samples, for classes, verdicts, a range of values and the order."""
    kept = [
        at
        for at in range(len(labels))
        if (not wanted.classes or labels[at] in wanted.classes)
        and (not wanted.verdicts or JUDGED[judged[at]] in wanted.verdicts)
        and (wanted.within is None or wanted.within[1] <= values[at] < wanted.within[2])
    ]
    missing = [at for at in kept if values[at] != values[at]]
    there = [at for at in kept if values[at] == values[at]]
    return sorted(there, key=lambda at: -values[at] if wanted.least else values[at]) + missing


some_numbers = st.sampled_from([-1.5, -1.0, 0.0, 0.25, 1.0, float("nan")])
some_labels = st.sampled_from(["a", "b", "c", None])


def some_of(names: Collection[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(sorted(names)), unique=True).map(tuple)


@given(
    rows=st.lists(st.tuples(some_labels, some_numbers, st.integers(0, 4)), min_size=1, max_size=12),
    classes=some_of("abc"),
    verdicts=some_of(tuple(Judged)),
    ends=st.one_of(st.none(), st.tuples(st.just(-1.0), st.sampled_from([0.0, 0.3, 2.0]))),
    least=st.booleans(),
)
def test_select_agrees_with_a_loop_over_samples(
    rows: list[tuple[str | None, float, int]],
    classes: tuple[str, ...],
    verdicts: tuple[str, ...],
    ends: tuple[float, float] | None,
    least: bool,
) -> None:
    labels, values, judged = (list(part) for part in zip(*rows, strict=True))
    frame = pd.DataFrame({"id": range(len(rows)), "given_label": labels, "m.value": values})
    nothing = Codes((), np.full(len(rows), -1, dtype=np.int32))
    given_labels = Codes.of(pd.Series(labels, dtype=object))
    columns = Columns(
        frame, given_labels, nothing, nothing, None, lambda text: np.zeros(len(rows), dtype=bool)
    )
    wanted = Filter(
        classes=classes,
        verdicts=tuple(Judged(item) for item in verdicts),
        within=None if ends is None else ("m.value", *ends),
        column="m.value",
        least=least,
    )
    unflagged = np.zeros(len(rows), dtype=bool)
    found = select(columns, unflagged, wanted, np.array(judged, dtype=np.int8))
    assert found.tolist() == slow_select(wanted, labels, values, judged)


def test_text_is_found_in_any_case_and_numbers_by_equality() -> None:
    words = pd.Series(["Oak tree", None, "oaken", "elm"])
    assert cell_search(words)("oak").tolist() == [True, False, True, False]
    ages = pd.Series([39.0, 390.0, np.nan, 39.0])
    assert cell_search(ages)("39").tolist() == [True, False, False, True]
    assert cell_search(ages)("oak").tolist() == [False] * 4
    assert cell_search(pd.Series([True, False]))("tru").tolist() == [True, False]


def test_columns_to_sort_by_have_values() -> None:
    assert sort_columns(FRAME) == ["suspicion_rank", "m.value", "margin"]


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        (CutOff(), [0, 2]),
        (CutOff(CutBy.RANK, rank=3), [0, 2, 3]),
        (CutOff(CutBy.RANK, rank=0), []),
        (CutOff(CutBy.MARGIN, margin=0.5), [2]),
    ],
)
def test_the_cut_off_decides_what_is_flagged(cut: CutOff, expected: list[int]) -> None:
    assert np.flatnonzero(flags(FRAME, cut)).tolist() == expected


@given(
    st.lists(
        st.one_of(st.integers(1, 6).map(float), st.sampled_from([np.nan, 0.5, -1.0, np.inf])),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_ranks_are_ordered_as_any_values(values: list[float], random: Random) -> None:
    ranks = [float(rank) for rank in range(1, len(values) + 1)] + [np.nan] * 3
    random.shuffle(ranks)
    for numbers in (values, ranks):
        expected = np.argsort(np.array(numbers), kind="stable")
        np.testing.assert_array_equal(ranking._ordered(np.array(numbers)), expected)
