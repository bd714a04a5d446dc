"""The per-sample gradients of each kind of layer, from its input and the gradient at its output.

`delta` is the gradient of the summed losses with respect to what the layer returned; the samples
do not mix, so row i of it belongs to sample i alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from dvaudit.gradients._terms import Formed, Lookup, Product, Term
from dvaudit.taps.patches import Weighted

Rule = Callable[[Any, Tensor, Tensor], Iterator[tuple[str, Term]]]


def terms(module: nn.Module, inputs: Tensor, delta: Tensor) -> Iterator[tuple[str, Term]]:
    """Yield, by attribute of the module, what this use adds to the gradient of a parameter.

    Args:
        inputs: (n, ...) of the module.
        delta: (n, ...), shaped like its output.
    """
    rule = rule_for(module)
    assert rule is not None, type(module)
    yield from rule(module, inputs, delta)


def rule_for(module: nn.Module) -> Rule | None:
    """Return the rule of a module's type, or None; a subclass may compute something else."""
    return next(
        (
            rule
            for kind, rule in RULES.items()
            if isinstance(module, kind) and type(module).forward is kind.forward
        ),
        None,
    )


def _weighted(module: Weighted, inputs: Tensor, delta: Tensor) -> Iterator[tuple[str, Term]]:
    yield "weight", Product(module, module.weight.shape, inputs, delta)
    if module.bias is not None:
        channel = -1 if isinstance(module, nn.Linear) else 1
        yield "bias", Formed(_over_positions(delta, channel))


def _embedding(module: nn.Embedding, tokens: Tensor, delta: Tensor) -> Iterator[tuple[str, Term]]:
    tokens = tokens.reshape(len(tokens), -1)
    delta = delta.reshape(*tokens.shape, -1)
    if module.padding_idx is not None:
        delta = delta * (tokens != module.padding_idx)[:, :, None]
    yield "weight", Lookup(module.weight.shape, tokens, delta)


def _layer_norm(module: nn.LayerNorm, inputs: Tensor, delta: Tensor) -> Iterator[tuple[str, Term]]:
    shape = module.normalized_shape
    if module.weight is not None:
        normal = functional.layer_norm(inputs, shape, eps=module.eps)
        yield "weight", Formed((normal * delta).reshape(len(delta), -1, *shape).sum(1))
    if module.bias is not None:
        yield "bias", Formed(delta.reshape(len(delta), -1, *shape).sum(1))


def _group_norm(module: nn.GroupNorm, inputs: Tensor, delta: Tensor) -> Iterator[tuple[str, Term]]:
    normal = functional.group_norm(inputs, module.num_groups, eps=module.eps)
    return _by_channel(module, normal, delta)


def _batch_norm(module: _BatchNorm, inputs: Tensor, delta: Tensor) -> Iterator[tuple[str, Term]]:
    """Statistics are frozen: `refuse_mixing` let no other batch norm through."""
    normal = functional.batch_norm(inputs, module.running_mean, module.running_var, eps=module.eps)
    return _by_channel(module, normal, delta)


def _by_channel(module: Any, normal: Tensor, delta: Tensor) -> Iterator[tuple[str, Term]]:
    if module.weight is not None:
        yield "weight", Formed(_over_positions(normal * delta, 1))
    if module.bias is not None:
        yield "bias", Formed(_over_positions(delta, 1))


def _over_positions(values: Tensor, channel: int) -> Tensor:
    """Sum (n, ...) to (n, channels)."""
    if values.dim() == 2:
        return values
    return torch.movedim(values, channel, 1).reshape(len(values), values.shape[channel], -1).sum(2)


RULES: dict[type[nn.Module], Rule] = {
    nn.Linear: _weighted,
    nn.Conv1d: _weighted,
    nn.Conv2d: _weighted,
    nn.Embedding: _embedding,
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
    _BatchNorm: _batch_norm,
}
