"""AUM: by how much the given label leads all others, averaged over training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.words import count
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

if TYPE_CHECKING:
    from torch import Tensor


def logit_margins(logits: Tensor, codes: Tensor) -> Tensor:
    """Return the given label's logit less the largest other one, shape (n,).

    It is 0 where there is a single class, and so no other label.

    Args:
        logits: (n, classes).
        codes: (n,) int64.
    """
    given = logits.gather(1, codes[:, None])
    if logits.shape[1] == 1:
        return (given - given)[:, 0]
    others = logits.scatter(1, codes[:, None], -float("inf"))
    return given[:, 0] - others.amax(1)


@register
@final
class Aum(TrainedValuator):
    name = "aum"
    title = "AUM (area under the margin)"
    summary = (
        "The lead of the given label's logit over the best other one, averaged over all epochs. "
        "Wrong labels are pulled the other way by the samples they resemble, and trail."
    )
    use = (
        "To compare with, or where a net is trained anyway: finds wrong labels by how they were "
        "learnt. Prefer the kernel leave-one-out for speed and for suggestions."
    )
    draws = "The net's first weights and the order of the samples."
    reference = (
        "Pleiss, Zhang, Elenberg, Weinberger: Identifying Mislabeled Data using the Area Under "
        "the Margin Ranking, NeurIPS 2020, section 3; margins are taken after each epoch"
    )
    tasks = frozenset({Task.CLASSIFICATION})
    detects_mislabels = True
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
        total = np.zeros(len(problem.labels))
        last = total
        for epoch in fitting.fit(learner, asked, seed=seed):
            logits = fitting.outputs(learner.net, learner.source)
            last = fitting.numpy_of(logit_margins(logits, learner.source[1]))
            total += last
            follower.add(epoch.number, last, epoch.loss)
        mean = total / asked.epochs
        return Scores(
            values=mean,
            columns={"aum": mean, "last_margin": last},
            status=f"Margin averaged over {count(asked.epochs, 'epoch')}.",
            trace=follower.trace(),
        )
