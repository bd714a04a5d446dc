from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core.result import ValuationResult, suspicion_ranks


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
        "id", "given_label", "value", "suspicion_rank", "flagged", "suggested_label", "margin",
        "own",
    ]  # fmt: skip
    assert frame["suspicion_rank"].isna().tolist() == [False, True]
