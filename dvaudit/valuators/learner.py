"""The net, the loss and the tensors that a training method works on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dvaudit.core.dataset import Task
from dvaudit.gradients import losses
from dvaudit.gradients.losses import Batch, Loss
from dvaudit.models.trainable import own_net, trainable_net
from dvaudit.valuators.trained import TrainingProblem

VECTORS = 2  # dimensions of an array of vectors
EXAMPLES = 128  # samples that the frozen statistics of batch norms are taken from


@dataclass(frozen=True, eq=False)
class Learner:
    """A net at its initialisation, on the problem's device.

    Attributes:
        loss: from outputs and targets to (n,).
        source: inputs and targets of the m samples to value.
        trusted: of the trusted samples; None where there are none.
    """

    net: nn.Module
    loss: Loss
    source: Batch
    trusted: Batch | None


def build_learner(
    problem: TrainingProblem,
    net: str,
    *,
    seed: int,
    widths: tuple[int, ...] = (100, 100),
    activation: str = "relu",
) -> Learner:
    """Return the net called `net` ("auto": an MLP on vectors) and what it learns from.

    A net of the user's own comes in place of a named one. An "autoencoder" learns its inputs.
    Vectors are standardised by the mean and deviation of the samples to value, regression
    targets likewise; pictures and tokens are taken as they are.
    """
    source, trusted = network_inputs(problem)
    targets, known = _targets(problem)
    outputs, loss = problem.outputs, loss_of(problem.task)
    if net == "autoencoder":
        outputs, loss = math.prod(source.shape[1:]), losses.squared_error
        targets, known = source, trusted
    if problem.module is not None:
        made = own_net(problem.module, source[:1], outputs, seed=seed)
    else:
        made = trainable_net(
            "mlp" if net == "auto" else net,
            tuple(source.shape[1:]),
            outputs,
            seed=seed,
            widths=widths,
            activation=activation,
            words=token_codes(problem),
            examples=source[:: math.ceil(len(source) / EXAMPLES)].cpu(),
        ).to(problem.device)
    against = None if trusted is None or known is None else (trusted, known)
    return Learner(made, loss, (source, targets), against)


def loss_of(task: Task) -> Loss:
    """Return the loss that nets are trained on, from outputs and targets to (n,)."""
    return losses.cross_entropy if task is Task.CLASSIFICATION else losses.squared_error


def token_codes(problem: TrainingProblem) -> int | None:
    """Return how many codes the tokens have; None where the inputs are no tokens."""
    if problem.inputs.dtype.kind == "f":
        return None
    parts = problem.inputs, problem.trusted_inputs
    return 1 + max(int(part.max()) for part in parts if part is not None)


def network_inputs(problem: TrainingProblem) -> tuple[Tensor, Tensor | None]:
    """Return inputs of the samples to value and of the trusted ones, as the nets take them."""
    source, trusted = problem.inputs, problem.trusted_inputs
    scales = input_scales(problem)
    if scales is not None:
        centre, scale = scales
        source = (source - centre) / scale
        trusted = None if trusted is None else (trusted - centre) / scale
    placed = _placed(source, problem.device)
    return placed, None if trusted is None else _placed(trusted, problem.device)


def input_scales(
    problem: TrainingProblem,
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return centre and deviation (d,) that vectors are standardised by; None where none are."""
    inputs = problem.inputs
    if inputs.ndim != VECTORS or inputs.dtype.kind != "f" or problem.scaled:
        return None
    return _scale(inputs)


def target_scales(
    problem: TrainingProblem,
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Return centre and deviation (1,) that targets are standardised by; None for classes."""
    return None if problem.task is Task.CLASSIFICATION else _scale(problem.labels[:, None])


def _targets(problem: TrainingProblem) -> tuple[Tensor, Tensor | None]:
    labels, known = problem.labels, problem.trusted_labels
    scales = target_scales(problem)
    if scales is not None:
        centre, scale = scales
        labels = ((labels - centre) / scale).astype(np.float32)
        known = None if known is None else ((known - centre) / scale).astype(np.float32)
    placed = _placed(labels, problem.device)
    return placed, None if known is None else _placed(known, problem.device)


def _scale(columns: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and deviation of each column; a constant column has deviation infinity."""
    centre = columns.mean(axis=0, dtype=np.float64)
    spread = columns.std(axis=0, dtype=np.float64)
    constant = spread <= 1e-6 * max(float(spread.max(initial=0.0)), 1e-30)
    spread[constant] = np.inf
    return centre.astype(np.float32), spread.astype(np.float32)


def _placed(values: NDArray[np.generic], device: str) -> Tensor:
    return torch.as_tensor(np.ascontiguousarray(values)).to(device)
