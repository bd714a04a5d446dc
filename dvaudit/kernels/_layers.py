"""The layers an NTK counts, and what each contributes to a sample's gradient.

The gradient of a sample's output with respect to a weight is D U^T: D are the gradients of the
output with respect to what the layer returns, (o, T), and U the patches of its input the weight
saw, (f, T), for its o output channels, fan-in f and T positions (1 for a vector).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

Counted = nn.Linear | nn.Conv2d

# Temporary bytes at a time on a CPU and on a GPU. What a CPU's allocator can use again without
# asking the system for fresh pages (below 32 MiB with glibc) takes a third of the time.
TEMPORARY = {"cpu": 16 << 20, "cuda": 1 << 30}


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


def patches(module: Counted, inputs: Tensor) -> Tensor:
    """Return U, shape (n, g, f, T), from a batch of inputs of the layer."""
    if isinstance(module, nn.Linear):
        return inputs.reshape(len(inputs), -1, inputs.shape[-1]).transpose(1, 2).unsqueeze(1)
    if max(module.kernel_size) == 1 and not _is_padded(module):
        down, across = module.stride
        columns = inputs[:, :, ::down, ::across].flatten(2)
    else:
        columns = functional.unfold(
            _pad(module, inputs), module.kernel_size, module.dilation, 0, module.stride
        )
    return columns.reshape(len(inputs), module.groups, -1, columns.shape[-1])


def deltas(module: Counted, delta: Tensor) -> Tensor:
    """Return D, shape (n, g, o / g, T), from the gradient at the layer's output."""
    if isinstance(module, nn.Linear):
        return delta.reshape(len(delta), -1, delta.shape[-1]).transpose(1, 2).unsqueeze(1)
    return delta.reshape(len(delta), module.groups, len(module.weight) // module.groups, -1)


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


def _is_padded(module: nn.Conv2d) -> bool:
    return any(_padding(module))


def _pad(module: nn.Conv2d, inputs: Tensor) -> Tensor:
    if not _is_padded(module):
        return inputs
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    return functional.pad(inputs, _padding(module), mode)


def _padding(module: nn.Conv2d) -> list[int]:
    """Return left, right, top and bottom padding; "same" puts the odd one right and below."""
    sides: list[int] = []
    for axis in (1, 0):
        if module.padding == "valid":
            sides += [0, 0]
        elif module.padding == "same":
            total = module.dilation[axis] * (module.kernel_size[axis] - 1)
            sides += [total // 2, total - total // 2]
        else:
            sides += [int(module.padding[axis])] * 2
    return sides
