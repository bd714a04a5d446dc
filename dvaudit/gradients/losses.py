"""Losses of single samples: from outputs (n, ...) and targets (n, ...) to (n,).

A loss must not average or sum over samples: the gradient of each sample is that of its own entry.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from dvaudit.core.errors import UnsuitableDataError

VECTORS = 2  # dimensions of outputs that are one row of logits a sample
# Inputs (n, ...) and targets (n, ...).
Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def take(data: Batch, rows: Tensor | slice) -> Batch:
    """Return the inputs and targets of some rows."""
    return data[0][rows], data[1][rows]


def cross_entropy(outputs: Tensor, classes: Tensor) -> Tensor:
    """Return (n,) from logits (n, classes) and class codes (n,) int64."""
    return functional.cross_entropy(outputs, classes, reduction="none")


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return (n,): the mean over a sample's outputs of (output - target)^2.

    Targets are shaped like the outputs, or (n,) for a single output; for an autoencoder they are
    the inputs.
    """
    return (outputs - targets.reshape(outputs.shape)).square().flatten(1).mean(1)


def with_gradient(loss: Loss, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the losses, and the gradient of their sum at the outputs, shaped like these.

    The gradient is the caller's to overwrite.

    For the two losses above the gradient is written out; autograd is its slow twin.

    Raises:
        UnsuitableDataError: a loss that is not one number a sample.
    """
    if loss is cross_entropy and outputs.dim() == VECTORS and targets.dtype is torch.int64:
        with torch.no_grad():
            logs = functional.log_softmax(outputs, 1)
            codes = targets[:, None]
            found = logs.gather(1, codes).neg_()[:, 0]
            below = codes.new_full(codes.shape, -1, dtype=logs.dtype)
            return found, logs.exp_().scatter_add_(1, codes, below)
    if loss is squared_error:
        with torch.no_grad():
            gap = outputs - targets.reshape(outputs.shape)
            flat = gap.flatten(1)
            return flat.square().mean(1), gap.mul_(2 / flat.shape[1])
    leaf = outputs.detach().requires_grad_()
    with torch.enable_grad():
        found = loss(leaf, targets)
    check_losses(found, len(outputs))
    if not found.requires_grad:
        return found, torch.zeros_like(outputs)
    (gradient,) = torch.autograd.grad(found.sum(), leaf, materialize_grads=True)
    # Autograd may return a view that is expanded, or a tensor of the loss's own.
    return found.detach(), gradient.clone(memory_format=torch.contiguous_format)


def check_losses(losses: Tensor, n: int) -> None:
    """Refuse a loss that does not return one number for each of n samples."""
    if losses.shape != (n,):
        raise UnsuitableDataError(
            f"The loss of {n} samples has shape {tuple(losses.shape)} and must be ({n},), one "
            "number a sample; use reduction='none' and sum over all but the first dimension."
        )
