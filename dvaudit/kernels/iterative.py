"""The kernel system beyond memory: conjugate gradients on a matrix that is never held.

A = K^-1 Y comes from conjugate gradients, exact to a tolerance. They are preconditioned by a
Nyström approximation on random landmarks plus the exact remainder within blocks of near samples
(Quiñonero-Candela and Rasmussen 2005, section 6: the partially independent conditional). The
diagonal of K^-1 is that of the preconditioner, scaled by one factor that makes its trace right,
estimated from random signs z by E z'K^-1 z = trace K^-1 (Hutchinson 1990).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.core.progress import Progress, part, silent
from dvaudit.kernels.arccos import GramReport
from dvaudit.kernels.sizes import landmarks
from dvaudit.kernels.strips import KernelStrips, bisect
from dvaudit.kernels.system import PRECISIONS
from dvaudit.linalg.cholesky import forced_ridge
from dvaudit.linalg.conjugate_gradients import Solved, conjugate_gradients
from dvaudit.linalg.woodbury import LowRankPlusBlocks

TOLERANCE = 3e-3  # of the relative residual; ranks no longer move below about 1e-2
MAX_ITERATIONS = 100
PROBES = 16


@dataclass(eq=False)
class IterativeInverse:
    """K^-1, K = H + ridge I, by products only; the counterpart of `system.Inverse`."""

    strips: KernelStrips
    preconditioner: LowRankPlusBlocks
    ridge: float
    forced: bool
    gram: GramReport
    progress: Progress
    seconds: dict[str, float]
    stats: dict[str, Any] = field(default_factory=dict)

    def solve(
        self, targets: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return A = K^-1 targets, shape (n, k), and d, about diag K^-1, shape (n,)."""
        start = time.perf_counter()
        wanted = torch.as_tensor(targets).to(self.strips.units)
        probes = _signs(len(wanted), PROBES).to(wanted)
        solved = self._solve(torch.cat([wanted, probes], dim=1))
        solution = solved.solution[:, : wanted.shape[1]]
        images = solved.solution[:, wanted.shape[1] :]
        approximate = self.preconditioner.inverse_diagonal()
        traces = (probes * images).sum(0)
        against = (probes * self.preconditioner.solve(probes)).sum(0)
        scale = float(traces.sum() / against.sum())
        # K_ii (K^-1)_ii >= 1 for any positive definite matrix.
        diagonal = (scale * approximate).clamp_min(1 / (0.5 + self.ridge))
        self.seconds["iterations"] = time.perf_counter() - start
        self.stats |= {
            "iterations": solved.iterations,
            "residual": solved.residual,
            "converged": solved.converged,
            "diagonal_scale": scale,
        }
        return solution.cpu().double().numpy(), diagonal.cpu().double().numpy()

    def _solve(self, rhs: Tensor) -> Solved:
        worst: list[float] = []

        def product(right: Tensor) -> Tensor:
            return self.strips.product(right).add_(right, alpha=self.ridge)

        def report(iteration: int, residual: float) -> None:
            # The residual falls by about the same factor each time: progress on a log scale.
            worst.append(max(residual, TOLERANCE))
            steps = np.log(worst[0] / worst[-1]) / max(np.log(worst[0] / TOLERANCE), 1e-9)
            self.progress(float(steps), f"iteration {iteration}, residual {residual:.1e}")

        return conjugate_gradients(
            product,
            self.preconditioner.solve,
            rhs,
            tolerance=TOLERANCE,
            max_iterations=MAX_ITERATIONS,
            report=report,
        )


class IterativeSystem:
    """Solves with H + ridge I in memory that grows linearly with n; see `KernelSystem`.

    Args:
        vectors: (n, d).
        precision: "float64" or "float32".
        device: where the strips are computed.
        size: landmarks, and samples in a block; None chooses by n.
    """

    def __init__(
        self,
        vectors: NDArray[np.floating],
        precision: str,
        device: str,
        size: int | None = None,
    ) -> None:
        self.precision = precision
        rows = torch.as_tensor(np.asarray(vectors))
        self.strips = KernelStrips(rows.to(device=device, dtype=PRECISIONS[precision]))
        self.size = min(size or landmarks(len(vectors)), len(vectors))

    def inverse(self, ridge: float, progress: Progress = silent) -> IterativeInverse:
        """Return K^-1 for K = H + ridge I; duplicates force a ridge where it is smaller."""
        start = time.perf_counter()
        found = self.strips.inspect()
        least = forced_ridge(self.strips.units.dtype) if found.duplicate_rows else 0.0
        used = max(ridge, least)
        preconditioner = self._precondition(used, part(progress, 0, 0.2))
        return IterativeInverse(
            self.strips,
            preconditioner,
            used,
            used > ridge,
            found,
            part(progress, 0.2, 1),
            {"preconditioner": time.perf_counter() - start},
            {"landmarks": self.size, "block": self.size},
        )

    def _precondition(self, ridge: float, progress: Progress) -> LowRankPlusBlocks:
        units, n = self.strips.units, len(self.strips)
        generator = torch.Generator().manual_seed(0)
        chosen = torch.randperm(n, generator=generator)[: self.size].to(units.device)
        core = self.strips.block(chosen, chosen)
        # Landmarks may repeat each other; this is a preconditioner, and needs no exact core.
        core.diagonal().add_(10 * forced_ridge(units.dtype))
        lower = torch.linalg.cholesky(core)

        def build(rows: Tensor) -> tuple[Tensor, Tensor]:
            cross = self.strips.block(chosen, rows)
            low = torch.linalg.solve_triangular(lower, cross, upper=False).T
            return self.strips.block(rows, rows) - low @ low.T, low

        return LowRankPlusBlocks(
            bisect(units, self.size),
            build,
            ridge,
            lambda fraction: progress(fraction, "preconditioner"),
        )


def _signs(n: int, count: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return 2.0 * torch.randint(0, 2, (n, count), generator=generator) - 1
