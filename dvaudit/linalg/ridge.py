"""Choosing a ridge by squared leave-one-out error, every candidate from one eigendecomposition."""

from __future__ import annotations

import torch
from torch import Tensor

CANDIDATES = tuple(10.0**exponent for exponent in torch.linspace(-4, 2, 25).tolist())


def leave_one_out_errors(
    matrix: Tensor, targets: Tensor, candidates: tuple[float, ...] = CANDIDATES
) -> Tensor:
    """Return the mean squared leave-one-out residual for each candidate ridge, shape (r,).

    With K = V diag(s) V^T the residuals for ridge l are A / d, where A = V (V^T Y / (s + l)) and
    d = (V * V) / (s + l) summed over columns (Rasmussen and Williams 2006, equation 5.12).

    Args:
        matrix: (m, m) symmetric positive semi-definite.
        targets: (m, k).
    """
    eigenvalues, vectors = torch.linalg.eigh(matrix)
    eigenvalues = eigenvalues.clamp_min(0)
    rotated, squared = vectors.T @ targets, vectors.square()
    errors = []
    for ridge in candidates:
        weights = 1 / (eigenvalues + ridge)
        residuals = (vectors @ (weights[:, None] * rotated)) / (squared @ weights)[:, None]
        errors.append(residuals.square().mean())
    return torch.stack(errors)


def choose_ridge(
    matrix: Tensor, targets: Tensor, candidates: tuple[float, ...] = CANDIDATES
) -> float:
    """Return the candidate ridge with the least squared leave-one-out error."""
    return candidates[int(leave_one_out_errors(matrix, targets, candidates).argmin())]
