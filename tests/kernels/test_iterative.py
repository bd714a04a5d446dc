"""The kernel system that never holds its matrix, against the one that does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from dvaudit.kernels import IterativeSystem, KernelSystem, gram
from dvaudit.kernels import strips as strips_module
from dvaudit.kernels.strips import KernelStrips, bisect


def _vectors(n: int, d: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, d))


def test_products_and_blocks_equal_the_held_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips_module, "STRIP_ROWS", 7)
    vectors = torch.as_tensor(_vectors(40))
    vectors[3] = 0
    vectors[9] = 2 * vectors[8]
    matrix, _ = gram(vectors)
    made = KernelStrips(vectors)
    right = torch.randn(40, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(made.product(right), matrix @ right)
    rows, columns = torch.tensor([1, 5, 3]), torch.tensor([5, 3, 8, 9])
    torch.testing.assert_close(made.block(rows, columns), matrix[rows][:, columns])


@settings(deadline=None, max_examples=30)
@given(repeats=st.integers(0, 12), zeros=st.integers(0, 3), seed=st.integers(0, 99))
def test_inspection_counts_what_the_held_matrix_counts(repeats: int, zeros: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((30, 5))
    copies = vectors[rng.integers(0, 30, repeats)] * rng.uniform(0.5, 3, (repeats, 1))
    stacked = torch.as_tensor(np.vstack([vectors, copies, np.zeros((zeros, 5))]))
    _, expected = gram(stacked)
    found = KernelStrips(stacked).inspect()
    assert (found.zero_rows, found.duplicate_rows) == (
        expected.zero_rows,
        expected.duplicate_rows,
    )


@settings(deadline=None, max_examples=30)
@given(n=st.integers(1, 200), size=st.integers(1, 50), same=st.booleans())
def test_bisection_is_a_partition_into_small_blocks(n: int, size: int, same: bool) -> None:
    points = torch.ones(n, 3) if same else torch.as_tensor(_vectors(n, 3))
    blocks = bisect(points, size)
    assert max(len(rows) for rows in blocks) <= size
    assert torch.equal(torch.cat(blocks).sort().values, torch.arange(n))


def test_bisection_keeps_clusters_together() -> None:
    centres = np.repeat(10 * np.eye(4), 25, axis=0)
    order = np.random.default_rng(0).permutation(100)
    points = (centres + 0.1 * _vectors(100, 4))[order]
    for rows in bisect(torch.as_tensor(points), 25):
        assert len(set(order[rows.numpy()] // 25)) == 1


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_iterative_agrees_with_exact(precision: str, ridge: float) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 3, 900)
    vectors = 2 * np.eye(3, 12)[codes] + rng.standard_normal((900, 12))
    targets = np.where(codes[:, None] == np.arange(3), 1.0, -1.0)
    exact = KernelSystem(vectors, "float64", "cpu").inverse(ridge).solve(targets)
    inverse = IterativeSystem(vectors, precision, "cpu", size=128).inverse(ridge)
    solution, diagonal = inverse.solve(targets)
    assert inverse.stats["converged"]
    error = np.linalg.norm(solution - exact[0]) / np.linalg.norm(exact[0])
    assert error < 0.02
    assert np.median(np.abs(diagonal / exact[1] - 1)) < 0.15
    gaps = [solution**2 / diagonal[:, None], exact[0] ** 2 / exact[1][:, None]]
    own = [gap[np.arange(900), codes] for gap in gaps]
    assert spearmanr(*own).statistic > 0.98


def test_whole_block_and_all_landmarks_give_the_exact_diagonal() -> None:
    vectors = _vectors(80)
    targets = np.sign(_vectors(80, 2, seed=1))
    exact = KernelSystem(vectors, "float64", "cpu").inverse(0.05).solve(targets)
    inverse = IterativeSystem(vectors, "float64", "cpu", size=80).inverse(0.05)
    solution, diagonal = inverse.solve(targets)
    np.testing.assert_allclose(solution, exact[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(diagonal, exact[1], rtol=1e-5)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_duplicates_with_other_labels_force_a_ridge(precision: str) -> None:
    vectors = _vectors(300)
    vectors[1] = vectors[0]
    targets = np.sign(_vectors(300, 1, seed=1))
    targets[0], targets[1] = 1, -1
    inverse = IterativeSystem(vectors, precision, "cpu").inverse(0.0)
    assert inverse.forced
    assert inverse.gram.duplicate_rows == 1
    solution, diagonal = inverse.solve(targets)
    gaps = solution[:, 0] ** 2 / diagonal
    assert np.isfinite(gaps).all()
    assert gaps[:2].min() > np.sort(gaps[2:])[-1]


def test_parts_gathered_one_after_another_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = _vectors(60)
    vectors[30:40] = 2 * vectors[:10]
    points = torch.as_tensor(vectors)
    whole = (KernelStrips(points).inspect(), [rows.tolist() for rows in bisect(points, 16)])
    monkeypatch.setattr(strips_module, "GATHERED", 9)
    parts = (KernelStrips(points).inspect(), [rows.tolist() for rows in bisect(points, 16)])
    assert parts == whole
    assert whole[0].duplicate_rows == 10
