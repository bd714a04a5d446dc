"""A weight's gradient as a product of two factors.

The gradient of a scalar with respect to the weight of a Linear or convolution layer is D U^T, one
sample at a time: D are the gradients at what the layer returns, (o, T), and U the patches of its
input the weight saw, (f, T), for its o output channels, fan-in f and T positions (1 for a vector).
With groups there is one such pair for each.
"""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

Conv = nn.Conv1d | nn.Conv2d
Weighted = nn.Linear | Conv

# Temporary bytes at a time on a CPU and on a GPU. What a CPU's allocator can use again without
# asking the system for fresh pages (below 32 MiB with glibc) takes a third of the time.
TEMPORARY = {"cpu": 16 << 20, "cuda": 1 << 30}


def patches(module: Weighted, inputs: Tensor) -> Tensor:
    """Return U, shape (n, g, f, T), from a batch of inputs of the layer."""
    if isinstance(module, nn.Linear):
        return inputs.reshape(len(inputs), -1, inputs.shape[-1]).transpose(1, 2).unsqueeze(1)
    if max(module.kernel_size) == 1 and not any(padding(module)):
        steps = (slice(None, None, step) for step in module.stride)
        columns = inputs[(slice(None), slice(None), *steps)].flatten(2)
    else:
        columns = _unfold(module, pad(module, inputs))
    return columns.reshape(len(inputs), module.groups, -1, columns.shape[-1])


def deltas(module: Weighted, delta: Tensor) -> Tensor:
    """Return D, shape (n, g, o / g, T), from the gradient at the layer's output."""
    if isinstance(module, nn.Linear):
        return delta.reshape(len(delta), -1, delta.shape[-1]).transpose(1, 2).unsqueeze(1)
    return delta.reshape(len(delta), module.groups, len(module.weight) // module.groups, -1)


def pad(module: Conv, inputs: Tensor) -> Tensor:
    """Return the inputs as the convolution pads them."""
    sides = padding(module)
    if not any(sides):
        return inputs
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    return functional.pad(inputs, sides, mode)


def padding(module: Conv) -> list[int]:
    """Return the padding before and after each axis, last axis first, as functional.pad wants.

    "same" puts the odd one after.
    """
    sides: list[int] = []
    for axis in reversed(range(len(module.kernel_size))):
        if module.padding == "valid":
            sides += [0, 0]
        elif module.padding == "same":
            total = module.dilation[axis] * (module.kernel_size[axis] - 1)
            sides += [total // 2, total - total // 2]
        else:
            sides += [int(module.padding[axis])] * 2
    return sides


def _unfold(module: Conv, padded: Tensor) -> Tensor:
    """Return (n, channels * kernel, positions) as functional.unfold does, in one strided copy.

    functional.unfold takes two to nine times as long on a CPU, and images only.
    """
    steps = padded.stride()[2:]
    counts = [
        (side - dilation * (kernel - 1) - 1) // stride + 1
        for side, kernel, dilation, stride in zip(
            padded.shape[2:], module.kernel_size, module.dilation, module.stride, strict=True
        )
    ]
    within = [step * dilation for step, dilation in zip(steps, module.dilation, strict=True)]
    between = [step * stride for step, stride in zip(steps, module.stride, strict=True)]
    view = padded.as_strided(
        (*padded.shape[:2], *module.kernel_size, *counts),
        (*padded.stride()[:2], *within, *between),
        padded.storage_offset(),
    )
    first = math.prod(module.kernel_size) * padded.shape[1]
    return view.reshape(len(padded), first, math.prod(counts))
