"""Leave-one-out by retraining without each sample, exact and in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.retrained import (
    Retrained,
    RetrainedSettings,
    build_retrained,
    penalty_seconds,
)
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem


def leave_one_out_changes(learner: Retrained) -> NDArray[np.float64]:
    """Return (n,) nu(all) - nu(all but i), nu the negative mean squared error on trusted samples.

    With P = (X^T X + penalty I)^-1, e_i the sample's residual and h_i = x_i^T P x_i, the model
    without i is W - P x_i e_i^T / (1 - h_i) (Sherman-Morrison). With T the trusted rows, R their
    residuals and a_i = T P x_i, the sum of squares of R changes by
    -2 a_i^T R e_i / (1 - h_i) + |a_i|^2 |e_i|^2 / (1 - h_i)^2, in O(n D^2) for all i.
    """
    X, known = learner.source, learner.trusted
    inverse = np.linalg.inv(X.T @ X + learner.penalty * np.eye(X.shape[1]))
    weights = inverse @ (X.T @ learner.targets)
    residuals, wrong = learner.targets - X @ weights, known @ weights - learner.truth
    moves = X @ inverse
    left = 1 - (moves * X).sum(axis=1)
    along = ((moves @ (known.T @ wrong)) * residuals).sum(axis=1) / left
    lengths = ((moves @ (known.T @ known)) * moves).sum(axis=1)
    away = lengths * np.square(residuals).sum(axis=1) / left**2
    return np.asarray((away - 2 * along) / wrong.size)


@register
@final
class LooRetraining(TrainedValuator):
    name = "loo-retraining"
    title = "Leave-one-out retraining"
    summary = (
        "How much the squared error on trusted samples grows when a ridge model is retrained "
        "without the sample; exact for all samples. By squared error, since accuracy hardly ever "
        "moves when one sample leaves."
    )
    use = (
        "To see how little a single sample changes a model, as a lower line to compare with. Not "
        "to find wrong labels."
    )
    reference = (
        "Cook, Weisberg: Residuals and Influence in Regression, 1982, section 2.2; as a data "
        "value: Ghorbani, Zou, ICML 2019, section 2"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    needs = frozenset({"trusted"})
    detects_mislabels = False  # one sample of a crowd hardly moves the model
    baseline = True

    @dataclass(frozen=True)
    class Settings(RetrainedSettings):
        pass

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        width = min(samples, dimensions + 1)
        operations = 10 * samples * width * (width + classes) + 4 * width**3
        needed = 8 * (6 * samples * width + 4 * width**2 + 4 * samples * max(classes, 1))
        seconds = operations / machine.flops + penalty_seconds(samples, machine)
        return Cost(seconds, needed, "one fit; every retraining is a rank-one change of it")

    def _value(self, problem: TrainingProblem) -> Scores:
        problem.progress(0.0, "retraining without each sample")
        learner = build_retrained(problem, self.settings.penalty, "squared-error")
        values = leave_one_out_changes(learner)
        return Scores(
            values=values,
            status="Exact change of the squared error of a ridge model when the sample leaves.",
            stats={"unit": "negative mean squared error", "penalty": learner.penalty},
        )
