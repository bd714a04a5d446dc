"""The quadratic form q(S) = y_S^T (Theta_SS + jitter I)^-1 y_S of coalitions of contributors.

Theta is block-diagonal over a partition of the rows, or a signed sum of overlapping blocks as
the block-banded form gives (`dvaudit.linalg.banded`), and q is the (signed) sum over blocks.
Rows belong to contributors, and S keeps the rows of the contributors in it.

Each block is factored once as L L^T. With z = L^-1 y, a = L^-T z and d = diag(L^-T L^-1):
q = |z|^2, without row i q - a_i^2 / d_i, without group G q - a_G^T ((Theta^-1)_GG)^-1 a_G (the
block Schur complement), and in a block factored in another order of its rows the cumulative
sums of z^2 are q of every prefix of that order (DAVINZ paper, equation 3; the closed forms are
block Gaussian elimination). y rides as the last row of each matrix, so that its factor's last
row is z and no triangular solve is needed.

All arithmetic is float64: at the default jitter the condition number may pass 1e7, where a
float32 factorisation fails.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from dvaudit.core.errors import NumericalError, UnsuitableDataError, some
from dvaudit.linalg.threads import serial_workers

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

JITTER = 1e-4
BATCH_BYTES = 4 << 20  # blocks factored together; small enough to stay near the core
PADDING = 0.9  # a block joins a batch whose largest block it fills at least this much


@dataclass(frozen=True, eq=False)
class _Batch:
    """Blocks of almost equal size, padded with the identity to b rows, y as row b.

    Attributes:
        blocks: (B,) numbers of the blocks.
        signs: (B,) +1 or -1.
        rows: (B, b) rows of y, ordered by group; -1 where padded.
        keys: (B, b + 1) group of each row; K where padded, K + 1 for y.
        matrix: (B, b + 1, b + 1) symmetric, jitter added.
        lower: (B, b + 1, b + 1) its lower triangular factor.
    """

    blocks: NDArray[np.int64]
    signs: NDArray[np.float64]
    rows: NDArray[np.int64]
    keys: NDArray[np.int64]
    matrix: Tensor
    lower: Tensor


class BlockQuadratic:
    """q(S) for the coalitions S of K contributors; see the module.

    Holds each block and its factor, and for each core two batches of workspace. Many small
    blocks are factored side by side, one on each core; few large ones by all cores together.

    Args:
        blocks: (matrix (b, b), rows (b,)) for each block; of a matrix only the lower triangle
            is read. Without `signs` the rows are a partition of 0..m-1.
        y: (m,) residuals.
        codes: (m,) contributor of each row, 0..groups-1.
        groups: K; a contributor may own no row, and then changes no q. Default: codes.max() + 1.
        jitter: added to every diagonal, in the units of Theta: the score measures the jitter,
            not the data, where Theta is smaller.
        signs: +1 or -1 for each block, summing to 1 over the blocks that hold a row.
        device: where to factor; results return to the CPU.

    Raises:
        UnsuitableDataError: shapes, rows or codes that do not fit together.
        NumericalError: a non-finite entry, or a block that is not positive definite.
    """

    def __init__(
        self,
        blocks: Sequence[tuple[ArrayLike | Tensor, ArrayLike]],
        y: ArrayLike,
        codes: ArrayLike,
        *,
        groups: int | None = None,
        jitter: float = JITTER,
        signs: Sequence[int] | None = None,
        device: str = "cpu",
    ) -> None:
        self._y = np.asarray(y, dtype=np.float64)
        self._codes = np.asarray(codes, dtype=np.int64)
        self.groups = int(self._codes.max(initial=-1)) + 1 if groups is None else groups
        self.jitter = jitter
        self._device = torch.device(device)
        rows = [np.asarray(part[1], dtype=np.int64) for part in blocks]
        self._signed = signs is not None
        weights = np.ones(len(rows)) if signs is None else np.asarray(signs, dtype=np.float64)
        _check(rows, weights, self._y, self._codes, self.groups)
        groups_of = _similar([len(part) for part in rows])
        cores = torch.get_num_threads() if self._device.type == "cpu" else 1
        self._pool = serial_workers(cores) if 1 < 2 * cores <= len(groups_of) else None
        self._batches = self._each(
            lambda members: self._batch(
                members,
                [blocks[i][0] for i in members],
                [rows[i] for i in members],
                weights[members],
            ),
            groups_of,
        )
        largest = max((batch.matrix.numel() for batch in self._batches), default=0)
        self._spare: queue.SimpleQueue[Tensor] = queue.SimpleQueue()
        for _ in range(cores if self._pool else 1):
            self._spare.put(torch.empty((2, largest), dtype=torch.float64, device=self._device))

    def total(self) -> float:
        """Return q of all rows."""
        return float(sum(batch.signs @ _last_row(batch.lower).sum(1) for batch in self._batches))

    def of(self, mask: ArrayLike) -> float:
        """Return q of the contributors in `mask`, (K,) bool, by factoring the kept rows anew.

        The slow and obvious way: what `prefixes` and `without_each_group` must equal.
        """
        kept = np.append(np.asarray(mask, dtype=bool), [False, False])
        value = 0.0
        for batch in self._batches:
            for number, sign in enumerate(batch.signs):
                here = np.flatnonzero(kept[batch.keys[number]])
                index = torch.as_tensor(here, device=self._device)
                matrix = batch.matrix[number][index][:, index]
                rhs = self._tensor(self._y[batch.rows[number, here]])[:, None]
                whitened = torch.linalg.solve_triangular(
                    torch.linalg.cholesky(matrix), rhs, upper=False
                )
                value += float(sign * whitened.square().sum())
        return value

    def without_each_group(self) -> NDArray[np.float64]:
        """Return (K,): q of everybody but contributor g, by the block Schur complement."""

        def lost(batch: _Batch) -> NDArray[np.float64]:
            lost = np.zeros(self.groups)
            for number, sign in enumerate(batch.signs):
                inverse, solution = self._inverse(batch, number)
                keys = batch.keys[number, : len(solution)]
                starts = np.flatnonzero(np.diff(keys, prepend=-1))
                ends = np.append(starts, len(keys))[1:]
                for start, end in zip(starts, ends, strict=True):
                    own = solution[start:end]
                    held = np.linalg.solve(inverse[start:end, start:end], own)
                    lost[keys[start]] += sign * (own @ held)
            return lost

        return self._left(sum(self._each(lost, self._batches), np.zeros(self.groups)))

    def without_each_sample(self) -> NDArray[np.float64]:
        """Return (m,): q of every row but i, q - a_i^2 / d_i."""

        def lost(batch: _Batch) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
            parts = []
            for number, sign in enumerate(batch.signs):
                inverse, solution = self._inverse(batch, number)
                rows = batch.rows[number, : len(solution)]
                parts.append((rows, sign * solution**2 / inverse.diagonal()))
            return parts

        each = np.zeros(len(self._y))
        for parts in self._each(lost, self._batches):
            for rows, values in parts:
                each[rows] += values
        return self._left(each)

    def _left(self, lost: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return q less what is lost; rounding may take a sum of squares below 0."""
        left = self.total() - lost
        return left if self._signed else np.maximum(left, 0)

    def prefixes(self, order: ArrayLike) -> NDArray[np.float64]:
        """Return (K + 1,): q of the first 0, 1, ..., K contributors of `order`.

        Args:
            order: (K,) a permutation of 0..K-1.
        """
        rank = np.empty(self.groups + 2, dtype=np.int16 if self.groups < 30_000 else np.int64)
        rank[np.asarray(order, dtype=np.int64)] = np.arange(self.groups)
        rank[self.groups :] = self.groups, self.groups + 1

        def gained(batch: _Batch) -> NDArray[np.float64]:
            ranks = rank[batch.keys]
            places = np.argsort(ranks, axis=1, kind="stable")
            squares = batch.signs[:, None] * self._whitened_squares(batch, places)
            ranks = np.take_along_axis(ranks, places, 1)[:, :-1]
            sums = np.bincount(ranks.ravel(), squares.ravel(), self.groups + 2)
            return np.asarray(sums[: self.groups], dtype=np.float64)

        each = sum(self._each(gained, self._batches), np.zeros(self.groups))
        return np.concatenate([[0.0], np.cumsum(each)])

    def _each(self, work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        return list(self._pool.map(work, items) if self._pool else map(work, items))

    def _whitened_squares(self, batch: _Batch, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the squares of z, (B, b), with rows and columns in the order `places`."""
        size, width, _ = shape = batch.matrix.shape
        index = torch.as_tensor(places, device=self._device)
        firsts = torch.arange(0, size * width, width, device=self._device)
        spare = self._spare.get()
        by_rows, reordered = (part[: batch.matrix.numel()].view(shape) for part in spare)
        # Whole rows first, then columns within them: both steps read memory in order.
        torch.index_select(
            batch.matrix.view(-1, width),
            0,
            (index + firsts[:, None]).view(-1),
            out=by_rows.view(-1, width),
        )
        torch.gather(by_rows, 2, index[:, None, :].expand(shape), out=reordered)
        try:
            return _last_row(_factor_in_place(reordered, batch, self.jitter))
        finally:
            self._spare.put(spare)

    def _batch(
        self,
        members: NDArray[np.int64],
        matrices: list[ArrayLike | Tensor],
        rows: list[NDArray[np.int64]],
        signs: NDArray[np.float64],
    ) -> _Batch:
        size, width = len(members), max(len(part) for part in rows)
        joined = np.full((size, width), -1, dtype=np.int64)
        keys = np.full((size, width + 1), self.groups, dtype=np.int64)
        keys[:, width] = self.groups + 1
        matrix = torch.zeros((size, width + 1, width + 1), dtype=torch.float64, device=self._device)
        for number, (given, own) in enumerate(zip(matrices, rows, strict=True)):
            length = len(own)
            block = _finite(given, length, int(members[number])).to(self._device)
            by_group = np.argsort(self._codes[own], kind="stable")
            joined[number, :length] = own[by_group]
            keys[number, :length] = self._codes[own[by_group]]
            index = torch.as_tensor(by_group, device=self._device)
            mirrored = block.tril() + block.tril(-1).T
            matrix[number, :length, :length] = mirrored[index][:, index]
            matrix[number, :length, width] = self._tensor(self._y[own[by_group]])
            matrix[number, width, :length] = matrix[number, :length, width]
            diagonal = matrix[number].diagonal()
            diagonal[:length] += self.jitter
            diagonal[length:] = 1
        # The corner is the one entry of row y that must exceed something, q itself, for the
        # pivot to be positive; z does not depend on it. A first pass with an infinite one finds q.
        corner = matrix[:, width, width]
        corner.fill_(torch.inf)
        parts = (members, signs, joined, keys, matrix)
        lower = _factor_in_place(matrix.clone(), _Batch(*parts, matrix), self.jitter)
        corner.copy_(self._tensor(2 * _last_row(lower).sum(1) + 1))
        return _Batch(*parts, lower)

    def _inverse(
        self, batch: _Batch, number: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the inverse of one block, (b, b), and a, (b,), rows ordered by group."""
        length = int((batch.rows[number] >= 0).sum())
        lower = batch.lower[number, :length, :length]
        whitened = batch.lower[number, -1, :length, None]
        solution = torch.linalg.solve_triangular(lower.T, whitened, upper=True)[:, 0]
        return torch.cholesky_inverse(lower).cpu().numpy(), solution.cpu().numpy()

    def _tensor(self, values: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float64, device=self._device)


def _last_row(lower: Tensor) -> NDArray[np.float64]:
    """Return the squares of z, (B, b): the factor's last row without its corner."""
    return np.asarray(lower[:, -1, :-1].square().cpu().numpy())


def _factor_in_place(matrix: Tensor, batch: _Batch, jitter: float) -> Tensor:
    """Return the lower factors of symmetric (B, b, b) matrices, written over them."""
    # The transposed view is column-major, as LAPACK wants, so no copy is made.
    lower = matrix.mT
    failed_at = torch.empty(len(matrix), dtype=torch.int32, device=matrix.device)
    torch.linalg.cholesky_ex(lower, out=(lower, failed_at))
    failed = np.flatnonzero(failed_at.cpu().numpy())
    if len(failed):
        raise NumericalError(
            f"{len(failed)} of {len(matrix)} kernel blocks are not positive definite with a "
            f"jitter of {jitter:g} (block {some(batch.blocks[failed])}); set a larger jitter."
        )
    return lower


def _finite(given: ArrayLike | Tensor, length: int, number: int) -> Tensor:
    block = torch.as_tensor(given, dtype=torch.float64)
    if tuple(block.shape) != (length, length):
        raise UnsuitableDataError(
            f"Block {number} has {length:,} rows and a matrix of shape {tuple(block.shape)}."
        )
    if not bool(torch.isfinite(block.sum())):
        raise NumericalError(f"Kernel block {number} has non-finite entries; check the network.")
    return block


def _similar(sizes: list[int]) -> list[NDArray[np.int64]]:
    """Split block numbers into batches of similar size and at most BATCH_BYTES, or one block."""
    batches: list[list[int]] = []
    widest = 0
    for number in np.argsort([-size for size in sizes], kind="stable"):
        if not sizes[number]:
            continue
        fits = batches and 8 * (widest + 1) ** 2 * (len(batches[-1]) + 1) <= BATCH_BYTES
        if fits and sizes[number] >= PADDING * widest:
            batches[-1].append(int(number))
        else:
            batches.append([int(number)])
            widest = sizes[number]
    return [np.array(batch, dtype=np.int64) for batch in batches]


def _check(
    rows: list[NDArray[np.int64]],
    signs: NDArray[np.float64],
    y: NDArray[np.float64],
    codes: NDArray[np.int64],
    groups: int,
) -> None:
    if y.ndim != 1 or codes.shape != y.shape:
        raise UnsuitableDataError(
            f"y has shape {y.shape} and codes {codes.shape}; both must be (m,)."
        )
    if len(signs) != len(rows):
        raise UnsuitableDataError(f"{len(rows)} blocks came with {len(signs)} signs.")
    if not np.isfinite(y).all():
        bad = np.flatnonzero(~np.isfinite(y))
        raise NumericalError(f"{len(bad)} of {len(y)} residuals are not finite (row {some(bad)}).")
    outside = np.flatnonzero((codes < 0) | (codes >= groups))
    if len(outside):
        raise UnsuitableDataError(
            f"{len(outside)} rows belong to no contributor 0..{groups - 1} (row {some(outside)})."
        )
    covered = np.zeros(len(y))
    for number, (part, sign) in enumerate(zip(rows, signs, strict=True)):
        if part.ndim != 1 or len(np.unique(part)) != len(part):
            raise UnsuitableDataError(f"The rows of block {number} are not a list without repeats.")
        if len(part) and (part.min() < 0 or part.max() >= len(y)):
            raise UnsuitableDataError(f"Block {number} names rows outside 0..{len(y) - 1}.")
        covered[part] += sign
    wrong = np.flatnonzero(covered != 1)
    if len(wrong):
        raise UnsuitableDataError(
            f"{len(wrong)} of {len(y)} rows do not lie in the blocks exactly once, counted with "
            f"their signs (row {some(wrong)})."
        )
