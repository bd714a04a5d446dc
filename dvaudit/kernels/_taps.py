"""One forward and one backward pass that record what the counted layers saw.

All weights are frozen, so the graph begins at the earliest layer asked for and the backward pass
ends there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.kernels._layers import Counted, Layer, Use, counted_layers
from dvaudit.taps.hooks import leaf, recording


def own(outputs: Tensor, classes: Tensor | None) -> Tensor:
    """Return (n,): each row's entry of its class, or the single output where there are none.

    Raises:
        UnsuitableDataError: no classes and more than one output, or a class without an output.
    """
    outputs = outputs.reshape(len(outputs), -1)
    if classes is None:
        if outputs.shape[1] != 1:
            raise UnsuitableDataError(
                f"Without classes the net must have 1 output, and it has {outputs.shape[1]}; "
                "build it with outputs=1, or give the classes."
            )
        return outputs[:, 0]
    wrong = ((classes < 0) | (classes >= outputs.shape[1])).nonzero()[:, 0]
    if len(wrong):
        raise UnsuitableDataError(
            f"{len(wrong)} classes have no output among the net's {outputs.shape[1]}: "
            f"{some(classes[wrong].tolist())}; build the net with as many outputs as classes."
        )
    return outputs.gather(1, classes[:, None])[:, 0]


def probe(model: nn.Module, sample: Tensor) -> tuple[list[Layer], int]:
    """Run one sample, shape (1, ...); return the layers and the numbers all modules returned.

    Raises:
        UnsuitableDataError: no Linear or Conv2d layer, or one whose input or output is changed
            in place afterwards, so that what the hooks saw is lost.
    """
    leaves = [part for part in model.modules() if not any(True for _ in part.children())]
    versions: list[tuple[Counted, Tensor, int]] = []
    numbers = 0

    def count(_module: nn.Module, _inputs: object, output: object) -> None:
        nonlocal numbers
        numbers += output.numel() if isinstance(output, Tensor) else 0

    def note(module: Counted, inputs: Tensor, output: Tensor) -> Tensor:
        versions.extend((module, tensor, tensor._version) for tensor in (inputs, output))
        return output

    handles = [part.register_forward_hook(count) for part in leaves]
    with torch.no_grad(), recording(counted(model), note) as recorded:
        model(sample)
    for handle in handles:
        handle.remove()
    if not recorded:
        raise UnsuitableDataError(
            "The net has no Linear or Conv2d layer in use, so it has no neural tangent kernel; "
            "choose another net."
        )
    names = {id(part): name for name, part in model.named_modules()}
    changed = [names[id(module)] for module, tensor, seen in versions if tensor._version != seen]
    if changed:
        raise UnsuitableDataError(
            f"The input or output of {len(changed)} layers is changed in place after use: "
            f"{some(changed)}; set inplace=False (neutralise does), or write x = x + y for x += y."
        )
    return counted_layers(model, recorded), numbers + sample.numel()


def counted(model: nn.Module) -> list[Counted]:
    """Return the Linear and Conv2d modules of a net, each once."""
    return [part for part in model.modules() if isinstance(part, nn.Linear | nn.Conv2d)]


def backward(
    model: nn.Module, layers: Iterable[Layer], inputs: Tensor, classes: Tensor | None
) -> Mapping[Layer, list[Use]]:
    """Return the uses of each layer by a batch, shape (n, ...).

    The samples do not mix, so the gradient of the sum of all own outputs holds each sample's.
    """
    layers = list(layers)
    modules = [module for layer in layers for module in layer.modules]
    with torch.enable_grad(), recording(modules, leaf) as recorded:
        total = own(model(inputs), classes).sum()
    if not total.requires_grad:
        raise UnsuitableDataError(
            "The net's output does not depend on its Linear and Conv2d weights; its forward "
            "must not detach or run under torch.no_grad."
        )
    outputs = [output for module in modules for _, output in recorded[module]]
    found = iter(torch.autograd.grad(total, outputs, materialize_grads=True, allow_unused=True))
    deltas = {module: [next(found) for _ in recorded[module]] for module in modules}
    return {
        layer: [
            Use(module, seen.detach(), delta)
            for module in layer.modules
            for (seen, _), delta in zip(recorded[module], deltas[module], strict=True)
        ]
        for layer in layers
    }
