from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core.sampling import stratified_rows


@given(
    codes=st.lists(st.integers(0, 5), min_size=1, max_size=200),
    size=st.integers(1, 200),
    seed=st.integers(0, 99),
)
def test_rows_are_distinct_and_each_class_has_its_share(
    codes: list[int], size: int, seed: int
) -> None:
    labels = np.array(codes)
    rows = stratified_rows(labels, size, seed)
    assert len(rows) == min(size, len(labels)) == len(set(rows.tolist()))
    kept = np.bincount(labels[rows], minlength=6)
    whole = np.bincount(labels, minlength=6)
    present = whole > 0
    assert (kept[present] >= 1).all() or size < present.sum()
    expected = whole * min(size / len(labels), 1)
    assert (np.abs(kept - expected)[present] <= present.sum() + 1).all()


def test_the_seed_decides() -> None:
    labels = np.zeros(100, dtype=np.int64)
    first, again, other = (stratified_rows(labels, 10, seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()
