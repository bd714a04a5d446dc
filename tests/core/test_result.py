from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core.result import ValuationResult, class_ranks, suspicion_ranks


@given(st.lists(st.one_of(st.integers(-3, 3).map(float), st.just(float("nan"))), max_size=30))
def test_ranks_start_at_the_lowest_value_and_ties_keep_input_order(values: list[float]) -> None:
    ranks = suspicion_ranks(np.array(values))
    scored = [i for i, value in enumerate(values) if not np.isnan(value)]
    order = sorted(scored, key=lambda i: (values[i], i))
    assert [int(ranks[i]) for i in order] == list(range(1, len(order) + 1))
    assert all(np.isnan(ranks[i]) for i in range(len(values)) if i not in scored)


def test_frame_has_the_documented_columns() -> None:
    result = ValuationResult(
        valuator="x",
        ids=("a", "b"),
        given_labels=np.array(["cat", None], dtype=object),
        values=np.array([-1.0, np.nan]),
        margins=np.array([1.0, np.nan]),
        columns={"own": np.array([1.0, 2.0])},
    )
    frame = result.to_frame()
    assert list(frame) == [
        "id", "given_label", "value", "suspicion_rank", "class_rank", "flagged",
        "suggested_label", "margin", "own",
    ]  # fmt: skip
    assert frame["suspicion_rank"].isna().tolist() == [False, True]
    assert frame["class_rank"].isna().all()


def test_class_ranks_count_within_each_given_label() -> None:
    labels = np.array(["cat", "dog", "cat", None, "dog", "cat"], dtype=object)
    values = np.array([-3.0, 1.0, -5.0, np.nan, 0.5, np.nan])
    ranks = class_ranks(values, labels)
    np.testing.assert_array_equal(ranks, [2, 2, 1, np.nan, 1, np.nan])
    result = ValuationResult(
        valuator="x",
        ids=tuple("abcdef"),
        given_labels=labels,
        values=values,
        scored_classes=("cat", "dog"),
    )
    np.testing.assert_array_equal(result.class_ranks(), ranks)
    frame = result.to_frame()
    assert frame["class_rank"].dtype == "Int64"
    assert frame["class_rank"].tolist()[:3] == [2, 2, 1]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-3, 3)), min_size=1, max_size=30))
def test_class_ranks_order_a_class_as_the_ranks_do(rows: list[tuple[str, int]]) -> None:
    labels = np.array([label for label, _ in rows], dtype=object)
    values = np.array([float(value) for _, value in rows])
    ranks, inside = suspicion_ranks(values), class_ranks(values, labels)
    for label in set(labels):
        own = labels == label
        assert sorted(inside[own]) == list(range(1, own.sum() + 1))
        np.testing.assert_array_equal(np.argsort(inside[own]), np.argsort(ranks[own]))
