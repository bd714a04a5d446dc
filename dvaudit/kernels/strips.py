"""The arc-cosine kernel without its matrix: blocks of it, products with it, duplicates in it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from dvaudit.kernels.arccos import GramReport, kernel_, same_direction, unit_rows
from dvaudit.kernels.sizes import STRIP_ROWS

GATHERED = 4096  # rows copied at a time
LOOK_AHEAD = 8  # neighbours along the projection that a row is compared with


class KernelStrips:
    """H of the rows of `vectors`, shape (n, d), computed in strips and never held."""

    def __init__(self, vectors: Tensor) -> None:
        self.units, self.zero = unit_rows(vectors)

    def __len__(self) -> int:
        return len(self.units)

    def block(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Return H[rows][:, columns]."""
        values = kernel_(self.units[rows] @ self.units[columns].T)
        values[rows[:, None] == columns[None, :]] = 0.5
        return values

    def product(self, right: Tensor, report: Callable[[float], None] = lambda _: None) -> Tensor:
        """Return H times `right`, shape (n, k). Each pair of rows is computed once."""
        out, n = torch.zeros_like(right), len(self)
        for start in range(0, n, STRIP_ROWS):
            end = min(start + STRIP_ROWS, n)
            strip = kernel_(self.units[start:end] @ self.units[:end].T)
            strip[:, start:].fill_diagonal_(0.5)
            out[start:end].addmm_(strip, right[:end])
            out[:start].addmm_(strip[:, :start].T, right[start:end])
            report((end / n) ** 2)
        return out

    def inspect(self) -> GramReport:
        """Count zero rows, and rows that point the same way as an earlier one, in O(n d).

        Rows that point the same way lie side by side on any line they are projected to. Each is
        compared with the next LOOK_AHEAD rows along one random line, which may miss a pair of
        merely close directions where many others fall between, and never a lone exact pair.
        """
        line = torch.randn(self.units.shape[1], generator=torch.Generator().manual_seed(0))
        place = self.units @ line.to(self.units)
        order = place.argsort(stable=True)
        repeated = 0
        limit = same_direction(self.units.dtype)
        for start in range(0, len(self), GATHERED):
            # Each part begins with the rows that the ones before it are compared with.
            first = max(0, start - LOOK_AHEAD)
            ahead = self.units[order[first : start + GATHERED]]
            same = torch.zeros(len(ahead), dtype=torch.bool, device=ahead.device)
            for step in range(1, min(LOOK_AHEAD + 1, len(ahead))):
                same[step:] |= (ahead[step:] * ahead[:-step]).sum(1) > limit
            repeated += int(same[start - first :].sum())
        return GramReport(int(self.zero.sum()), repeated, 0)


def bisect(points: Tensor, size: int) -> list[Tensor]:
    """Return blocks of at most `size` row numbers, near points together.

    Halves along the direction of largest variance until the parts are small enough, so that
    blocks are of nearly equal size. Deterministic.

    Args:
        points: (n, d).
    """
    blocks, open_parts = [], [torch.arange(len(points), device=points.device)]
    while open_parts:
        rows = open_parts.pop()
        if len(rows) <= size:
            blocks.append(rows)
            continue
        order = _principal(points, rows).argsort(stable=True)
        half = len(rows) // 2
        open_parts += [rows[order[:half]], rows[order[half:]]]
    return blocks


def _principal(points: Tensor, rows: Tensor) -> Tensor:
    """Return the (m,) coordinate of `rows` along about their direction of largest variance.

    Rows are gathered a few at a time: a copy of all of them may not fit.
    """
    parts = torch.split(rows, GATHERED)
    mean = torch.stack([points[part].sum(0) for part in parts]).sum(0) / len(rows)
    start = torch.randn(points.shape[1], generator=torch.Generator().manual_seed(0))
    direction = start.to(points)
    for _ in range(6):  # power iteration; a rough direction splits as well as the exact one
        turned = torch.zeros_like(direction)
        for part in parts:
            centred = points[part] - mean
            turned += centred.T @ (centred @ direction)
        norm = torch.linalg.vector_norm(turned)
        if not norm > 0:  # all points are the same: any order will do
            break
        direction = turned / norm
    return torch.cat([points[part] @ direction for part in parts])
