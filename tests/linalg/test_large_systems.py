"""Conjugate gradients and the Woodbury inverse against dense solves."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.linalg.conjugate_gradients import conjugate_gradients
from dvaudit.linalg.woodbury import LowRankPlusBlocks


def _parts(n: int, rank: int, count: int, seed: int) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return a random partition of n rows into `count` blocks, and a low-rank factor (n, rank)."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(n, generator=generator)
    low = torch.randn(n, rank, generator=generator, dtype=torch.float64)
    return list(rows.tensor_split(count)), low


@settings(deadline=None, max_examples=25)
@given(
    n=st.integers(1, 40),
    rank=st.integers(1, 8),
    count=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_woodbury_equals_the_dense_inverse(n: int, rank: int, count: int, seed: int) -> None:
    blocks, low = _parts(n, rank, min(count, n), seed)
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(n, n, generator=generator, dtype=torch.float64)
    full = root @ root.T
    dense = low @ low.T + 0.5 * torch.eye(n, dtype=torch.float64)
    for rows in blocks:
        dense[rows[:, None], rows] += full[rows[:, None], rows]
    made = LowRankPlusBlocks(
        blocks, lambda rows: (full[rows[:, None], rows].clone(), low[rows]), ridge=0.5
    )
    rhs = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(made.solve(rhs), torch.linalg.solve(dense, rhs))
    torch.testing.assert_close(made.inverse_diagonal(), torch.linalg.inv(dense).diagonal())


@pytest.mark.parametrize("preconditioned", [False, True])
def test_conjugate_gradients_solve_to_the_tolerance(preconditioned: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(60, 60, generator=generator, dtype=torch.float64)
    matrix = root @ root.T + torch.eye(60, dtype=torch.float64)
    rhs = torch.randn(60, 4, generator=generator, dtype=torch.float64)
    scale = matrix.diagonal()[:, None]
    solved = conjugate_gradients(
        lambda x: matrix @ x,
        (lambda x: x / scale) if preconditioned else (lambda x: x),
        rhs,
        tolerance=1e-10,
        max_iterations=300,
    )
    assert solved.converged
    torch.testing.assert_close(
        solved.solution, torch.linalg.solve(matrix, rhs), rtol=1e-6, atol=1e-8
    )


def test_a_good_preconditioner_saves_iterations() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn(80, 80, generator=generator, dtype=torch.float64)
    matrix = root @ root.T + 0.01 * torch.eye(80, dtype=torch.float64)
    rhs = torch.randn(80, 1, generator=generator, dtype=torch.float64)
    near = torch.linalg.inv(matrix + 0.05 * torch.eye(80, dtype=torch.float64))
    asked = {"tolerance": 1e-8, "max_iterations": 2000}
    plain = conjugate_gradients(lambda x: matrix @ x, lambda x: x, rhs, **asked)
    helped = conjugate_gradients(lambda x: matrix @ x, lambda x: near @ x, rhs, **asked)
    assert helped.iterations < plain.iterations / 2


def test_conjugate_gradients_say_when_they_did_not_converge() -> None:
    matrix = torch.diag(torch.logspace(0, 8, 50, dtype=torch.float64))
    rhs = torch.ones(50, 1, dtype=torch.float64)
    solved = conjugate_gradients(
        lambda x: matrix @ x, lambda x: x, rhs, tolerance=1e-12, max_iterations=3
    )
    assert not solved.converged
    assert solved.iterations == 3


def test_a_zero_right_hand_side_has_the_zero_solution() -> None:
    matrix = torch.diag(torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64))
    rhs = torch.tensor([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], dtype=torch.float64)
    solved = conjugate_gradients(
        lambda x: matrix @ x, lambda x: x, rhs, tolerance=1e-12, max_iterations=20
    )
    torch.testing.assert_close(solved.solution, torch.linalg.solve(matrix, rhs))
