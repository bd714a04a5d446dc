"""Neighbours from random trees, against the exact ones."""

from __future__ import annotations

import numpy as np
import pytest

from dvaudit.core.progress import Cancelled
from dvaudit.findings.forest import near
from dvaudit.findings.neighbours import nearest


def _clusters(n: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((30, 12))
    at = rng.integers(0, 30, n)
    return centres[at] + 0.15 * rng.standard_normal((n, 12)), at % 3


def test_small_data_is_searched_exactly() -> None:
    matrix, codes = _clusters(200)
    found, exact = near(matrix, codes, 5), nearest(matrix, codes, 5)
    np.testing.assert_array_equal(found.all_index, exact.all_index)


def test_most_neighbours_are_found_and_none_is_invented() -> None:
    matrix, codes = _clusters()
    exact = nearest(matrix, codes, 5)
    found = near(matrix, codes, 5, exact_rows=100, leaf=200)
    overlap = [len(set(a) & set(b)) for a, b in zip(found.all_index, exact.all_index, strict=True)]
    assert np.mean(overlap) / 5 > 0.7
    units = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    for side, wanted in (("same", True), ("other", False)):
        index, angle = getattr(found, f"{side}_index"), getattr(found, f"{side}_distance")
        for row in range(0, 1500, 97):
            named = index[row][index[row] >= 0]
            assert len(set(named)) == len(named)
            assert row not in named
            assert ((codes[named] == codes[row]) == wanted).all()
            chords = np.linalg.norm(units[named] - units[row], axis=1)
            np.testing.assert_allclose(
                angle[row][: len(named)], 2 * np.arcsin(chords / 2), atol=1e-5
            )
            assert (np.diff(angle[row][: len(named)]) >= 0).all()
    assert (found.same_rank == exact.same_rank).mean() > 0.8


def test_exact_duplicates_are_always_found() -> None:
    matrix, codes = _clusters()
    matrix[750:] = 2 * matrix[:750]
    found = near(matrix, codes, 5, exact_rows=100, leaf=200)
    assert (found.all_distance[:, 0] < 1e-3).all()


def test_missing_labels_and_no_classes() -> None:
    matrix, codes = _clusters()
    codes[:50] = -1
    found = near(matrix, codes, 4, exact_rows=100, leaf=300)
    assert (found.same_index[:50] == -1).all()
    assert np.isnan(found.same_distance[:50]).all()
    free = near(matrix, None, 4, exact_rows=100, leaf=300)
    np.testing.assert_array_equal(free.all_index, free.same_index)


def test_it_can_be_cancelled() -> None:
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    matrix, codes = _clusters()
    with pytest.raises(Cancelled):
        near(matrix, codes, 4, stop, exact_rows=100)
