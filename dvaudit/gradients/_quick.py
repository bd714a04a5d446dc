"""Losses alone: a forward pass without gradients, with the pooling of torch's CPU kernel avoided.

That kernel also notes where each maximum lies, one number at a time: 14 times as long as the same
maxima taken row by row, and two thirds of the forward pass of LeNet-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dvaudit.gradients._capture import Point
from dvaudit.gradients._frozen import frozen
from dvaudit.gradients.losses import Batch, Loss

MOST = 4  # sides of pools; larger ones take more passes over the picture than they save


def losses_alone(
    model: nn.Module, loss: Loss, batch: Batch, *, point: Point | None = None
) -> Tensor:
    """Return the losses of a batch, shape (n,), in evaluation mode and without a graph.

    Args:
        point: values of parameters by name, in place of the net's own.
    """
    inputs, targets = batch
    with frozen(model), torch.no_grad(), _quick_pools(model, inputs.device.type):
        outputs = model(inputs) if point is None else functional_call(model, dict(point), (inputs,))
        return loss(outputs, targets)


@contextmanager
def _quick_pools(model: nn.Module, device: str) -> Iterator[None]:
    parts = model.modules() if device == "cpu" else ()
    pools = [part for part in parts if isinstance(part, nn.MaxPool2d) and _tiles(part)]
    try:
        for pool in pools:
            vars(pool)["forward"] = partial(_tile_maxima, sides=_sides(pool.kernel_size))
        yield
    finally:
        for pool in pools:
            vars(pool).pop("forward", None)


def _tiles(pool: nn.MaxPool2d) -> bool:
    """Whether a pool takes the maxima of tiles that neither overlap nor leave gaps."""
    return (
        type(pool).forward is nn.MaxPool2d.forward
        and "forward" not in vars(pool)
        and max(_sides(pool.kernel_size)) <= MOST
        and _sides(pool.stride) == _sides(pool.kernel_size)
        and _sides(pool.padding) == (0, 0)
        and _sides(pool.dilation) == (1, 1)
        and not (pool.ceil_mode or pool.return_indices)
    )


def _tile_maxima(inputs: Tensor, *, sides: tuple[int, int]) -> Tensor:
    """Return (..., h // rows, w // columns) maxima; what is left at the edges is dropped."""
    rows, columns = sides
    height, width = (
        size // side * side for size, side in zip(inputs.shape[-2:], sides, strict=True)
    )
    inputs = inputs[..., :height, :width]
    lines = inputs[..., ::rows, :]
    for row in range(1, rows):
        lines = torch.maximum(lines, inputs[..., row::rows, :])
    maxima = lines[..., ::columns]
    for column in range(1, columns):
        maxima = torch.maximum(maxima, lines[..., column::columns])
    return maxima


def _sides(sides: int | tuple[int, ...]) -> tuple[int, int]:
    """Return rows and columns of what a layer was told as one number or two."""
    return (sides, sides) if isinstance(sides, int) else (sides[0], sides[-1])
