"""Nets trained one sample at a time: obviously right, and slow."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dvaudit.core.dataset import Task
from dvaudit.core.progress import silent
from dvaudit.core.trace import unwatched
from dvaudit.gradients import draw_updates
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.learner import Learner, build_learner
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

SEED = 5
SAMPLES, TRUSTED, CLASSES = 13, 5, 3
ASKED = {"epochs": 4, "batch": 5, "rate": 0.1}


def problem(task: Task = Task.CLASSIFICATION) -> TrainingProblem:
    rng = np.random.default_rng(3)
    n = SAMPLES + TRUSTED
    inputs = rng.standard_normal((n, 4)).astype(np.float32)
    if task is Task.CLASSIFICATION:
        labels: Any = rng.integers(0, CLASSES, n)
        names = tuple(f"class {code}" for code in range(CLASSES))
    else:
        labels, names = inputs[:, 0] + 0.1 * rng.standard_normal(n), ()
    return TrainingProblem(
        task=task,
        inputs=inputs[:SAMPLES],
        labels=labels[:SAMPLES],
        class_names=names,
        ids=tuple(str(row) for row in range(SAMPLES)),
        trusted_inputs=inputs[SAMPLES:],
        trusted_labels=labels[SAMPLES:],
        seed=SEED,
        device="cpu",
        progress=silent,
        watch=unwatched,
    )


def value(method: type[TrainedValuator], given: TrainingProblem, **more: Any) -> Scores:
    scores = method({**ASKED, **more})._value(given)
    assert np.isfinite(scores.values).all()
    return scores


def trained_slowly(
    given: TrainingProblem, net: str, momentum: float, run: int = 0
) -> Iterator[tuple[Learner, nn.Module]]:
    """Yield a learner and its net after each epoch, the gradient summed sample by sample."""
    seed = fitting.run_seeds(SEED, run + 1)[run]
    learner = build_learner(given, net, seed=seed)
    model = copy.deepcopy(learner.net)
    velocity = [torch.zeros_like(value) for value in model.parameters()]
    steps = draw_updates(SAMPLES, seed=seed, **ASKED)  # type: ignore[arg-type]
    for number, step in enumerate(steps, start=1):
        model.zero_grad()
        for row in step.rows:
            inputs, targets = learner.source[0][row][None], learner.source[1][row][None]
            (learner.loss(model(inputs), targets).sum() / len(step.rows)).backward()
        with torch.no_grad():
            for parameter, moving in zip(model.parameters(), velocity, strict=True):
                assert parameter.grad is not None
                moving.mul_(momentum).add_(parameter.grad)
                parameter -= step.rate * moving
        if number % (len(steps) // ASKED["epochs"]) == 0:
            yield learner, copy.deepcopy(model)


def ends(given: TrainingProblem, net: str, momentum: float, run: int = 0) -> tuple[Learner, Any]:
    return list(trained_slowly(given, net, momentum, run))[-1]


def logits_one_by_one(model: nn.Module, inputs: Tensor) -> list[Tensor]:
    return [model(row[None])[0].detach() for row in inputs]
