"""GraNd: how far one sample alone would move a net early in its training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.words import count
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

if TYPE_CHECKING:
    from dvaudit.valuators.learner import Learner


@register
@final
class Grand(TrainedValuator):
    name = "grand"
    title = "GraNd"
    summary = (
        "The length of the sample's own loss gradient after a few epochs, averaged over several "
        "trainings. Samples that still pull hard are wrong, hard or far out."
    )
    use = (
        "To compare with EL2N, and for regression, which EL2N does not do. Wrong, hard and far-out "
        "samples look the same to it."
    )
    draws = "The net's first weights and the order of the samples, in each run."
    reference = (
        "Paul, Ganguli, Dziugaite: Deep Learning on a Data Diet: Finding Important Examples "
        "Early in Training, NeurIPS 2021, definition 2.1"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    detects_mislabels = True
    measures_hardness = True
    baseline = True

    @dataclass(frozen=True)
    class Settings:
        net: str = fitting.net_setting()
        epochs: int = fitting.epochs_setting(10, low=0)
        batch: int = fitting.batch_setting()
        rate: float = fitting.rate_setting(0.01)
        runs: int = fitting.runs_setting(5)

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        asked = self.settings
        return fitting.fitting_cost(
            asked, samples, dimensions, classes, machine, runs=asked.runs, measured=1.0
        )

    def _value(self, problem: TrainingProblem) -> Scores:
        asked = self.settings
        found, trace = fitting.follow_runs(problem, self.name, asked, asked.runs, _measures)
        mean = found.mean(0)
        when = f"after {count(asked.epochs, 'epoch')}" if asked.epochs else "at initialisation"
        return Scores(
            values=-mean,
            std_errors=fitting.standard_errors(found),
            columns={"grand": mean},
            status=f"Gradient norm {when}, mean of {count(asked.runs, 'training')}.",
            trace=trace,
        )


def _measures(learner: Learner) -> fitting.Measure:
    """Return what measures |g_i| over all parameters, shape (m,)."""
    import torch

    from dvaudit.gradients import plan_taps, squared_norms

    taps = plan_taps(learner.net, learner.loss, learner.source)

    def norms() -> NDArray[np.float64]:
        parts = [
            squared_norms(learner.net, learner.loss, block, taps=taps)
            for block in fitting.blocks(learner.source)
        ]
        return fitting.numpy_of(torch.cat(parts).double().sqrt())

    return norms
