"""The inverse of a block-diagonal matrix plus one of low rank.

With B = blockdiag(B_1, ...) = C C^T and U of shape (n, r), K = B + U U^T has
K^-1 = B^-1 - B^-1 U (I + U^T B^-1 U)^-1 U^T B^-1 (Woodbury). All that is kept is C, of the size
of the blocks, and W = C^-1 U: memory and time grow linearly with n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dvaudit.linalg.cholesky import factorise


@dataclass(frozen=True, eq=False)
class _Block:
    rows: Tensor
    lower: Tensor  # C_b, (b, b)
    whitened: Tensor  # W_b = C_b^-1 U_b, (b, r)


class LowRankPlusBlocks:
    """K^-1 for K = blockdiag(B) + U U^T.

    Args:
        blocks: row numbers of each block; together a partition of 0..n-1.
        build: returns (B_b, U_b), shapes (b, b) and (b, r), of the block with these rows; B_b
            may be written to. Where B_b is not positive definite by rounding, its diagonal is
            raised as `factorise` does.
        ridge: added to the diagonal of every B_b.
    """

    def __init__(
        self,
        blocks: Sequence[Tensor],
        build: Callable[[Tensor], tuple[Tensor, Tensor]],
        ridge: float,
        report: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._blocks: list[_Block] = []
        capacitance: Tensor | None = None  # I + W^T W
        for number, rows in enumerate(blocks):
            made = _factored(rows, build, ridge)
            self._blocks.append(made)
            if capacitance is None:
                rank = made.whitened.shape[1]
                capacitance = torch.eye(rank, dtype=made.lower.dtype, device=made.lower.device)
            capacitance.addmm_(made.whitened.T, made.whitened)
            report((number + 1) / len(blocks))
        if capacitance is None:
            raise ValueError("there is no block")
        self._core = torch.linalg.cholesky(capacitance)

    def solve(self, rhs: Tensor) -> Tensor:
        """Return K^-1 rhs for rhs of shape (n, k)."""
        whitened = [_forward(block.lower, rhs[block.rows]) for block in self._blocks]
        projected = rhs.new_zeros(len(self._core), rhs.shape[1])
        for block, part in zip(self._blocks, whitened, strict=True):
            projected.addmm_(block.whitened.T, part)
        projected = torch.cholesky_solve(projected, self._core)
        out: Tensor = torch.empty_like(rhs)
        for block, part in zip(self._blocks, whitened, strict=True):
            remainder = part - block.whitened @ projected
            out[block.rows] = torch.linalg.solve_triangular(block.lower.T, remainder, upper=True)
        return out

    def inverse_diagonal(self) -> Tensor:
        """Return the (n,) diagonal of K^-1."""
        out: Tensor = self._core.new_empty(sum(len(block.rows) for block in self._blocks))
        for block in self._blocks:
            identity = torch.eye(len(block.lower), dtype=out.dtype, device=out.device)
            inverse = _forward(block.lower, identity)  # C_b^-1
            correction = _forward(self._core, block.whitened.T @ inverse)
            out[block.rows] = inverse.square().sum(0) - correction.square().sum(0)
        return out


def _factored(
    rows: Tensor, build: Callable[[Tensor], tuple[Tensor, Tensor]], ridge: float
) -> _Block:
    low: list[Tensor] = []

    def matrix() -> tuple[Tensor, float]:
        block, factor = build(rows)
        low[:] = [factor]
        return block.contiguous(), 0.0

    lower: Tensor = factorise(matrix, ridge).lower.tril()
    return _Block(rows, lower, _forward(lower, low[0]))


def _forward(lower: Tensor, rhs: Tensor) -> Tensor:
    solved: Tensor = torch.linalg.solve_triangular(lower, rhs, upper=False)
    return solved
