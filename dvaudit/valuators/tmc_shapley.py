"""Data Shapley of single samples by truncated Monte Carlo, of a learner that retrains exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dvaudit import games
from dvaudit.core.dataset import Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.settings import setting
from dvaudit.core.words import count
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.retrained import (
    BLOCK_ROWS,
    BLOCK_SECONDS,
    MeasuredSettings,
    build_retrained,
    penalty_seconds,
    told_apart,
    unit_of,
)
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

LEAST = 20  # orders before the standard errors are trusted to stop
FEW = 12  # samples: all their orders may be gone through, and then the values are exact


@register
@final
class TmcShapley(TrainedValuator):
    name = "tmc-shapley"
    title = "Data Shapley (TMC)"
    summary = (
        "What each sample adds to the accuracy on trusted samples, averaged over random orders "
        "of joining, with a ridge classifier that is retrained exactly after each. For small "
        "sets."
    )
    use = (
        "For up to a few hundred samples against a trusted set, where a fair share for each sample "
        "is asked for. Too slow for large data."
    )
    draws = "The orders in which samples join."
    reference = (
        "Ghorbani, Zou: Data Shapley: Equitable Valuation of Data for Machine Learning, ICML "
        "2019, algorithm 1"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    needs = frozenset({"trusted"})
    detects_mislabels = True
    baseline = True

    @dataclass(frozen=True)
    class Settings(MeasuredSettings):
        truncation: float = setting(
            0.01,
            "An order ends once its utility is within this share of the gain of all samples from "
            "the utility of all: the rest get 0 in it. 0 goes through every order.",
            low=0.0,
            high=0.5,
        )
        tolerance: float = setting(
            0.1,
            "Stop when every standard error is below this share of the spread of the values.",
            low=0.0,
            high=10.0,
        )
        most: int = setting(500, "Orders at most; taken in pairs.", low=4, high=10_000_000)
        most_samples: int = setting(
            2000, "Samples above which the method refuses.", low=1, high=1_000_000
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        width = min(samples, dimensions + 1)
        outputs = max(classes, 1)
        order = samples * (4 * width**2 + width * samples + 2 * samples * outputs) / machine.flops
        order += BLOCK_SECONDS * max(1.0, samples / BLOCK_ROWS)
        seconds = self.settings.most * order + penalty_seconds(samples, machine)
        needed = 8 * (3 * samples * width + 2 * width**2 + 3 * BLOCK_ROWS * samples * outputs)
        return Cost(seconds, needed, f"at most {self.settings.most:,} orders, retrained exactly")

    def _value(self, problem: TrainingProblem) -> Scores:
        m, chosen = len(problem.labels), self.settings
        if m > chosen.most_samples:
            raise UnsuitableDataError(
                f"{self.name} retrains for every sample of every order, and {m:,} samples are "
                f"more than its most_samples of {chosen.most_samples:,}. Use knn-shapley, which "
                "is exact at any size, or raise most_samples."
            )
        learner = build_retrained(problem, chosen.penalty, chosen.measure)
        full = learner.all()

        truncation = chosen.truncation if m > FEW else 0.0

        def prefixes(order: NDArray[np.int64]) -> NDArray[np.float64]:
            return learner.prefixes(order, full, truncation)

        estimate = games.shapley(
            prefixes,
            m,
            tolerance=chosen.tolerance,
            least=min(LEAST, chosen.most),
            most=chosen.most,
            seed=problem.seed,
            progress=problem.progress,
        )
        ended = "settled" if estimate.settled else "stopped at the most allowed"
        return Scores(
            values=estimate.values,
            std_errors=estimate.std_errors,
            status=(
                f"Shapley values of {unit_of(learner)} over {estimate.rounds:,} orders ({ended}). "
                + told_apart(estimate.values, estimate.std_errors)
            ),
            warnings=()
            if estimate.settled
            else (
                f"The values had not settled after {count(estimate.rounds, 'order')}, the most "
                "allowed; raise `most` for narrower standard errors.",
            ),
            stats={
                "unit": unit_of(learner),
                "penalty": learner.penalty,
                "orders": estimate.rounds,
                "settled": estimate.settled,
                "utility_all": full,
                "utility_none": learner.empty,
            },
        )
