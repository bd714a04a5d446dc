"""Kernel ridge after samples are removed: whole pruning curves from one factorisation.

Removing samples in an order is adding them in the reverse order: with K = L L^T over the samples
in reverse order of removal, the factor of what is kept after any removal is a leading block of L,
and z = L^-1 Y is a prefix, too. Each cut then costs one back substitution with as many columns as
there are targets. This takes n^3/3 multiply-adds for an order, where downdating K^-1 takes n^3
for the inverse and up to 2n^3/3 for the Schur complements, and no error builds up from cut to cut.

A window between the ends is no leading block; it is removed by one block Schur complement,
a - K^-1 E c with c = ((K^-1)_WW)^-1 a_W and a = K^-1 Y, from the same factor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.kernels.arccos import gram, kernel_, unit_rows
from dvaudit.linalg.cholesky import BLOCK, CholeskyFactor, factorise, forced_ridge


class PrunedKernel:
    """Kernel ridge with the arc-cosine kernel on training samples that are removed in an order.

    The targets are given as they are: no mean is taken off, and none is fitted anew after a cut.

    Args:
        vectors: (m, d) training samples.
        held_out: (t, d) samples to predict.
        targets: (m, k) of the training samples.
        ridge: added to the kernel's diagonal; samples that point the same way force a small one.
    """

    def __init__(
        self,
        vectors: NDArray[np.floating],
        held_out: NDArray[np.floating],
        targets: NDArray[np.float64],
        ridge: float,
    ) -> None:
        rows = torch.as_tensor(np.asarray(vectors)).double()
        self._gram, found = gram(rows)
        self._least = forced_ridge(rows.dtype) if found.duplicate_rows else 0.0
        others = unit_rows(torch.as_tensor(np.asarray(held_out)).double())[0]
        self._cross = kernel_(others @ unit_rows(rows)[0].T)  # (t, m)
        self._targets = torch.as_tensor(targets).double()
        self._asked = ridge
        self._kept: tuple[bytes, CholeskyFactor, Tensor] | None = None

    @property
    def ridge(self) -> float:
        """What is added to the diagonal, at least what was asked for."""
        return max(self._asked, self._least) if self._kept is None else self._kept[1].ridge

    def after(self, order: NDArray[np.int64], removed: Sequence[int]) -> NDArray[np.float64]:
        """Return predictions (cuts, t, k) after the first `removed` samples of `order` are gone.

        Args:
            order: (m,) training rows in the order of their removal.
            removed: how many are gone at each cut; with nothing left the prediction is 0.
        """
        rows = order[::-1].copy()
        factor, half = self._factor(rows)
        cross = self._cross[:, torch.as_tensor(rows)]
        out = np.zeros((len(removed), len(cross), half.shape[1]))
        for at, gone in enumerate(removed):
            left = len(rows) - gone
            if left:
                out[at] = (cross[:, :left] @ _backward(factor, half[:left])).numpy()
        return out

    def without_windows(
        self, order: NDArray[np.int64], windows: Sequence[tuple[int, int]]
    ) -> NDArray[np.float64]:
        """Return predictions (windows, t, k) without the samples at [start, end) of `order`."""
        rows = order[::-1].copy()
        factor, half = self._factor(rows)
        m = len(rows)
        cross, solution = self._cross[:, torch.as_tensor(rows)], _backward(factor, half)
        out = np.zeros((len(windows), len(cross), half.shape[1]))
        for at, (start, end) in enumerate(windows):
            if end - start == m:
                continue
            changed = solution
            if end > start:
                low, high = m - end, m - start
                columns = _inverse_columns(factor, low, high)  # L^-1 E, from row `low` on
                share = torch.linalg.solve(columns.T @ columns, solution[low:high])
                padded = torch.zeros_like(half)
                padded[low:] = columns @ share
                changed = solution - _backward(factor, padded)
                changed[low:high] = 0
            out[at] = (cross @ changed).numpy()
        return out

    def _factor(self, rows: NDArray[np.int64]) -> tuple[CholeskyFactor, Tensor]:
        """Return the factor of the kernel over `rows`, and L^-1 Y; the last one is kept."""
        key = rows.tobytes()
        if self._kept is None or self._kept[0] != key:
            self._kept = None  # two factors at once may not fit
            at = torch.as_tensor(rows)

            def build() -> tuple[Tensor, float]:
                return self._gram[at[:, None], at], self._least

            factor = factorise(build, self._asked)
            self._kept = (key, factor, _forward(factor, self._targets[at]))
        return self._kept[1], self._kept[2]


def _spans(start: int, end: int) -> list[tuple[int, int, int]]:
    """Return (block, low, high) of the factor's diagonal blocks that meet rows [start, end)."""
    blocks = range(start // BLOCK, -(-end // BLOCK))
    return [(b, max(start, b * BLOCK), min(end, (b + 1) * BLOCK)) for b in blocks]


def _forward(factor: CholeskyFactor, rhs: Tensor) -> Tensor:
    """Return L^-1 rhs for rhs (n, k)."""
    out = rhs.clone()
    for block, low, high in _spans(0, len(rhs)):
        left = out[low:high] - factor.lower[low:high, :low] @ out[:low]
        out[low:high] = factor.block_inverses[block] @ left
    return out


def _backward(factor: CholeskyFactor, rhs: Tensor) -> Tensor:
    """Return L_m^-T rhs for the leading m x m block of L, m = len(rhs)."""
    out = rhs.clone()
    m = len(rhs)
    for block, low, high in reversed(_spans(0, m)):
        # The inverse of a leading block of a triangle is the leading block of its inverse.
        inverse = factor.block_inverses[block][: high - low, : high - low]
        out[low:high] = inverse.T @ (out[low:high] - factor.lower[high:m, low:high].T @ out[high:m])
    return out


def _inverse_columns(factor: CholeskyFactor, low: int, high: int) -> Tensor:
    """Return rows `low` and later of columns [low, high) of L^-1; those above are 0."""
    n = len(factor.lower)
    out = factor.lower.new_zeros((n - low, high - low))
    for block, start, end in _spans(low, n):
        part = out[start - low : end - low]
        if start < high:
            inside = torch.arange(start, min(end, high))
            part[inside - start, inside - low] = 1
        part -= factor.lower[start:end, low:start] @ out[: start - low]
        offset = start - block * BLOCK
        inverse = factor.block_inverses[block][
            offset : offset + end - start, offset : offset + end - start
        ]
        out[start - low : end - low] = inverse @ part
    return out
