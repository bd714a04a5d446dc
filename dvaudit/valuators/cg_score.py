"""CG-score: the complexity gap a sample makes, exact, one-vs-rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.settings import setting
from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.kernel_problem import (
    REGRESSION_CUTOFF,
    kernel_cost,
    kernel_targets,
    repairs,
    robust_units,
    system_stats,
)
from dvaudit.valuators.registry import register


@dataclass(frozen=True)
class GapTerms:
    """The three terms of CG(i), equation (6) of the paper, each of shape (m,)."""

    cross: NDArray[np.float64]  # (h_i . s_-i)^2 / d_i
    partial: NDArray[np.float64]  # 2 s_i (h_i . s_-i), the partial CG-score
    diagonal: NDArray[np.float64]  # s_i^2 d_i


def complexity_gap(
    solution: NDArray[np.float64], diagonal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return CG(i) = a_i^2 / d_i, shape (m,), with a = H^-1 s and d = diag H^-1."""
    return np.asarray(solution**2 / diagonal)


def gap_terms(
    solution: NDArray[np.float64], diagonal: NDArray[np.float64], targets: NDArray[np.float64]
) -> GapTerms:
    """Return the terms of CG(i), which add up to `complexity_gap`; all arguments (m,)."""
    others = solution - targets * diagonal  # h_i . s_-i
    return GapTerms(others**2 / diagonal, 2 * targets * others, targets**2 * diagonal)


@register
@final
class CgScore(Valuator):
    name = "cg-score"
    title = "CG-score"
    summary = (
        "How much harder the labels are to fit with the sample than without it. High gaps mark "
        "wrong labels and atypical samples. Needs no training and no trusted data."
    )
    reference = "Nohyun, Choi, Chung: Data Valuation Without Training of a Model, ICLR 2023"
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    detects_mislabels = True

    @dataclass(frozen=True)
    class Settings:
        ridge: float = setting(
            0.0,
            "Added to the kernel's diagonal. 0 is the paper's score; 0.1 is steadier on tables. "
            "Duplicates force a small one.",
            low=0.0,
            high=1e6,
        )
        precision: str = setting(
            "auto",
            "Arithmetic: float64, float32 (half the memory), or auto: float64 where it fits.",
            choices=("auto", "float64", "float32"),
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        return kernel_cost(samples, dimensions, machine, self.settings.precision)

    def _value(self, problem: Problem) -> Scores:
        system = problem.shared.system(problem.vectors, self.settings.precision, problem.device)
        inverse = system.inverse(self.settings.ridge, problem.progress)
        targets = kernel_targets(problem)
        solutions, diagonal = inverse.solve(targets)
        own = _own_column(problem)
        solution = np.take_along_axis(solutions, own[:, None], 1)[:, 0]
        target = np.take_along_axis(targets, own[:, None], 1)[:, 0]
        gap, terms = complexity_gap(solution, diagonal), gap_terms(solution, diagonal, target)
        if problem.task is Task.CLASSIFICATION:
            flagged = _partial_flags(problem, terms.partial, diagonal)
        else:
            flagged = robust_units(solution / np.sqrt(diagonal)) > REGRESSION_CUTOFF
        status = " ".join(
            ["Exact, as the paper defines it.", *repairs(inverse, self.settings.ridge)]
        )
        return Scores(
            values=-gap,
            flagged=flagged,
            columns={
                "cg_score": gap,
                "partial_cg": terms.partial,
                "cg_cross_term": terms.cross,
                "cg_partial_term": terms.partial,
                "cg_diagonal_term": terms.diagonal,
            },
            status=status,
            stats=system_stats(inverse, self.settings.ridge, system.precision),
        )


def _own_column(problem: Problem) -> NDArray[np.int64]:
    """Return the column of each sample's own one-vs-rest problem; regression has one column."""
    if problem.task is Task.CLASSIFICATION:
        return problem.labels.astype(np.int64)
    return np.zeros(len(problem.labels), dtype=np.int64)


def _partial_flags(
    problem: Problem, partial: NDArray[np.float64], diagonal: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return the sign test of the partial score, corrected for the class ratio.

    partial = -2 d f, with f the leave-one-out prediction of the sample's own class, so the
    paper's test (partial > 0) asks whether f < 0, that is P(class | sample) < 1/2. That is the
    even-odds point at the paper's 1:1 ratio only. With a share p of the samples in the class the
    even-odds point of f is 2 p - 1; at 1:1 the two tests are the same. Classes of more than half
    keep the paper's test, or most samples of a majority would be flagged for being unsurprising.
    """
    codes = problem.labels.astype(np.int64)
    share = np.bincount(codes, minlength=len(problem.class_names)) / len(codes)
    prediction = -partial / (2 * diagonal)
    # A lone sample of its class has nothing to be compared with, whatever the sign says.
    return np.asarray(
        (prediction < np.minimum(2 * share[codes] - 1, 0)) & (share[codes] * len(codes) > 1.5)
    )
