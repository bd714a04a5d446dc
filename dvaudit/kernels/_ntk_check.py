"""Does what the hooks see of a net make up its gradient? Tried on one sample before the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.kernels._layers import Counted, Layer, Use, add_gradient
from dvaudit.kernels._taps import backward, counted, own

AGREEMENT = 1e-3  # of the largest entry; rounding in float32 stays below 1e-5


def refuse_unsound(
    model: nn.Module, layers: Sequence[Layer], inputs: Tensor, classes: Tensor | None
) -> None:
    """Compare the gradient of the first of two samples with autograd on that sample alone.

    Args:
        model: in evaluation mode, all weights frozen.
        inputs: (2, ...).

    Raises:
        UnsuitableDataError: layers whose gradient differs: a weight is used outside its layer,
            samples of a batch mix, or the first dimension is not the sample.
    """
    by_weight = {id(layer.modules[0].weight): layer for layer in layers}
    names = {id(module): name for name, module in model.named_modules()}
    modules = counted(model)
    alone = _gradients(model, modules, inputs[:1], None if classes is None else classes[:1])
    uses = backward(model, layers, inputs, classes)
    wrong = [
        names[id(module)]
        for module, truth in zip(modules, alone, strict=True)
        if not _agrees(by_weight.get(id(module.weight)), uses, truth, len(inputs))
    ]
    if wrong:
        raise UnsuitableDataError(
            f"The gradients of {len(wrong)} layers cannot be told apart by sample: {some(wrong)}; "
            "a weight is used outside its own layer, or the samples of a batch influence one "
            "another. Use each Linear and Conv2d by calling it, with the samples along the "
            "first dimension, and no layer that mixes samples."
        )


def _agrees(
    layer: Layer | None, uses: Mapping[Layer, list[Use]], truth: Tensor, samples: int
) -> bool:
    found = truth.new_zeros((samples, truth.numel()))
    if layer is not None:
        if any(not len(use.inputs) == len(use.delta) == samples for use in uses[layer]):
            return False
        for use in uses[layer]:
            add_gradient(layer, use, (0, layer.units), found)
    gap = (found[0].view_as(truth) - truth).abs().max()
    return bool(gap <= AGREEMENT * truth.abs().max())


def _gradients(
    model: nn.Module, modules: Sequence[Counted], inputs: Tensor, classes: Tensor | None
) -> Sequence[Tensor]:
    """Return the gradient of one sample's own output for each module's weight."""
    weights = [module.weight for module in modules]
    for weight in weights:
        weight.requires_grad_(True)
    try:
        with torch.enable_grad():
            output = own(model(inputs), classes).sum()
        return torch.autograd.grad(output, weights, materialize_grads=True, allow_unused=True)
    finally:
        for weight in weights:
            weight.requires_grad_(False)
