"""nearest() against an obviously correct twin, and its edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Cancelled
from dvaudit.findings import nearest
from dvaudit.findings import neighbours as module


def slow_nearest(matrix, codes, k):
    """One sample at a time, in float64: (same, other, all) as lists of (angle, position)."""
    n = len(matrix)
    norms = np.linalg.norm(matrix, axis=1)
    found = []
    for i in range(n):
        angles = []
        for j in range(n):
            if norms[i] == 0 or norms[j] == 0:
                angle = 0.0 if norms[i] == norms[j] else np.pi / 2
            else:
                chord = np.linalg.norm(matrix[i] / norms[i] - matrix[j] / norms[j])
                angle = 2 * np.arcsin(min(1.0, chord / 2))
            angles.append((angle, j))
        rest = sorted(pair for pair in angles if pair[1] != i)
        same = [pair for pair in rest if codes[i] >= 0 and codes[pair[1]] == codes[i]]
        other = [pair for pair in rest if codes[pair[1]] >= 0 and codes[pair[1]] != codes[i]]
        rank = next((r for r, p in enumerate(rest, 1) if same and p[1] == same[0][1]), 0)
        found.append((same[:k], other[:k], rest[:k], rank))
    return found


def assert_matches(found, k, index, distance):
    for i, expected in enumerate(found):
        angles = [angle for angle, _ in expected] + [np.nan] * (k - len(expected))
        # Chords, because an angle near pi is ill-conditioned in them.
        np.testing.assert_allclose(np.sin(distance[i] / 2), np.sin(np.array(angles) / 2), atol=1e-6)
        assert (index[i] >= 0).sum() == len(expected)


@pytest.mark.parametrize("block", [7, 60, 10_000])
@given(seed=st.integers(0, 10_000), n=st.integers(1, 30), classes=st.integers(1, 6))
def test_equals_the_slow_twin(block, seed, n, classes):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, 3))
    matrix[rng.random(n) < 0.1] = 0.0
    codes = rng.integers(-1, classes, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_NUMBERS", block)
        found = nearest(matrix, codes, k=4)
    expected = slow_nearest(matrix, codes, 4)
    assert_matches([e[0] for e in expected], 4, found.same_index, found.same_distance)
    assert_matches([e[1] for e in expected], 4, found.other_index, found.other_distance)
    assert_matches([e[2] for e in expected], 4, found.all_index, found.all_distance)


def test_positions_and_ranks_equal_the_slow_twin():
    rng = np.random.default_rng(3)
    matrix, codes = rng.standard_normal((80, 5)), rng.integers(-1, 4, 80)
    found = nearest(matrix, codes, k=6)
    for i, (same, other, everything, rank) in enumerate(slow_nearest(matrix, codes, 6)):
        assert [j for _, j in same] == [j for j in found.same_index[i] if j >= 0]
        assert [j for _, j in other] == [j for j in found.other_index[i] if j >= 0]
        assert [j for _, j in everything] == list(found.all_index[i])
        assert rank == found.same_rank[i]


def test_scaled_copies_are_at_angle_zero_and_small_angles_are_exact():
    base = np.random.default_rng(0).standard_normal(200)
    tilted = base + 1e-4 * np.linalg.norm(base) * np.eye(200)[0]
    found = nearest(np.stack([base, 3.7 * base, tilted]))
    assert found.all_index[0].tolist()[:2] == [1, 2]
    assert found.all_distance[0, 0] < 1e-6
    np.testing.assert_allclose(found.all_distance[0, 1], 1e-4, rtol=0.02)


def test_equal_distances_keep_input_order():
    matrix = np.tile([[1.0, 0.0], [0.0, 1.0]], (4, 1))
    found = nearest(matrix, np.array([0, 0, 1, 0, 0, 1, 1, 0]), k=3)
    assert found.all_index[0].tolist() == [2, 4, 6]
    assert found.all_index[4].tolist() == [0, 2, 6]


def test_without_classes_only_the_nearest_of_all_are_filled():
    found = nearest(np.random.default_rng(1).standard_normal((6, 3)), None, k=2)
    np.testing.assert_array_equal(found.same_index, found.all_index)
    assert (found.other_index == -1).all()
    assert np.isnan(found.other_distance).all()


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_samples_are_padded(n):
    found = nearest(np.eye(2)[:n], np.zeros(n, dtype=np.int64), k=3)
    assert (found.all_index >= 0).sum(axis=1).tolist() == [n - 1] * n
    assert found.same_index.shape == (n, 3)


def test_rows_that_are_not_finite_are_refused_by_number():
    matrix = np.ones((5, 2))
    matrix[[1, 3], 0] = [np.nan, np.inf]
    with pytest.raises(UnsuitableDataError, match=r"2 of 5 feature rows .*\(rows 1, 3\)"):
        nearest(matrix)


def test_a_cancelled_search_stops():
    def stop(fraction, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        nearest(np.eye(4), progress=stop)
