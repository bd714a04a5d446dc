"""CG': the complexity gap of H in place of H^-1, in linear memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine, size_text
from dvaudit.core.settings import setting
from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.kernel_problem import one_vs_rest
from dvaudit.valuators.registry import register

STRIP = 1024  # kernel rows held at a time
STRIP_COPIES = 3  # the cosines, their angles and a temporary


def gap_without_inverse(
    product: NDArray[np.float64], targets: NDArray[np.float64], diagonal: float = 0.5
) -> NDArray[np.float64]:
    """Return s^T H s - s_-i^T H_-i s_-i = 2 s_i (H s)_i - s_i^2 H_ii, shape (m,).

    Equation (2) of the paper with H in place of H^-1: twice the kernel mass that agrees with
    the sample's label less the mass that disagrees, and H_ii. High = agrees = regular, the
    opposite end to the CG-score, whose inverse turns the sign of the off-diagonal part.

    Args:
        product: (m,) H s.
        targets: (m,) s, +1 for the sample's own class and -1 for all others.
    """
    return np.asarray(2 * targets * product - targets**2 * diagonal)


@register
@final
class CgPrime(Valuator):
    name = "cg-prime"
    title = "CG' (no inverse)"
    summary = (
        "How much more the sample resembles its own class than all others, by the CG-score's "
        "kernel without inverting it. Any number of samples; much coarser than the CG-score."
    )
    use = (
        "Only where the data is too large for the CG-score, as a first coarse look. It is not made "
        "to find wrong labels."
    )
    reference = (
        "Nohyun, Choi, Chung: Data Valuation Without Training of a Model, ICLR 2023, equation (2) "
        "with H in place of its inverse"
    )
    tasks = frozenset({Task.CLASSIFICATION})
    detects_mislabels = False
    measures_hardness = True

    @dataclass(frozen=True)
    class Settings:
        precision: str = setting(
            "float64",
            "Arithmetic of the kernel: float64, or float32 (half the time).",
            choices=("float64", "float32"),
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        width = 8 if self.settings.precision == "float64" else 4
        operations = samples**2 * (dimensions + 4 * classes + 30)
        speed = machine.flops * (0.7 if width == 8 else 1.4)
        held = 2 * samples * dimensions + 2 * samples * classes
        needed = width * (held + STRIP_COPIES * min(STRIP, samples) * samples)
        plan = f"kernel rows in strips of {STRIP:,}, nothing inverted ({size_text(needed)})"
        return Cost(operations / speed, needed, plan)

    def _value(self, problem: Problem) -> Scores:
        codes = problem.labels.astype(np.int64)
        rows = np.arange(len(codes))
        targets = one_vs_rest(codes, len(problem.class_names))
        products = _kernel_products(problem, targets, self.settings.precision)
        score = gap_without_inverse(products[rows, codes], targets[rows, codes])
        return Scores(
            values=score,
            columns={"cg_prime": score},
            status="The gap of H itself, not of its inverse: a coarse ranking at linear memory.",
            stats={"precision": self.settings.precision},
        )


def _kernel_products(
    problem: Problem, targets: NDArray[np.float64], precision: str
) -> NDArray[np.float64]:
    import torch  # here, since listing the methods loads no torch

    from dvaudit.kernels.strips import KernelStrips

    def placed(array: NDArray[np.floating]) -> torch.Tensor:
        return torch.as_tensor(array).to(device=problem.device, dtype=getattr(torch, precision))

    product = KernelStrips(placed(problem.vectors)).product(
        placed(targets), lambda fraction: problem.progress(fraction, "kernel rows")
    )
    return np.asarray(product.cpu().double().numpy())
