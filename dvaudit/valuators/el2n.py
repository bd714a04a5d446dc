"""EL2N: how wrong a net is on a sample early in its training."""

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
    from torch import Tensor

    from dvaudit.valuators.learner import Learner


def error_norms(logits: Tensor, codes: Tensor) -> Tensor:
    """Return |softmax(f(x)) - onehot(y)|_2, shape (n,), between 0 and the root of 2.

    Args:
        logits: (n, classes).
        codes: (n,) int64.
    """
    import torch
    from torch.nn import functional

    shares = logits.double().softmax(1)
    gap = shares - functional.one_hot(codes, logits.shape[1])
    norms: Tensor = torch.linalg.vector_norm(gap, dim=1)
    return norms


@register
@final
class El2n(TrainedValuator):
    name = "el2n"
    title = "EL2N"
    summary = (
        "The length of the error vector, predicted probabilities less the given label, after a "
        "few epochs, averaged over several trainings. Wrong and hard labels have long ones."
    )
    use = (
        "To prune clean data as the paper does, or to compare with. Wrong and hard samples look "
        "the same to it."
    )
    draws = "The net's first weights and the order of the samples, in each run."
    reference = (
        "Paul, Ganguli, Dziugaite: Deep Learning on a Data Diet: Finding Important Examples "
        "Early in Training, NeurIPS 2021, definition 2.2"
    )
    tasks = frozenset({Task.CLASSIFICATION})
    detects_mislabels = True
    measures_hardness = True
    baseline = True

    @dataclass(frozen=True)
    class Settings:
        net: str = fitting.net_setting()
        epochs: int = fitting.epochs_setting(10)
        batch: int = fitting.batch_setting()
        rate: float = fitting.rate_setting(0.01)
        runs: int = fitting.runs_setting(5)

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        asked = self.settings
        return fitting.fitting_cost(
            asked, samples, dimensions, classes, machine, runs=asked.runs, measured=1 / 3
        )

    def _value(self, problem: TrainingProblem) -> Scores:
        asked = self.settings
        found, trace = fitting.follow_runs(problem, self.name, asked, asked.runs, _measures)
        mean = found.mean(0)
        return Scores(
            values=-mean,
            std_errors=fitting.standard_errors(found),
            columns={"el2n": mean},
            status=f"Error after {count(asked.epochs, 'epoch')}, mean of "
            f"{count(asked.runs, 'training')}.",
            trace=trace,
        )


def _measures(learner: Learner) -> fitting.Measure:
    def errors() -> NDArray[np.float64]:
        logits = fitting.outputs(learner.net, learner.source)
        return fitting.numpy_of(error_norms(logits, learner.source[1]))

    return errors
