"""Cholesky factor of a symmetric positive definite matrix, held in place of the matrix.

The factor is computed once; solves and the diagonal of the inverse come from it without ever
forming the inverse, so the peak memory is one n x n matrix and a panel of n x BLOCK.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dvaudit.core.errors import NumericalError

BLOCK = 512
RIDGE_STEPS = 4  # the forced ridge may grow tenfold this many times before the matrix is refused


def forced_ridge(dtype: torch.dtype) -> float:
    """Return the smallest ridge used where rounding or duplicates make a matrix singular.

    The square root of the unit roundoff, rounded up to a power of ten: what is below it is
    noise in a kernel computed through arccos, which loses half of the digits.
    """
    return 1e-7 if dtype == torch.float64 else 1e-3


@dataclass(frozen=True, eq=False)
class CholeskyFactor:
    """L of K + ridge I = L L^T, with the inverses of its diagonal blocks.

    Attributes:
        lower: (n, n) lower triangular tensor.
        block_inverses: one (b, b) inverse for each diagonal block of `lower`.
        ridge: what was added to the diagonal.
        forced: whether a larger ridge than asked for was needed.
    """

    lower: Tensor
    block_inverses: tuple[Tensor, ...]
    ridge: float
    forced: bool

    def solve(self, rhs: Tensor) -> Tensor:
        """Return (K + ridge I)^-1 rhs for rhs of shape (n, k)."""
        out = rhs.clone()
        spans = _spans(len(out))
        for (start, end), inverse in zip(spans, self.block_inverses, strict=True):
            out[start:end] = inverse @ (
                out[start:end] - self.lower[start:end, :start] @ out[:start]
            )
        for (start, end), inverse in reversed(list(zip(spans, self.block_inverses, strict=True))):
            out[start:end] = inverse.T @ (
                out[start:end] - self.lower[end:, start:end].T @ out[end:]
            )
        return out

    def inverse_diagonal(self, report: Callable[[float], None] = lambda _: None) -> Tensor:
        """Return the (n,) diagonal of (K + ridge I)^-1.

        Entry j is the squared norm of column j of L^-1, so each panel of columns is found by
        blocked forward substitution and dropped: n^3/3 multiply-adds x 2, half of what the
        inverse takes, all in matrix products.
        """
        n = len(self.lower)
        diagonal = self.lower.new_empty(n)
        spans = _spans(n)
        panel = self.lower.new_empty((n, min(n, BLOCK)))
        for j, (start, end) in enumerate(spans):
            columns = panel[:, : end - start]
            columns[start:end] = self.block_inverses[j]
            for (low, high), inverse in zip(
                spans[j + 1 :], self.block_inverses[j + 1 :], strict=True
            ):
                product = self.lower[low:high, start:low] @ columns[start:low]
                columns[low:high] = inverse @ product.neg_()
            diagonal[start:end] = columns[start:].square().sum(0)
            report(1 - ((n - end) / n) ** 3)
        return diagonal


def factorise(build: Callable[[], tuple[Tensor, float]], ridge: float) -> CholeskyFactor:
    """Factor K + ridge I in place of the matrix K that `build` returns.

    The one place where a singular matrix is repaired: where the factorisation fails, the ridge
    grows from `forced_ridge` tenfold at a time, at most RIDGE_STEPS times, and the result says
    so. `build` is called again for each attempt, since a failed one destroys the matrix.

    Args:
        build: returns a fresh contiguous (n, n) symmetric matrix, and the least ridge it is
            known to need, for example because of duplicates.
        ridge: the model's own ridge.

    Raises:
        NumericalError: a non-finite entry, or a matrix that the largest ridge does not mend.
    """
    used = ridge
    for _ in range(RIDGE_STEPS + 1):
        matrix, least = build()
        used = max(used, least)
        if not bool(torch.isfinite(matrix.sum())):
            raise NumericalError("The kernel matrix has non-finite entries; check the features.")
        smallest = forced_ridge(matrix.dtype)
        matrix.diagonal().add_(used)
        # The transposed view is column-major, as LAPACK wants, so the factor replaces the matrix.
        lower = matrix.T
        failed_at = torch.empty((), dtype=torch.int32, device=matrix.device)
        torch.linalg.cholesky_ex(lower, out=(lower, failed_at))
        if int(failed_at) == 0:
            return CholeskyFactor(lower, _invert_blocks(lower), used, used > ridge)
        size = len(matrix)
        del matrix, lower  # before the next build, or two matrices are held at once
        used = max(10 * used, smallest)
    raise NumericalError(
        f"The {size:,} x {size:,} kernel matrix is not positive definite even with a ridge of "
        f"{used / 10:g}; remove duplicates or set a larger ridge."
    )


def _spans(n: int) -> list[tuple[int, int]]:
    return [(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]


def _invert_blocks(lower: Tensor) -> tuple[Tensor, ...]:
    blocks = []
    for start, end in _spans(len(lower)):
        identity = torch.eye(end - start, dtype=lower.dtype, device=lower.device)
        block = lower[start:end, start:end]
        blocks.append(torch.linalg.solve_triangular(block, identity, upper=False))
    return tuple(blocks)
