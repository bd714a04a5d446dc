from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.errors import NumericalError
from dvaudit.linalg import cholesky
from dvaudit.linalg.cholesky import factorise, forced_ridge
from dvaudit.linalg.ridge import CANDIDATES, choose_ridge, leave_one_out_errors


def _definite(n: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    root = torch.randn(n, n + 3, generator=generator, dtype=torch.float64)
    return (root @ root.T / n + 0.1 * torch.eye(n, dtype=torch.float64)).to(dtype)


@given(n=st.integers(1, 40), block=st.integers(1, 17), seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_solve_and_inverse_diagonal_equal_the_explicit_inverse(
    n: int, block: int, seed: int
) -> None:
    matrix = _definite(n, seed)
    rhs = torch.arange(2.0 * n, dtype=torch.float64).reshape(n, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cholesky, "BLOCK", block)
        factor = factorise(lambda: (matrix.clone(), 0.0), 0.5)
        solution, diagonal = factor.solve(rhs), factor.inverse_diagonal()
    inverse = torch.linalg.inv(matrix + 0.5 * torch.eye(n, dtype=torch.float64))
    torch.testing.assert_close(solution, inverse @ rhs, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(diagonal, inverse.diagonal(), rtol=1e-9, atol=1e-9)
    assert (factor.ridge, factor.forced) == (0.5, False)


def test_factor_replaces_the_matrix() -> None:
    matrix = _definite(30, 0)
    factor = factorise(lambda: (matrix, 0.0), 0.0)
    assert factor.lower.data_ptr() == matrix.data_ptr()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_singular_matrix_is_mended_and_said(dtype: torch.dtype) -> None:
    vector = torch.ones(6, 1, dtype=dtype)
    factor = factorise(lambda: (vector @ vector.T, 0.0), 0.0)
    assert factor.forced
    assert forced_ridge(dtype) <= factor.ridge <= 1e4 * forced_ridge(dtype)
    assert bool(torch.isfinite(factor.inverse_diagonal()).all())


def test_known_least_ridge_is_used_at_once() -> None:
    factor = factorise(lambda: (torch.eye(3), 0.25), 0.0)
    assert (factor.ridge, factor.forced) == (0.25, True)


@pytest.mark.parametrize("entry", [-1.0, float("nan")])
def test_hopeless_matrix_is_refused_by_size(entry: float) -> None:
    matrix = torch.diag(torch.tensor([1.0, entry, 1.0], dtype=torch.float64))
    with pytest.raises(NumericalError, match=r"3 x 3|non-finite"):
        factorise(lambda: (matrix.clone(), 0.0), 0.0)


def test_leave_one_out_error_equals_really_leaving_out() -> None:
    matrix, targets = _definite(12, 3), torch.randn(12, 2, dtype=torch.float64)
    fast = leave_one_out_errors(matrix, targets, (0.01, 3.0))
    for ridge, error in zip((0.01, 3.0), fast.tolist(), strict=True):
        residuals = []
        for i in range(12):
            keep = [j for j in range(12) if j != i]
            system = matrix[keep][:, keep] + ridge * torch.eye(11, dtype=torch.float64)
            weights = torch.linalg.solve(system, targets[keep])
            residuals.append(targets[i] - matrix[i, keep] @ weights)
        assert error == pytest.approx(float(torch.stack(residuals).square().mean()), rel=1e-9)


def test_noisier_targets_get_a_larger_ridge() -> None:
    matrix = _definite(80, 4)
    smooth = matrix @ torch.randn(80, 1, dtype=torch.float64)
    noise = torch.randn(80, 1, dtype=torch.float64) * smooth.std() * 3
    chosen = [choose_ridge(matrix, targets) for targets in (smooth, smooth + noise)]
    assert chosen[0] < chosen[1]
    assert set(chosen) <= set(CANDIDATES)
