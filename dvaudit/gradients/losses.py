"""Losses of single samples: from outputs (n, ...) and targets (n, ...) to (n,).

A loss must not average or sum over samples: the gradient of each sample is that of its own entry.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

# Inputs (n, ...) and targets (n, ...).
Batch = tuple[Tensor, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]


def take(data: Batch, rows: Tensor) -> Batch:
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
