"""Trainings on the trusted samples, and the similarities of the others along the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from dvaudit.core.dataset import Task
from dvaudit.core.progress import part
from dvaudit.gradients import Similarity, target_similarities
from dvaudit.gradients.dvgs import adam
from dvaudit.gradients.losses import Loss
from dvaudit.valuators.components import reduced
from dvaudit.valuators.dvgs import WIDTH
from dvaudit.valuators.learner import Learner, build_learner
from dvaudit.valuators.trained import TrainingProblem

if TYPE_CHECKING:
    from dvaudit.valuators.dvgs import Dvgs

PRETRAINING_BATCH = 128
# Memorising the trusted samples in fewer steps takes leaps that overshoot: the gradient then
# points along whole classes and values are noise. On 4,608 features and rate 1e-3 the AUROC of
# flipped labels was .70 in 26 steps, and .91 with smaller ones.
LEAST_STEPS = 60
SLOWER = 3.0  # by which the rate falls when it takes fewer
MOST_SLOWER = 6


@dataclass(frozen=True, eq=False)
class Run:
    """One training.

    Attributes:
        values: (m,) mean similarity over the looks.
        points: (S,) steps before each look; `trace` (S, m) and `losses_at` (S,) are of them.
        steps: made before it ended.
        rate: learning rate.
        loss: of the trusted samples at the end.
        largest, last: |gT|.
        degenerate: pairs of look and sample where a gradient had no direction.
        absent: classes without a trusted sample.
        autoencoder: the net learned its inputs, not labels.
    """

    values: NDArray[np.float64]
    points: list[int]
    trace: NDArray[np.float32]
    losses_at: NDArray[np.float64]
    steps: int
    rate: float
    loss: float
    largest: float
    last: float
    degenerate: int
    absent: list[str]
    autoencoder: bool


def run_all(problem: TrainingProblem, asked: Dvgs.Settings) -> list[Run]:
    """Return one Run for each restart."""
    if asked.components is not None:
        problem = reduced(problem, asked.components)
    runs: list[Run] = []
    rate, slower = asked.rate, 0
    while len(runs) < asked.restarts:
        run = _run(problem, asked, len(runs), rate)
        if run.steps < min(LEAST_STEPS, asked.steps) and slower < MOST_SLOWER:
            rate, slower, runs = rate / SLOWER, slower + 1, []
        else:
            runs.append(run)
    return runs


def _run(problem: TrainingProblem, asked: Dvgs.Settings, restart: int, rate: float) -> Run:
    seed = problem.seed * 1000 + restart
    place = part(problem.progress, restart / asked.restarts, (restart + 1) / asked.restarts)
    unlabelled = asked.learn == "inputs" or problem.task is Task.UNSUPERVISED
    net = "autoencoder" if unlabelled else asked.net
    learner = build_learner(problem, net, seed=seed, widths=(WIDTH,), activation="mish")
    assert learner.trusted is not None
    target_loss: Loss | None = None
    absent: list[str] = []
    if asked.balanced and problem.task is Task.CLASSIFICATION and not unlabelled:
        target_loss, absent = _balanced(problem, learner.trusted[1])
    if asked.pretraining:
        _pretrain(learner, asked.pretraining, rate, seed)
    looks: list[NDArray[np.float32]] = []
    points: list[int] = []
    loss_at: list[float] = []
    largest, degenerate = 0.0, 0
    for found in target_similarities(
        learner.net,
        learner.loss,
        learner.source,
        learner.trusted,
        _batches(len(learner.trusted[0]), asked.batch, asked.steps, seed, problem.device),
        target_loss=target_loss,
        optimiser=partial(adam, rate=rate, decay=asked.decay),
        kind=Similarity(asked.similarity),
        every=asked.every,
        parameters=_last_layer(learner.net) if asked.parameters == "last" else None,
    ):
        largest = max(largest, found.target_norm)
        if looks and found.target_norm < asked.overfit * largest:
            break
        if found.values is not None:
            looks.append(found.values.cpu().numpy().astype(np.float32))
            points.append(found.step)
            loss_at.append(found.target_loss)
            degenerate += found.degenerate
            known = {"trusted_loss": found.target_loss, "restart": restart}
            problem.watch("dvgs", found.step, np.mean(looks, axis=0), known)
        place((found.step + 1) / asked.steps, f"training {restart + 1} of {asked.restarts}")
    trace = np.stack(looks)
    return Run(
        values=trace.mean(axis=0, dtype=np.float64),
        points=points,
        trace=trace,
        losses_at=np.array(loss_at),
        steps=found.step + 1,
        rate=rate,
        loss=found.target_loss,
        largest=largest,
        last=found.target_norm,
        degenerate=degenerate,
        absent=absent,
        autoencoder=unlabelled,
    )


def _balanced(problem: TrainingProblem, trusted: Tensor) -> tuple[Loss, list[str]]:
    """Return the class-weighted mean loss, and the classes without a trusted sample.

    The weight of a class is n / (classes * its samples), as scikit-learn's "balanced".
    """
    counts = torch.bincount(trusted, minlength=problem.outputs)
    present = counts > 0
    weights = len(trusted) / (present.sum() * counts.clamp(min=1))
    weights = (weights * present).to(torch.float32)

    def loss(outputs: Tensor, classes: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, classes, weight=weights)

    names = zip(problem.class_names, present.tolist(), strict=True)
    return loss, [name for name, there in names if not there]


def _batches(n: int, size: int | None, steps: int, seed: int, device: str) -> Iterator[Tensor]:
    """Yield the trusted rows of each step: all of them, or shuffled epochs in batches."""
    if size is None or size >= n:
        whole = torch.arange(n, device=device)
        for _ in range(steps):
            yield whole
        return
    draws, left = torch.Generator().manual_seed(seed), steps
    while left > 0:
        for rows in torch.split(torch.randperm(n, generator=draws), size)[:left]:
            yield rows.to(device)
            left -= 1


def _last_layer(net: nn.Module) -> list[str]:
    last = list(net.named_parameters())[-1][0].rpartition(".")[0]
    return [name for name, _ in net.named_parameters() if name.rpartition(".")[0] == last]


def _pretrain(learner: Learner, epochs: int, rate: float, seed: int) -> None:
    inputs, targets = learner.source
    steps = torch.optim.Adam(learner.net.parameters(), lr=rate)
    draws = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(inputs), generator=draws), PRETRAINING_BATCH):
            steps.zero_grad()
            loss = learner.loss(learner.net(inputs[rows.to(inputs.device)]), targets[rows]).mean()
            loss.backward()  # type: ignore[no-untyped-call]
            steps.step()
