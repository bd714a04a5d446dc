"""Forgetting events: how often a net that had learnt a sample gets it wrong again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.words import count
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem


class Memory:
    """What a net has learnt and forgotten of m samples, told after each epoch which are right.

    Attributes:
        events: (m,) transitions from right to wrong between one epoch and the next.
        learnt: (m,) whether the sample was right after any epoch.
        epochs: told of so far.
    """

    def __init__(self, m: int) -> None:
        self.events = np.zeros(m, dtype=np.int64)
        self.learnt = np.zeros(m, dtype=bool)
        self.epochs = 0
        self._right = np.zeros(m, dtype=bool)

    def see(self, right: NDArray[np.bool_]) -> None:
        """Take whether each sample is right, (m,), after one more epoch."""
        self.events += self._right & ~right
        self.learnt |= right
        self._right = right
        self.epochs += 1

    def counts(self) -> NDArray[np.float64]:
        """Return the events, and for a sample never learnt the number of epochs.

        The paper sets the latter to infinity. The number of epochs is as good: no sample can be
        forgotten in more than half of them.
        """
        return np.where(self.learnt, self.events, self.epochs).astype(np.float64)


@register
@final
class Forgetting(TrainedValuator):
    name = "forgetting"
    title = "Forgetting events"
    summary = (
        "How often the net gets a sample wrong after having had it right, seen after each epoch. "
        "Samples that are never learnt count as forgotten most. A coarse score with many ties."
    )
    use = (
        "To find samples that a net never needs, on large clean data. Too coarse to rank wrong "
        "labels."
    )
    draws = "The net's first weights and the order of the samples."
    reference = (
        "Toneva, Sordoni, Tachet des Combes, Trischler, Bengio, Gordon: An Empirical Study of "
        "Example Forgetting during Deep Neural Network Learning, ICLR 2019, section 3"
    )
    tasks = frozenset({Task.CLASSIFICATION})
    detects_mislabels = True
    measures_hardness = True
    baseline = True

    @dataclass(frozen=True)
    class Settings:
        net: str = fitting.net_setting()
        epochs: int = fitting.epochs_setting(20)
        batch: int = fitting.batch_setting()
        rate: float = fitting.rate_setting(0.01)

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        return fitting.fitting_cost(
            self.settings, samples, dimensions, classes, machine, measured=1 / 3
        )

    def _value(self, problem: TrainingProblem) -> Scores:
        from dvaudit.valuators.learner import build_learner

        asked = self.settings
        (seed,) = fitting.run_seeds(problem.seed, 1)
        learner = build_learner(problem, asked.net, seed=seed)
        follower = fitting.Follower(problem, self.name, asked.epochs, additive=False)
        memory = Memory(len(problem.labels))
        for epoch in fitting.fit(learner, asked, seed=seed):
            best = fitting.outputs(learner.net, learner.source).argmax(1)
            memory.see((best == learner.source[1]).cpu().numpy())
            follower.add(epoch.number, -memory.counts(), epoch.loss)
        never = ~memory.learnt
        return Scores(
            values=-memory.counts(),
            columns={
                "forgetting_events": memory.events.astype(np.float64),
                "never_learnt": never.astype(np.float64),
            },
            status=(
                f"{count(int(memory.events.sum()), 'forgetting event')} in "
                f"{count(asked.epochs, 'epoch')}; "
                f"{count(int(never.sum()), 'sample')} never learnt, which count as forgotten most."
            ),
            trace=follower.trace(),
        )
