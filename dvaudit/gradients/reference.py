"""Per-sample gradients by definition, one sample at a time: obviously right, and slow."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from dvaudit.gradients.layout import Layout
from dvaudit.gradients.losses import Batch, Loss


def gradients(
    model: nn.Module, loss: Loss, batch: Batch, parameters: Collection[str] | None = None
) -> Tensor:
    """Return (n, P): row i is the gradient of the loss of sample i run alone.

    Args:
        model: in the mode it is to be differentiated in.
        parameters: names; all that require a gradient by default.
    """
    layout = Layout.of(model, parameters)
    named = dict(model.named_parameters())
    chosen = [named[name] for name in layout.shapes]
    rows = []
    for inputs, target in zip(*batch, strict=True):
        value = loss(model(inputs[None]), target[None]).sum()
        parts = torch.autograd.grad(value, chosen, materialize_grads=True, allow_unused=True)
        rows.append(layout.join(dict(zip(layout.shapes, parts, strict=True))))
    return torch.stack(rows)


def inner_products(model: nn.Module, loss: Loss, batch: Batch, directions: Tensor) -> Tensor:
    """Return <g_i, w_k>, shape (n, k), for directions of shape (k, P)."""
    return gradients(model, loss, batch) @ directions.T


def squared_norms(model: nn.Module, loss: Loss, batch: Batch) -> Tensor:
    """Return |g_i|^2, shape (n,)."""
    return gradients(model, loss, batch).square().sum(1)
