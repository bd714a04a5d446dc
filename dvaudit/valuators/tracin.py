"""TracIn: how much training steps on a sample lowered the trusted loss, from checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.settings import setting
from dvaudit.core.words import count
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem
from dvaudit.valuators.trusted import Split

if TYPE_CHECKING:
    from torch import Tensor

    from dvaudit.gradients import Taps
    from dvaudit.valuators.learner import Learner

SELF = "self"


@register
@final
class Tracin(TrainedValuator):
    name = "tracin"
    title = "TracIn"
    summary = (
        "Adds up over the epochs of a training how well the sample's gradient agrees with that "
        "of the trusted samples; or, against itself, how hard the sample had to be memorised."
    )
    use = (
        "To find the training samples behind a prediction, from the checkpoints of one training. "
        "To compare with; not to find wrong labels."
    )
    draws = "The net's first weights and the order of the samples."
    reference = (
        "Pruthi, Liu, Kale, Sundararajan: Estimating Training Data Influence by Tracing "
        "Gradient Descent, NeurIPS 2020: TracInCP, and self-influence of section 4.1"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    needs = frozenset({"trusted"})
    detects_mislabels = False  # wrong labels agree with those of a trusted set that is none
    baseline = True

    @dataclass(frozen=True)
    class Settings:
        against: str = setting(
            "trusted",
            "trusted: agreement with the mean gradient of the trusted samples. self: the "
            "sample's own squared gradient, negated; no trusted samples are used.",
            choices=("trusted", SELF),
        )
        net: str = fitting.net_setting()
        epochs: int = fitting.epochs_setting(10)
        batch: int = fitting.batch_setting()
        rate: float = fitting.rate_setting(0.1)

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        return fitting.fitting_cost(self.settings, samples, dimensions, classes, machine)

    def _split(self, data: Dataset, trusted: Dataset | None, seed: int) -> Split:
        if self.settings.against != SELF:
            return super()._split(data, trusted, seed)
        rows = np.flatnonzero(data.labelled)
        return Split(data, (rows,), (rows[:0],), "each sample itself")

    def _value(self, problem: TrainingProblem) -> Scores:
        """Value the samples; the unit is that of the loss, summed over the checkpoints."""
        from dvaudit.gradients import plan_taps
        from dvaudit.valuators.learner import build_learner

        asked = self.settings
        (seed,) = fitting.run_seeds(problem.seed, 1)
        learner = build_learner(problem, asked.net, seed=seed)
        follower = fitting.Follower(problem, self.name, asked.epochs, additive=True)
        taps = plan_taps(learner.net, learner.loss, learner.source)
        m = len(problem.labels)
        agreed, own = np.zeros(m), np.zeros(m)
        for epoch in fitting.fit(learner, asked, seed=seed, optimiser=fitting.Optimiser.SGD):
            inner, squared = checkpoint(learner, taps)
            agreed += asked.rate * inner
            own += asked.rate * squared
            gain = -squared if asked.against == SELF else inner
            follower.add(epoch.number, asked.rate * gain, epoch.loss)
        columns = {"self_influence": own}
        if asked.against != SELF:
            columns["tracin"] = agreed
        return Scores(
            values=-own if asked.against == SELF else agreed,
            columns=columns,
            status=f"{count(asked.epochs, 'checkpoint')}, one after each epoch of plain SGD.",
            trace=follower.trace(),
        )


def checkpoint(learner: Learner, taps: Taps) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return <g_i, g>, g the gradient of the mean trusted loss, and |g_i|^2, shape (m,) both.

    Without trusted samples the first is 0.
    """
    import torch

    from dvaudit.gradients import capture

    net, loss = learner.net, learner.loss
    target: Tensor | None = None
    if learner.trusted is not None:
        target = fitting.mean_gradient(learner, learner.trusted, taps)
    inner, squared = [], []
    for block in fitting.blocks(learner.source):
        seen = capture(net, loss, block, taps)
        squared.append(seen.squared_norms())
        if target is None:
            inner.append(torch.zeros_like(squared[-1]))
        else:
            inner.append(seen.inner_products(target[None])[:, 0])
    return fitting.numpy_of(torch.cat(inner)), fitting.numpy_of(torch.cat(squared))
