"""The infinite-width two-layer ReLU kernel of the complexity gap.

H_ij = c (pi - arccos c) / (2 pi) with c the cosine between x_i and x_j, so that H_ii = 1/2
(CG-score paper, section 3; Arora et al. 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

ROWS = 1024


@dataclass(frozen=True)
class GramReport:
    """What was found in the vectors while their Gram matrix was built.

    Attributes:
        zero_rows: rows without direction; they are orthogonal to every other row.
        duplicate_rows: rows that point the same way as an earlier one, within rounding.
        clamped: cosines above 1 or below -1 by rounding, off the diagonal.
    """

    zero_rows: int
    duplicate_rows: int
    clamped: int


def same_direction(dtype: torch.dtype) -> float:
    """Return the cosine above which two directions cannot be told apart.

    arccos loses half of the digits, so angles below about 1e-6 (float64) or 1e-3 (float32) are
    rounding noise.
    """
    return 1 - 1e-12 if dtype == torch.float64 else 1 - 1e-6


def unit_rows(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows scaled to unit 2-norm, and the (n,) mask of zero rows, which stay zero.

    Each row is divided by its largest entry first: the square of an entry may overflow.
    """
    scale = torch.linalg.vector_norm(vectors, ord=torch.inf, dim=1, keepdim=True)
    zero = scale[:, 0] == 0
    scaled = vectors / torch.where(scale > 0, scale, torch.ones_like(scale))
    norms = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    return scaled.div_(torch.where(norms > 0, norms, torch.ones_like(norms))), zero


def gram(
    vectors: Tensor, report: Callable[[float], None] = lambda _: None
) -> tuple[Tensor, GramReport]:
    """Return the (n, n) kernel matrix of the rows of `vectors`, shape (n, d), and what was found.

    Built in strips of ROWS rows over the lower triangle and mirrored, so that nothing beside
    the result and one strip is held.
    """
    units, zero = unit_rows(vectors)
    n, limit = len(units), same_direction(units.dtype)
    out = units.new_empty((n, n))
    duplicates = clamped = 0
    for start in range(0, n, ROWS):
        end = min(start + ROWS, n)
        strip = units[start:end] @ units[:end].T
        strip[:, start:].tril_(-1)  # only pairs with an earlier row count below
        duplicates += int((strip > limit).any(1).sum())
        clamped += int((strip.abs() > 1).sum())
        kernel = kernel_(strip)
        out[start:end, :end] = kernel
        out[start:end, start:end] += kernel[:, start:].tril(-1).T
        out[:start, start:end] = kernel[:, :start].T
        report((end / n) ** 2)
    out.fill_diagonal_(0.5)
    return out, GramReport(int(zero.sum()), duplicates, clamped)


def kernel_(cosines: Tensor) -> Tensor:
    """Turn cosines into kernel values in place; 0 stays 0."""
    cosines.clamp_(-1, 1)
    angles = torch.acos(cosines)
    return cosines.mul_(angles.neg_().add_(math.pi)).div_(2 * math.pi)
