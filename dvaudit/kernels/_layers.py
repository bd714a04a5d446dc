"""The layers an NTK counts, and what each contributes to a sample's gradient D U^T.

D and U are the two factors of dvaudit.taps.patches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dvaudit.taps.patches import TEMPORARY, deltas, patches

Counted = nn.Linear | nn.Conv2d


@dataclass(frozen=True, eq=False)
class Layer:
    """One weight, the modules that use it, and its sizes.

    Attributes:
        name: of the first module, for messages and plans.
        outputs, fan_in, groups: o, f and g; the weight has o * f numbers.
        calls: uses in one forward pass.
        positions: T of one use.
        input_numbers: size of one sample's input to the layer.
    """

    name: str
    modules: tuple[Counted, ...]
    outputs: int
    fan_in: int
    groups: int
    calls: int
    positions: int
    input_numbers: int

    @property
    def group_outputs(self) -> int:
        """Output channels of a group."""
        return self.outputs // self.groups

    @property
    def unit(self) -> int:
        """Output channels that are cut together: all of a group, where there are groups."""
        return self.group_outputs if self.groups > 1 else 1

    @property
    def units(self) -> int:
        """How many column blocks the gradient can be cut into."""
        return self.outputs // self.unit

    @property
    def unit_columns(self) -> int:
        """Numbers of one sample's gradient in one unit."""
        return self.unit * self.fan_in


@dataclass(frozen=True, eq=False)
class Use:
    """What one use of a layer saw for a batch: its input and the gradient at its output."""

    module: Counted
    inputs: Tensor
    delta: Tensor


def add_gradient(layer: Layer, use: Use, units: tuple[int, int], out: Tensor) -> None:
    """Add units [first, last) of each sample's D U^T to `out`, shape (n, columns), contiguous."""
    row = layer.groups * layer.fan_in * layer.positions * out.element_size()
    step = max(1, TEMPORARY[out.device.type] // row)
    for start in range(0, len(out), step):
        rows = slice(start, start + step)
        some = Use(use.module, use.inputs[rows], use.delta[rows])
        _add_gradient(layer, some, units, out[rows])


def _add_gradient(layer: Layer, use: Use, units: tuple[int, int], out: Tensor) -> None:
    first, last = units
    seen, back = patches(use.module, use.inputs), deltas(use.module, use.delta)
    if layer.groups > 1:
        seen, back = seen[:, first:last].flatten(0, 1), back[:, first:last].flatten(0, 1)
    else:
        seen, back = seen[:, 0], back[:, 0, first:last]
    out.view(len(back), -1, layer.fan_in).baddbmm_(back, seen.transpose(1, 2))


def pair_products(layer: Layer, rows: Use, columns: Use, dtype: torch.dtype) -> Tensor:
    """Return <grad_i, grad_j>, shape (rows, columns), without forming a gradient.

    The two-factor form: the sum over groups and pairs of positions t, t' of
    (d_it . d_jt') (u_it . u_jt').
    """
    module = rows.module
    total = torch.zeros(
        (len(rows.delta), len(columns.delta)), dtype=dtype, device=rows.delta.device
    )
    for group in range(layer.groups):
        product: Tensor | None = None
        for a, b in (
            (patches(module, rows.inputs), patches(module, columns.inputs)),
            (deltas(module, rows.delta), deltas(module, columns.delta)),
        ):
            inner = _by_position(a[:, group], dtype) @ _by_position(b[:, group], dtype).T
            product = inner if product is None else product.mul_(inner)
        assert product is not None
        shape = (len(total), layer.positions, total.shape[1], layer.positions)
        total += product.view(shape).sum((1, 3))
    return total


def counted_layers(
    model: nn.Module, uses: Mapping[Counted, list[tuple[Tensor, Tensor]]]
) -> list[Layer]:
    """Return the layers in the order of their first use, from the inputs and outputs of one pass.

    Modules that share a weight are one layer.
    """
    by_weight: dict[int, list[Counted]] = {}
    for module in uses:
        by_weight.setdefault(id(module.weight), []).append(module)
    names = {id(module): name for name, module in model.named_modules()}
    layers = []
    for modules in by_weight.values():
        seen = [pair for module in modules for pair in uses[module]]
        first, weight = modules[0], modules[0].weight
        outputs, groups = len(weight), first.groups if isinstance(first, nn.Conv2d) else 1
        layers.append(
            Layer(
                name=names[id(first)] or type(first).__name__,
                modules=tuple(modules),
                outputs=outputs,
                fan_in=weight[0].numel(),
                groups=groups,
                calls=len(seen),
                positions=max(out[0].numel() // outputs for _, out in seen),
                input_numbers=max(inputs[0].numel() for inputs, _ in seen),
            )
        )
    return layers


def _by_position(factor: Tensor, dtype: torch.dtype) -> Tensor:
    """(n, f, T) to (n T, f)."""
    return factor.transpose(1, 2).flatten(0, 1).to(dtype)
