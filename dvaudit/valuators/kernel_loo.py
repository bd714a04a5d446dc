"""Kernel leave-one-out margin: what the model trained on everyone else says of a sample."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dvaudit import kernels
from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.progress import part
from dvaudit.core.sampling import stratified_rows
from dvaudit.core.settings import setting
from dvaudit.core.words import count
from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.kernel_plan import KernelSettings, choose_plan
from dvaudit.valuators.kernel_problem import (
    REGRESSION_CUTOFF,
    kernel_targets,
    robust_spread,
    standardised,
)
from dvaudit.valuators.kernel_quantities import Evaluation, Measure, Quantities, Solution
from dvaudit.valuators.kernel_solving import evaluate, plan_of
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
    use = (
        "First, on any labelled data: quick, exact, no trusted set, and it suggests the right "
        "label. Weak only where the features say little about the classes."
    )
    draws = "On large data only: the samples that the ridge is chosen on, and the blocks."
    reference = "Rasmussen, Williams: Gaussian Processes for Machine Learning, 2006, section 5.4.2"
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    detects_mislabels = True

    @dataclass(frozen=True)
    class Settings(KernelSettings):
        ridge: float | None = setting(
            None,
            "Added to the kernel's diagonal: how much noise the labels may hold. Empty: chosen "
            "by squared leave-one-out error on at most 2,000 samples.",
            low=0.0,
            high=1e6,
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        cost = choose_plan(samples, dimensions, classes, machine, self.settings).cost(machine)
        if self.settings.ridge is not None:
            return cost
        eigen = 12 * min(samples, RIDGE_ROWS) ** 3 / machine.flops
        return Cost(cost.seconds + eigen, cost.bytes, cost.plan)

    def _value(self, problem: Problem) -> Scores:
        plan = plan_of(problem, self.settings)
        start = time.perf_counter()
        ridge = self.settings.ridge
        if ridge is None:
            problem.progress(0.0, "choosing the ridge")
            ridge = _chosen_ridge(problem)
        ridge_seconds = time.perf_counter() - start
        problem = replace(problem, progress=part(problem.progress, 0.1, 1.0))
        if problem.task is Task.REGRESSION:
            measured = evaluate(problem, plan, ridge, _regression_quantities)
        else:
            measured = evaluate(problem, plan, ridge, _class_quantities(problem.labels))
        measured.stats["ridge_chosen"] = self.settings.ridge is None
        measured.stats["seconds"]["ridge"] = round(ridge_seconds, 3)
        measured.said.insert(0, f"Ridge {measured.stats['ridge']:.3g}.")
        if problem.task is Task.REGRESSION:
            return _regression_scores(problem, measured)
        return _class_scores(problem, measured)


def _chosen_ridge(problem: Problem) -> float:
    rows = _ridge_rows(problem)
    system = kernels.KernelSystem(problem.vectors[rows], "float64", "cpu")
    return system.choose_ridge(kernel_targets(problem)[rows])


def _ridge_rows(problem: Problem) -> NDArray[np.int64]:
    codes = problem.labels.astype(np.int64)
    if problem.task is Task.REGRESSION:
        codes = np.zeros(len(problem.labels), dtype=np.int64)
    return stratified_rows(codes, RIDGE_ROWS, problem.seed)


def _class_quantities(labels: NDArray[Any]) -> Measure:
    codes = labels.astype(np.int64)

    def measure(solved: Solution) -> Quantities:
        predictions = leave_one_out(solved.targets, solved.solution, solved.diagonal)
        at, own = np.arange(len(solved.rows)), codes[solved.rows]
        given = predictions[at, own]
        if predictions.shape[1] == 1:
            return {"value": given, "predictions": predictions}
        others = predictions.copy()
        others[at, own] = -np.inf
        return {"value": given - others.max(1), "predictions": predictions}

    return measure


def _regression_quantities(solved: Solution) -> Quantities:
    predictions = leave_one_out(solved.targets, solved.solution, solved.diagonal)[:, 0]
    standard = solved.solution[:, 0] / np.sqrt(solved.diagonal)
    return {"value": -np.abs(standard), "residuals": standard, "predictions": predictions}


def _class_scores(problem: Problem, measured: Evaluation) -> Scores:
    codes = problem.labels.astype(np.int64)
    rows = np.arange(len(codes))
    value, predictions = measured.quantities["value"], measured.quantities["predictions"]
    given = predictions[rows, codes]
    columns = {"loo_given": given}
    if len(problem.class_names) == 1:
        best, flagged = np.zeros_like(codes), np.zeros(len(codes), dtype=bool)
    else:
        others = predictions.copy()
        others[rows, codes] = -np.inf
        best = others.argmax(1)
        columns["loo_best_other"] = others[rows, best]
        alone = np.bincount(codes)[codes] == 1
        flagged = (value < 0) & ~alone
        if alone.any():
            measured.warned.append(
                f"{count(int(alone.sum()), 'class has', 'classes have')} a single sample, which "
                "nothing can confirm or refute; such samples are ranked and not flagged."
            )
    return Scores(
        values=value,
        flagged=flagged,
        suggested=np.where(flagged, best, -1),
        margins=-value,
        std_errors=measured.std_errors,
        class_scores=predictions,
        columns={**columns, **measured.interval_columns(one_signed=False)},
        status=" ".join(measured.said),
        warnings=tuple(measured.warned),
        stats=measured.stats,
    )


def _regression_scores(problem: Problem, measured: Evaluation) -> Scores:
    _, mean, scale = standardised(problem.labels.astype(np.float64))
    unit = robust_spread(measured.quantities["residuals"])
    units = -measured.quantities["value"] / unit
    flagged = units > REGRESSION_CUTOFF
    predicted = mean + scale * measured.quantities["predictions"]
    intervals = measured.interval_columns(one_signed=True)
    return Scores(
        values=-units,
        flagged=flagged,
        suggested=np.where(flagged, predicted, np.nan),
        margins=units - REGRESSION_CUTOFF,
        std_errors=None if measured.std_errors is None else measured.std_errors / unit,
        columns={
            "loo_prediction": predicted,
            "loo_residual_units": units,
            **{name: column / unit for name, column in intervals.items()},
        },
        status=" ".join(measured.said),
        warnings=tuple(measured.warned),
        stats=measured.stats,
    )
