"""Leave-one-out quantities of a problem, by whichever plan its size allows."""

from __future__ import annotations

import numpy as np

from dvaudit.core.device import machine_of
from dvaudit.valuators.base import Problem
from dvaudit.valuators.kernel_bagging import bagged
from dvaudit.valuators.kernel_plan import (
    KernelPlan,
    KernelSettings,
    Method,
    choose_plan,
    require_fit,
)
from dvaudit.valuators.kernel_problem import kernel_targets, repairs, system_stats
from dvaudit.valuators.kernel_quantities import Evaluation, Measure, Solution


def plan_of(problem: Problem, settings: KernelSettings) -> KernelPlan:
    """Return the plan for a problem on its device; refuses what does not fit."""
    machine = machine_of(problem.device)
    n, dimensions = problem.vectors.shape
    plan = choose_plan(n, dimensions, max(1, len(problem.class_names)), machine, settings)
    require_fit(plan, n, machine)
    return plan


def evaluate(problem: Problem, plan: KernelPlan, ridge: float, measure: Measure) -> Evaluation:
    """Measure every sample of the problem; `measure` must give the (b,) quantity `value`."""
    if plan.method is Method.BAGGED:
        return bagged(problem, plan, ridge, measure)
    targets = kernel_targets(problem)
    iterative = plan.method is Method.ITERATIVE
    system = problem.shared.system(
        problem.vectors, plan.precision, problem.device, iterative=iterative
    )
    inverse = system.inverse(ridge, problem.progress)
    solution, diagonal = inverse.solve(targets)
    rows = np.arange(len(targets))
    quantities = measure(Solution(solution, diagonal, targets, rows))
    record = {"plan": plan.words(), **system_stats(inverse, ridge, system.precision)}
    warned = repairs(inverse, ridge)
    if iterative and not inverse.stats["converged"]:
        warned.append(
            f"Conjugate gradients stopped after {inverse.stats['iterations']} iterations at a "
            f"residual of {inverse.stats['residual']:.1e}; a larger ridge converges sooner."
        )
    return Evaluation(quantities, [plan.words().capitalize() + "."], warned, record)
