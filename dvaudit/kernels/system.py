"""The kernel system of one audit: one Gram matrix, one factor per ridge, shared by its methods."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.core.errors import ResourceError
from dvaudit.core.machine import GIB, available_memory
from dvaudit.core.progress import Progress, part, silent
from dvaudit.kernels.arccos import GramReport, gram
from dvaudit.kernels.sizes import system_bytes
from dvaudit.linalg.cholesky import CholeskyFactor, factorise, forced_ridge
from dvaudit.linalg.ridge import choose_ridge

PRECISIONS = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True, eq=False)
class Inverse:
    """What methods need of K^-1, K = H + ridge I: products with it, and its diagonal (n,)."""

    factor: CholeskyFactor
    diagonal: Tensor
    gram: GramReport
    seconds: dict[str, float]
    stats: dict[str, Any] = field(default_factory=dict)

    @property
    def ridge(self) -> float:
        """What was added to the diagonal."""
        return self.factor.ridge

    @property
    def forced(self) -> bool:
        """Whether more was added than asked for."""
        return self.factor.forced

    def solve(
        self, targets: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return A = K^-1 targets, shape (n, k), and d = diag K^-1, shape (n,), in float64."""
        rhs = torch.as_tensor(targets).to(self.diagonal)
        solution = self.factor.solve(rhs)
        return solution.cpu().double().numpy(), self.diagonal.cpu().double().numpy()


class KernelSystem:
    """Factors H + ridge I for one set of vectors; keeps the last factor for whoever asks next.

    Args:
        vectors: (n, d).
        precision: "float64", "float32", or "auto": float64 where it fits in memory.
        device: where the matrices live.

    Raises:
        ResourceError: the matrix does not fit in memory.
    """

    def __init__(self, vectors: NDArray[np.floating], precision: str, device: str) -> None:
        self.precision = plan_precision(len(vectors), precision, _free_memory(device))
        dtype = PRECISIONS[self.precision]
        self.vectors = torch.as_tensor(np.asarray(vectors)).to(device=device, dtype=dtype)
        self._kept: tuple[float, Inverse] | None = None

    def inverse(self, ridge: float, progress: Progress = silent) -> Inverse:
        """Return K^-1 for K = H + ridge I; duplicates force a ridge where it is smaller."""
        if self._kept is None or self._kept[0] != ridge:
            self._kept = None  # two factors at once may not fit
            self._kept = (ridge, self._invert(ridge, progress))
        return self._kept[1]

    def choose_ridge(self, targets: NDArray[np.float64]) -> float:
        """Return the ridge of least squared leave-one-out error (float64, on the CPU)."""
        matrix, _ = gram(self.vectors.cpu().double())
        return choose_ridge(matrix, torch.as_tensor(targets).double())

    def _invert(self, ridge: float, progress: Progress) -> Inverse:
        seconds = {"gram": 0.0}
        found: list[GramReport] = []

        def build() -> tuple[Tensor, float]:
            start = time.perf_counter()
            matrix, report = gram(self.vectors, _reporter(part(progress, 0, 0.3), "kernel matrix"))
            found.append(report)
            seconds["gram"] += time.perf_counter() - start
            return matrix, forced_ridge(matrix.dtype) if report.duplicate_rows else 0.0

        start = time.perf_counter()
        progress(0.3, "factorisation")
        factor = factorise(build, ridge)
        seconds["factor"] = time.perf_counter() - start - seconds["gram"]
        start = time.perf_counter()
        diagonal = factor.inverse_diagonal(_reporter(part(progress, 0.6, 1), "leave-one-out"))
        seconds["inverse_diagonal"] = time.perf_counter() - start
        return Inverse(factor, diagonal, found[-1], seconds)


def plan_precision(n: int, precision: str, free: int) -> str:
    """Return the precision an n x n system is solved in.

    Raises:
        ResourceError: no precision allowed fits in `free` bytes.
    """
    wanted = ("float64", "float32") if precision == "auto" else (precision,)
    for name in wanted:
        if system_bytes(n, name) <= free:
            return name
    raise ResourceError(
        f"{n:,} samples need {system_bytes(n, wanted[-1]) / GIB:.1f} GiB for an exact "
        f"{wanted[-1]} kernel matrix and {free / GIB:.1f} GiB are free; audit fewer samples, "
        "or use a machine with more memory."
    )


def _free_memory(device: str) -> int:
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory()


def _reporter(progress: Progress, stage: str) -> Callable[[float], None]:
    return lambda fraction: progress(fraction, stage)
