"""Random values: the line that every other method has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.registry import register

# Errors planted with the run's seed come from the plain generator: a stream of its own keeps the
# values independent of which samples those are.
STREAM = 7919


@register
@final
class RandomValues(Valuator):
    name = "random"
    title = "Random"
    summary = "Uniform random values from the seed. The line that every other method has to beat."
    use = "In comparisons only: a method that does not beat it has found nothing."
    draws = "All values."
    reference = "none: the control of every comparison"
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    detects_mislabels = False
    baseline = True
    order_free = False

    @dataclass(frozen=True)
    class Settings:
        pass

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        return Cost(1e-8 * samples, 8 * samples, "one draw for each sample")

    def _value(self, problem: Problem) -> Scores:
        problem.progress(0.0, "drawing")
        rng = np.random.default_rng([problem.seed, STREAM])
        return Scores(
            values=rng.random(len(problem.labels)),
            status="Uniform random values.",
            warnings=("The values are random: they say nothing of the samples.",),
        )
