"""Which parameters of a net the layer rules cover, tried on a few samples of the data."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.gradients._capture import Taps, capture
from dvaudit.gradients._frozen import frozen, refuse_mixing
from dvaudit.gradients._rules import rule_for
from dvaudit.gradients.layout import Layout
from dvaudit.gradients.losses import Batch, Loss, check_losses, take
from dvaudit.taps.hooks import recording

LOG = logging.getLogger(__name__)
TOGETHER, ALONE = 32, 3  # samples that are tried together, and of these alone


def plan_taps(
    model: nn.Module, loss: Loss, batch: Batch, parameters: Collection[str] | None = None
) -> Taps:
    """Return how the gradient of each chosen parameter is had, and write it to the log.

    A parameter goes to torch.func where no rule knows its layer, where it is used outside its
    layer too, or where what the hooks saw of a few samples is not the gradient autograd gives each
    alone: a layer whose output is changed in place, a first dimension that is not the sample, a net
    that gives samples to its layers in another order or in part.

    Args:
        batch: at least one sample.
        parameters: names of those to differentiate; all that require a gradient by default.

    Raises:
        UnsuitableDataError: a net whose samples mix, no parameter, or no sample.
    """
    refuse_mixing(model)
    layout = Layout.of(model, parameters)
    if not len(batch[0]):
        raise UnsuitableDataError("The batch has no sample; give at least one.")
    few = take(batch, _spread(len(batch[0]), TOGETHER))
    layers = _usable(model, few[0], _candidates(model, layout))
    everything = Taps(layout, layers, ())
    seen = capture(model, loss, few, everything)
    rest = _used_elsewhere(model, loss, few, layers, layout) | (set(layout.shapes) - seen.covered)
    for at in _spread(len(few[0]), ALONE).tolist():
        value, truth = _alone(model, loss, take(few, torch.tensor([at])), layout)
        _refuse_unequal(seen.losses[at], value)
        noise = 16 * _eps(value) * max(float(each.abs().max()) for each in truth.values())
        for name in set(layout.shapes) - rest:
            if not _agrees(seen.gradients_of(name)[at], truth[name], noise):
                rest.add(name)
    left = tuple(name for name in layout.shapes if name in rest)
    if left:
        LOG.info("Per-sample gradients by torch.func for %d parameters: %s", len(left), left)
    return Taps(layout, _without(layers, rest), left)


def _spread(n: int, most: int) -> Tensor:
    """Return rows from the first to the last, evenly spread; of one sample that one, twice."""
    return torch.linspace(0, n - 1, max(2, min(n, most))).round().long()


def _candidates(model: nn.Module, layout: Layout) -> dict[nn.Module, dict[str, str]]:
    names = {id(value): name for name, value in model.named_parameters() if name in layout.shapes}
    found = {
        part: {
            attribute: names[id(value)]
            for attribute, value in part.named_parameters(recurse=False, remove_duplicate=False)
            if id(value) in names
        }
        for part in model.modules()
        if rule_for(part) is not None
    }
    return {part: attributes for part, attributes in found.items() if attributes}


def _usable(
    model: nn.Module, inputs: Tensor, layers: Mapping[nn.Module, Mapping[str, str]]
) -> dict[nn.Module, Mapping[str, str]]:
    """Drop layers that were not called, or whose input or output does not stay as hooks saw it."""
    versions: dict[nn.Module, list[tuple[Tensor, int]]] = {}

    def note(module: nn.Module, seen: Tensor, output: Tensor) -> Tensor:
        versions.setdefault(module, []).extend((each, each._version) for each in (seen, output))
        return output

    with frozen(model), torch.no_grad(), recording(layers, note):
        model(inputs)
    return {
        module: attributes
        for module, attributes in layers.items()
        if module in versions
        and all(
            each._version == version and len(each) == len(inputs)
            for each, version in versions[module]
        )
    }


def _used_elsewhere(
    model: nn.Module,
    loss: Loss,
    batch: Batch,
    layers: Mapping[nn.Module, Mapping[str, str]],
    layout: Layout,
) -> set[str]:
    """Return the parameters that reach the loss by another way than through a tapped layer.

    Autograd knows, where the layers themselves work with detached ones. The gradients would not
    tell: of a sample whose units are all off, that of the other use is zero too.
    """
    values = {name: value.detach() for name, value in model.named_parameters()}
    chosen = {name: values[name].clone().requires_grad_() for name in layout.shapes}
    with frozen(model), torch.enable_grad(), _detached_inside(layers):
        losses = loss(functional_call(model, {**values, **chosen}, (batch[0],)), batch[1])
    if not losses.requires_grad:
        return set()
    found = torch.autograd.grad(losses.sum(), list(chosen.values()), allow_unused=True)
    return {name for name, each in zip(chosen, found, strict=True) if each is not None}


@contextmanager
def _detached_inside(layers: Mapping[nn.Module, Mapping[str, str]]) -> Iterator[None]:
    """Let layers work with detached parameters while they are called, and only then."""
    held: dict[nn.Module, dict[str, Any]] = {}

    def enter(module: nn.Module, _args: Any) -> None:
        held[module] = {name: module._parameters[name] for name in layers[module]}
        module._parameters.update({name: each.detach() for name, each in held[module].items()})

    def leave(module: nn.Module, _args: Any, _output: Any) -> None:
        module._parameters.update(held.pop(module))

    handles = [part.register_forward_pre_hook(enter) for part in layers]
    handles += [part.register_forward_hook(leave, always_call=True) for part in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _alone(
    model: nn.Module, loss: Loss, batch: Batch, layout: Layout
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss of one sample and its gradient by parameter, by autograd."""
    values = {name: value.detach() for name, value in model.named_parameters()}
    chosen = {name: values[name].clone().requires_grad_() for name in layout.shapes}
    with frozen(model), torch.enable_grad():
        losses = loss(functional_call(model, {**values, **chosen}, (batch[0],)), batch[1])
    check_losses(losses, 1)
    if not losses.requires_grad:
        raise UnsuitableDataError(
            "The loss does not depend on the chosen parameters; the net must not detach its "
            "outputs or run under torch.no_grad."
        )
    found = torch.autograd.grad(
        losses.sum(), list(chosen.values()), allow_unused=True, materialize_grads=True
    )
    dense = [each.to_dense() if each.is_sparse else each for each in found]
    return losses[0].detach(), dict(zip(chosen, dense, strict=True))


def _refuse_unequal(together: Tensor, alone: Tensor) -> None:
    # The floor: a fitted sample's loss is rounding of logits of order 1.
    if abs(together - alone) > _eps(alone) ** 0.5 * max(abs(alone), _eps(alone) ** 0.5):
        raise UnsuitableDataError(
            f"The loss of a sample is {alone:.6g} alone and {together:.6g} beside another: the "
            "samples of a batch influence one another; replace the layer that mixes them."
        )


def _agrees(found: Tensor, truth: Tensor, noise: float) -> bool:
    """Compare to a quarter of the digits: deep nets in float32 lose half of them to rounding.

    The gradient of another function differs in the first digit.
    """
    gap = (found - truth).abs().max()
    return bool(gap <= _eps(truth) ** 0.25 * truth.abs().max() + noise)


def _eps(values: Tensor) -> float:
    return float(torch.finfo(values.dtype).eps)


def _without(
    layers: Mapping[nn.Module, Mapping[str, str]], rest: Collection[str]
) -> dict[nn.Module, Mapping[str, str]]:
    kept = {
        module: {attribute: name for attribute, name in attributes.items() if name not in rest}
        for module, attributes in layers.items()
    }
    return {module: attributes for module, attributes in kept.items() if attributes}
