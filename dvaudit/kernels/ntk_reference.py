"""The neural tangent kernel by definition, one sample at a time: obviously right, and slow."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def counted_weights(model: nn.Module) -> list[Tensor]:
    """Return the weights of Linear and Conv2d layers in the order of the modules, each once."""
    found: dict[int, Tensor] = {}
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            found.setdefault(id(module.weight), module.weight)
    return list(found.values())


def jacobian(model: nn.Module, inputs: Tensor, classes: Tensor | None) -> Tensor:
    """Return (n, P): the gradient of each sample's own output, weights flattened and joined.

    Args:
        model: from (1, ...) to (1, outputs), in the mode it is to be differentiated in.
        inputs: (n, ...).
        classes: (n,) int64, or None for a net with one output.
    """
    weights = counted_weights(model)
    rows = []
    for index, sample in enumerate(inputs):
        outputs = model(sample[None])[0]
        output = outputs[0 if classes is None else int(classes[index])]
        gradients = torch.autograd.grad(output, weights, materialize_grads=True, allow_unused=True)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    return torch.stack(rows)


def ntk(model: nn.Module, inputs: Tensor, classes: Tensor | None) -> Tensor:
    """Return Theta = J J^T, shape (n, n)."""
    gradients = jacobian(model, inputs, classes)
    return gradients @ gradients.T
