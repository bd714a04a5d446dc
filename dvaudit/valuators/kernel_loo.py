"""Kernel leave-one-out margin: what the model trained on everyone else says of a sample."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.progress import part
from dvaudit.core.sampling import stratified_rows
from dvaudit.core.settings import setting
from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.kernel_problem import (
    REGRESSION_CUTOFF,
    kernel_cost,
    kernel_targets,
    repairs,
    robust_units,
    standardised,
    system_stats,
)
from dvaudit.valuators.registry import register

RIDGE_ROWS = 2000


def leave_one_out(
    targets: NDArray[np.float64], solution: NDArray[np.float64], diagonal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the leave-one-out predictions F = Y - A / d, shape (m, k)."""
    return np.asarray(targets - solution / diagonal[:, None])


@register
@final
class KernelLoo(Valuator):
    name = "kernel-loo"
    title = "Kernel leave-one-out"
    summary = (
        "Predicts each label from all other samples at once, in closed form, and flags where the "
        "prediction is another class. The best first method for wrong labels; it also suggests "
        "the right one."
    )
    reference = "Rasmussen, Williams: Gaussian Processes for Machine Learning, 2006, section 5.4.2"
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    detects_mislabels = True

    @dataclass(frozen=True)
    class Settings:
        ridge: float | None = setting(
            None,
            "Added to the kernel's diagonal: how much noise the labels may hold. Empty: chosen "
            "by squared leave-one-out error on at most 2,000 samples.",
            low=0.0,
            high=1e6,
        )
        precision: str = setting(
            "auto",
            "Arithmetic: float64, float32 (half the memory), or auto: float64 where it fits.",
            choices=("auto", "float64", "float32"),
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        cost = kernel_cost(samples, dimensions, machine, self.settings.precision)
        if self.settings.ridge is not None:
            return cost
        eigen = 12 * min(samples, RIDGE_ROWS) ** 3 / machine.flops
        return Cost(cost.seconds + eigen, cost.bytes, cost.plan)

    def _value(self, problem: Problem) -> Scores:
        system = problem.shared.system(problem.vectors, self.settings.precision, problem.device)
        targets = kernel_targets(problem)
        start = time.perf_counter()
        ridge = self.settings.ridge
        if ridge is None:
            problem.progress(0.0, "choosing the ridge")
            ridge = system.choose_ridge(targets, _ridge_rows(problem))
        ridge_seconds = time.perf_counter() - start
        inverse = system.inverse(ridge, part(problem.progress, 0.1, 1.0))
        solution, diagonal = inverse.solve(targets)
        stats = system_stats(inverse, ridge, system.precision)
        stats["ridge_chosen"] = self.settings.ridge is None
        stats["seconds"]["ridge"] = round(ridge_seconds, 3)
        said = [f"Ridge {inverse.factor.ridge:.3g}.", *repairs(inverse, ridge)]
        predictions = leave_one_out(targets, solution, diagonal)
        if problem.task is Task.REGRESSION:
            standard = solution[:, 0] / np.sqrt(diagonal)
            return _regression_scores(problem, predictions[:, 0], standard, said, stats)
        return _class_scores(problem, predictions, said, stats)


def _ridge_rows(problem: Problem) -> NDArray[np.int64]:
    codes = problem.labels.astype(np.int64)
    if problem.task is Task.REGRESSION:
        codes = np.zeros(len(problem.labels), dtype=np.int64)
    return stratified_rows(codes, RIDGE_ROWS, problem.seed)


def _class_scores(
    problem: Problem, predictions: NDArray[np.float64], said: list[str], stats: dict[str, object]
) -> Scores:
    codes = problem.labels.astype(np.int64)
    rows = np.arange(len(codes))
    given = predictions[rows, codes]
    if len(problem.class_names) == 1:
        said.append("Only one class occurs, so no other label can be suggested.")
        return Scores(
            values=given,
            flagged=np.zeros(len(codes), dtype=bool),
            suggested=np.full(len(codes), -1),
            margins=-given,
            class_scores=predictions,
            columns={"loo_given": given},
            status=" ".join(said),
            stats=stats,
        )
    others = predictions.copy()
    others[rows, codes] = -np.inf
    best = others.argmax(1)
    margin = others[rows, best] - given
    alone = np.bincount(codes)[codes] == 1
    if alone.any():
        said.append(
            f"{int(alone.sum()):,} classes have a single sample, which nothing can confirm or "
            "refute; they are ranked and not flagged."
        )
    flagged = (margin > 0) & ~alone
    return Scores(
        values=-margin,
        flagged=flagged,
        suggested=np.where(flagged, best, -1),
        margins=margin,
        class_scores=predictions,
        columns={"loo_given": given, "loo_best_other": others[rows, best]},
        status=" ".join(said),
        stats=stats,
    )


def _regression_scores(
    problem: Problem,
    predictions: NDArray[np.float64],
    standard: NDArray[np.float64],
    said: list[str],
    stats: dict[str, object],
) -> Scores:
    _, mean, scale = standardised(problem.labels.astype(np.float64))
    units = robust_units(standard)
    flagged = units > REGRESSION_CUTOFF
    predicted = mean + scale * predictions
    return Scores(
        values=-units,
        flagged=flagged,
        suggested=np.where(flagged, predicted, np.nan),
        margins=units - REGRESSION_CUTOFF,
        columns={"loo_prediction": predicted, "loo_residual_units": units},
        status=" ".join(said),
        stats=stats,
    )
