"""Kernel ridge after removals: every cut equals a fit from the start on what is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dvaudit.kernels import downdates
from dvaudit.kernels.arccos import gram
from dvaudit.kernels.downdates import PrunedKernel

Floats = NDArray[np.float64]


def _refit(
    vectors: Floats, targets: Floats, held_out: Floats, kept: NDArray[np.int64], ridge: float
) -> Floats:
    """Fit on the kept samples alone, by a dense solve."""
    if not len(kept):
        return np.zeros((len(held_out), targets.shape[1]))
    both = gram(torch.as_tensor(np.vstack([vectors[kept], held_out])))[0].numpy()
    m = len(kept)
    return both[m:, :m] @ np.linalg.solve(both[:m, :m] + ridge * np.eye(m), targets[kept])


def _data(seed: int, m: int, k: int, t: int = 13, d: int = 6) -> tuple[Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    targets = (
        rng.standard_normal((m, 1)) if k == 1 else 2.0 * np.eye(k)[rng.integers(k, size=m)] - 1
    )
    return rng.standard_normal((m, d)), targets, rng.standard_normal((t, d))


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of eight, so that cuts fall inside, at and across their borders."""
    monkeypatch.setattr(downdates, "BLOCK", 8)
    monkeypatch.setattr("dvaudit.linalg.cholesky.BLOCK", 8)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    m=st.integers(1, 37),
    k=st.sampled_from([1, 2, 5]),
    ridge=st.sampled_from([1e-3, 0.1, 1.0, 30.0]),
    data=st.data(),
)
def test_each_cut_equals_a_refit(
    seed: int, m: int, k: int, ridge: float, data: st.DataObject
) -> None:
    vectors, targets, held_out = _data(seed, m, k)
    order = np.random.default_rng(seed + 1).permutation(m)
    removed = data.draw(st.lists(st.integers(0, m), min_size=1, max_size=6))
    found = PrunedKernel(vectors, held_out, targets, ridge).after(order, removed)
    for gone, predicted in zip(removed, found, strict=True):
        expected = _refit(vectors, targets, held_out, order[gone:], ridge)
        np.testing.assert_allclose(predicted, expected, rtol=1e-8, atol=1e-8)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    m=st.integers(1, 37),
    k=st.sampled_from([1, 3]),
    ridge=st.sampled_from([1e-3, 0.1, 1.0]),
    data=st.data(),
)
def test_each_window_equals_a_refit_without_it(
    seed: int, m: int, k: int, ridge: float, data: st.DataObject
) -> None:
    vectors, targets, held_out = _data(seed, m, k)
    order = np.random.default_rng(seed + 1).permutation(m)
    ends = st.tuples(st.integers(0, m), st.integers(0, m)).map(lambda pair: tuple(sorted(pair)))
    windows = data.draw(st.lists(ends, min_size=1, max_size=4))
    found = PrunedKernel(vectors, held_out, targets, ridge).without_windows(order, windows)
    for (start, end), predicted in zip(windows, found, strict=True):
        kept = np.concatenate([order[:start], order[end:]])
        expected = _refit(vectors, targets, held_out, kept, ridge)
        np.testing.assert_allclose(predicted, expected, rtol=1e-8, atol=1e-8)


def test_one_object_serves_several_orders_in_turn() -> None:
    vectors, targets, held_out = _data(3, 30, 2)
    system = PrunedKernel(vectors, held_out, targets, 0.2)
    rising, falling = np.arange(30), np.arange(30)[::-1].copy()
    first = system.after(rising, [0, 11])
    other = system.after(falling, [0, 11])
    np.testing.assert_allclose(first[0], other[0], atol=1e-10)
    assert np.abs(first[1] - other[1]).max() > 1e-3
    np.testing.assert_array_equal(system.after(rising, [0, 11]), first)


def test_samples_that_point_the_same_way_force_a_small_ridge() -> None:
    vectors, targets, held_out = _data(4, 12, 2)
    vectors[5] = 2 * vectors[3]
    system = PrunedKernel(vectors, held_out, targets, 0.0)
    found = system.after(np.arange(12), [0, 4])
    assert system.ridge == 1e-7
    expected = _refit(vectors, targets, held_out, np.arange(4, 12), 1e-7)
    np.testing.assert_allclose(found[1], expected, rtol=1e-4, atol=1e-4)
