"""Data Banzhaf of single samples by maximum sample reuse, of a learner that retrains exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from dvaudit import games
from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.settings import setting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.retrained import (
    MeasuredSettings,
    build_retrained,
    penalty_seconds,
    told_apart,
    unit_of,
)
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

COALITION_SECONDS = 1.5e-4  # of calls, for each coalition
TOLERANCE = 0.1  # standard deviations of the values; only says whether they are settled


@register
@final
class DataBanzhaf(TrainedValuator):
    name = "data-banzhaf"
    title = "Data Banzhaf"
    summary = (
        "What each sample adds to the accuracy on trusted samples, averaged over random subsets "
        "of the others, with a ridge classifier that is retrained exactly on each. For small sets."
    )
    use = (
        "For up to a few hundred samples against a trusted set, where a data value must be fair "
        "and stable under noise. Too slow for large data."
    )
    draws = "The random subsets."
    reference = (
        "Wang, Jia: Data Banzhaf: A Robust Data Valuation Framework for Machine Learning, "
        "AISTATS 2023, section 4.2"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    needs = frozenset({"trusted"})
    # Half of the data already predicts as all of it does: the values of most are noise.
    detects_mislabels = False
    baseline = True

    @dataclass(frozen=True)
    class Settings(MeasuredSettings):
        coalitions: int = setting(
            2000,
            "Random subsets to retrain on; each serves all samples. Standard errors fall with its "
            "root.",
            low=100,
            high=10_000_000,
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        width = min(samples, dimensions + 1)
        once = samples * width * (width + classes) + width**3 + 2 * samples * width * classes
        each = once / machine.flops + COALITION_SECONDS
        seconds = self.settings.coalitions * each + penalty_seconds(samples, machine)
        seconds += 4e-9 * self.settings.coalitions * samples
        needed = 8 * (3 * samples * width + 2 * width**2 + 256 * samples)
        plan = f"{self.settings.coalitions:,} random subsets, retrained exactly"
        return Cost(seconds, needed, plan)

    def _value(self, problem: TrainingProblem) -> Scores:
        chosen = self.settings
        learner = build_retrained(problem, chosen.penalty, chosen.measure)
        estimate = games.banzhaf(
            learner.of,
            len(problem.labels),
            chosen.coalitions,
            baseline=learner.empty,
            tolerance=TOLERANCE,
            seed=problem.seed,
            progress=problem.progress,
        )
        return Scores(
            values=estimate.values,
            std_errors=estimate.std_errors,
            status=(
                f"Banzhaf values of {unit_of(learner)} over {estimate.rounds:,} subsets. "
                + told_apart(estimate.values, estimate.std_errors)
            ),
            stats={
                "unit": unit_of(learner),
                "penalty": learner.penalty,
                "coalitions": estimate.rounds,
                "settled": estimate.settled,
                "utility_none": learner.empty,
            },
        )
