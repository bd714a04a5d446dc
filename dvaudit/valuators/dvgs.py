"""DVGS: how like a sample's gradient is to that of trusted samples, while a net learns those."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from dvaudit.core.dataset import Task
from dvaudit.core.errors import some
from dvaudit.core.machine import Cost, Machine, size_text
from dvaudit.core.settings import setting
from dvaudit.core.trace import Trace
from dvaudit.core.words import count
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

if TYPE_CHECKING:
    from dvaudit.valuators.dvgs_runs import Run

WIDTH = 512  # hidden units of the net
SMALL_PRODUCTS = 0.2  # of a large matrix product's speed, reached by a pass over the samples


@register
@final
class Dvgs(TrainedValuator):
    name = "dvgs"
    title = "Gradient similarity (DVGS)"
    summary = (
        "How well a sample would teach what trusted samples teach: the similarity of its gradient "
        "to theirs, averaged while a small net learns the trusted ones. Finds wrong labels and "
        "noisy samples; the lowest values are meaningful, the order among the highest is not."
    )
    use = (
        "Where a few hundred labels are known to be right: finds wrong labels and noise in the "
        "rest. Without such a set the kernel leave-one-out is the better choice."
    )
    draws = (
        "The net's first weights and the order of the samples, and on many features their "
        "principal components."
    )
    reference = "Evans, Mills, Wu, Song, McWeeney: Data Valuation with Gradient Similarity"
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION, Task.UNSUPERVISED})
    needs = frozenset({"trusted"})
    detects_mislabels = True

    @dataclass(frozen=True)
    class Settings:
        similarity: str = setting(
            "cosine",
            "How two gradients are compared: by their angle, their inner product, the projection "
            "of the sample's on the trusted one, or their negative distance.",
            choices=("cosine", "dot", "scalar_projection", "neg_l2"),
        )
        learn: str = setting(
            "labels",
            "labels: the net predicts the label. inputs: it reconstructs the input (an "
            "autoencoder), which finds noisy samples and looks at no label.",
            choices=("labels", "inputs"),
        )
        net: str = setting(
            "auto",
            "The net; auto: an MLP on the vectors with one hidden layer, Mish as in the paper.",
            choices=fitting.NETS,
        )
        components: int | None = setting(
            128,
            "Leading principal components that vectors are reduced to, so that the trusted samples "
            "are learned and not memorised. Empty: all features as they are.",
            low=1,
            high=100_000,
        )
        steps: int = setting(
            200, "Steps of training on the trusted samples.", low=1, high=1_000_000
        )
        batch: int | None = setting(
            None, "Trusted samples a step. Empty: all of them.", low=1, high=1_000_000
        )
        rate: float = setting(
            1e-3,
            "Learning rate (Adam). Lowered where the trusted samples would be memorised in a few "
            "leaps.",
            low=1e-8,
            high=10.0,
        )
        decay: float = setting(
            0.003,
            "Weight decay: this many times the weights is added to the gradient of a step, so that "
            "the trusted samples are not learned so well that nothing of their gradient is left.",
            low=0.0,
            high=10.0,
        )
        every: int = setting(
            10, "Similarities are computed at every such step.", low=1, high=100_000
        )
        restarts: int = setting(
            3, "Trainings from new weights that are averaged.", low=1, high=1000
        )
        balanced: bool = setting(
            True,
            "Trusted classes weigh the same. Without it, values follow the class sizes of the "
            "trusted set.",
        )
        overfit: float = setting(
            0.01,
            "Training stops when the trusted samples' gradient has fallen below this share of its "
            "largest: what is left of it is noise. 0 never stops.",
            low=0.0,
            high=1.0,
        )
        parameters: str = setting(
            "all",
            "Parameters whose gradients are compared: all, or those of the last layer.",
            choices=("all", "last"),
        )
        pretraining: int = setting(
            0,
            "Epochs of training on the samples to value, before the similarities.",
            low=0,
            high=10_000,
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        asked = self.settings
        width = min(dimensions, asked.components or dimensions)
        weights = WIDTH * (width + max(classes, 1))
        looks = -(-asked.steps // asked.every)
        # A look is a forward and a backward pass and two products of the pass's size.
        operations = 8.0 * samples * weights * looks + 6.0 * samples * weights * asked.steps
        reducing = 10.0 * samples * dimensions * width
        seconds = (asked.restarts * operations + reducing) / (SMALL_PRODUCTS * machine.flops)
        needed = 8 * samples * dimensions + 4 * samples * (looks + WIDTH) + 16 * weights
        plan = (
            f"{count(asked.restarts, 'training')} of {count(asked.steps, 'step')}, "
            f"{count(looks, 'look')} each at all samples ({size_text(needed)})"
        )
        return Cost(seconds, int(needed), plan)

    def _value(self, problem: TrainingProblem) -> Scores:
        from dvaudit.valuators.dvgs_runs import run_all  # loads torch

        runs = run_all(problem, self.settings)
        means = np.stack([run.values for run in runs])
        again = len(runs) > 1
        errors = means.std(axis=0, ddof=1) / np.sqrt(len(runs)) if again else None
        return Scores(
            values=means.mean(axis=0),
            std_errors=errors,
            status=_status(runs, self.settings),
            warnings=_warnings(runs),
            stats={
                "steps": [run.steps for run in runs],
                "rate": runs[0].rate,
                "trusted_loss": [run.loss for run in runs],
                "largest_gradient": [run.largest for run in runs],
                "last_gradient": [run.last for run in runs],
                "without_direction": sum(run.degenerate for run in runs),
            },
            trace=_trace(runs),
        )


def _status(runs: list[Run], asked: Dvgs.Settings) -> str:
    stopped = [run.steps for run in runs if run.steps < asked.steps]
    trainings = count(len(runs), "training")
    text = f"Mean over {trainings} of {count(asked.steps, 'step')}."
    if stopped:
        least, most = min(stopped), max(stopped)
        span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        text = (
            f"Mean over {trainings}; {len(stopped)} stopped after {span} of "
            f"{asked.steps:,} steps, when the trusted samples were learned."
        )
    if runs[0].rate < asked.rate:
        text += (
            f" The learning rate was lowered from {asked.rate:g} to {runs[0].rate:.2g}, because "
            "the trusted samples were memorised within a few steps."
        )
    if runs[0].autoencoder:
        text += " The net is an autoencoder: it learns the inputs and looks at no label."
    return text


def _warnings(runs: list[Run]) -> tuple[str, ...]:
    absent = runs[0].absent
    if not absent:
        return ()
    return (
        f"{count(len(absent), 'class has', 'classes have')} no trusted sample ({some(absent)}), "
        "so the labels of their samples can only look wrong; add trusted samples of them.",
    )


def _trace(runs: list[Run]) -> Trace:
    length = min(len(run.points) for run in runs)
    values = np.mean([run.trace[:length] for run in runs], axis=0)
    losses = np.mean([run.losses_at[:length] for run in runs], axis=0)
    points = np.array(runs[0].points[:length], dtype=np.float64)
    return Trace(points, values.astype(np.float32), "step", additive=False, losses=losses)
