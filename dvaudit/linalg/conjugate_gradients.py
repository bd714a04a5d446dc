"""Preconditioned conjugate gradients for many right-hand sides at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Operator = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Solved:
    """A solution with how it was reached.

    Attributes:
        solution: (n, k).
        residual: the largest |b - K x| / |b| over the k columns, as the iteration tracks it.
        converged: whether `residual` is within the tolerance asked for.
    """

    solution: Tensor
    iterations: int
    residual: float
    converged: bool


def conjugate_gradients(
    product: Operator,
    precondition: Operator,
    rhs: Tensor,
    *,
    tolerance: float,
    max_iterations: int,
    report: Callable[[int, float], None] = lambda iteration, residual: None,
) -> Solved:
    """Solve K x = b for each column b of `rhs`, K symmetric positive definite.

    The columns share every product with K, each with step lengths of its own (Hestenes and
    Stiefel 1952; preconditioned as in Golub and Van Loan 2013, algorithm 11.5.1).

    Args:
        product: (n, k) to K times it.
        precondition: (n, k) to an approximation of K^-1 times it, symmetric positive definite.
        rhs: (n, k).
        tolerance: of the relative residual of the worst column.
        report: called after each iteration with its number and residual.
    """
    scale = torch.linalg.vector_norm(rhs, dim=0)
    # A zero right-hand side has the solution zero; 1 keeps its residual 0 / 1.
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    solution, remainder = torch.zeros_like(rhs), rhs.clone()
    preconditioned = precondition(remainder)
    direction = preconditioned.clone()
    energy = (remainder * preconditioned).sum(0)
    residual, iteration = float("inf"), 0
    while iteration < max_iterations:
        image = product(direction)
        step = _ratio(energy, (direction * image).sum(0))
        solution += step * direction
        remainder -= step * image
        iteration += 1
        residual = float((torch.linalg.vector_norm(remainder, dim=0) / scale).max())
        report(iteration, residual)
        if residual <= tolerance:
            break
        preconditioned = precondition(remainder)
        renewed = (remainder * preconditioned).sum(0)
        direction = preconditioned + _ratio(renewed, energy) * direction
        energy = renewed
    return Solved(solution, iteration, residual, residual <= tolerance)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return numerator / denominator, 0 for a column that is solved already (0 / 0)."""
    safe = torch.where(denominator > 0, denominator, torch.ones_like(denominator))
    return torch.where(denominator > 0, numerator / safe, torch.zeros_like(numerator))
