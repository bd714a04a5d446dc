"""Which random projection each layer of a net gets, and the drawing of its numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dvaudit.core.errors import ResourceError, SettingsError
from dvaudit.core.machine import available_memory, size_text
from dvaudit.gradients._capture import Taps
from dvaudit.gradients.projections import Factors, Formed, LayerProjection, Projections

SIZE = 1024  # numbers a layer, as in the paper
ROOT = "(net)"  # the layer of parameters the net has outside its modules


def plan_projections(
    taps: Taps,
    *,
    size: int = SIZE,
    seed: int = 0,
    like: Tensor | None = None,
    memory: int | None = None,
) -> Projections:
    """Return projections of at most `size` numbers a layer.

    Factors have about sqrt(size) rows each; what a side smaller than that leaves is given to the
    other. The same seed gives the same numbers on every device.

    Args:
        taps: of `plan_taps`; the projections go by parameter names and outlive it.
        like: of the type and device of the factors; float32 on the CPU by default.
        memory: bytes the matrices may take; half of what is free by default.

    Raises:
        SettingsError: a size below 1.
        ResourceError: the matrices do not fit.
    """
    if size < 1:
        raise SettingsError(f"A layer is projected to {size} numbers; ask for 1 or more.")
    like = torch.zeros(()) if like is None else like
    plans = _plan(taps)
    _refuse_large(plans, size, like, available_memory() // 2 if memory is None else memory)
    return Projections(
        tuple(plan.draw(size, [seed, index], like) for index, plan in enumerate(plans)), seed
    )


def factor_sides(full: tuple[int, int], size: int) -> tuple[int, int]:
    """Return k_s <= o and k_a <= f with k_s k_a <= size, as equal as these allow."""
    o, f = full
    side = math.isqrt(size)
    if o <= side:
        return o, max(1, min(f, size // o))
    if f <= side:
        return max(1, min(o, size // f)), f
    return side, side


@dataclass(frozen=True)
class _Plan:
    """A layer before its numbers are drawn; `full` is (o, f) for two factors."""

    name: str
    parameters: tuple[str, ...]
    full: tuple[int, int] | int

    def numbers(self, size: int) -> int:
        if isinstance(self.full, int):
            return 0 if self.full <= size else self.full * size
        sides = factor_sides(self.full, size)
        return sum(k * d for k, d in zip(sides, self.full, strict=True) if k < d)

    def draw(self, size: int, seed: Sequence[int], like: Tensor) -> LayerProjection:
        if isinstance(self.full, int):
            matrix = _gaussian(min(size, self.full), self.full, [*seed, 0], like)
            return Formed(self.name, self.parameters, self.full, matrix)
        sides = factor_sides(self.full, size)
        left, right = (
            _gaussian(k, d, [*seed, side], like)
            for side, (k, d) in enumerate(zip(sides, self.full, strict=True))
        )
        weight, bias = self.parameters[0], self.parameters[1] if self.parameters[1:] else None
        return Factors(self.name, weight, bias, self.full, left, right)


def _plan(taps: Taps) -> list[_Plan]:
    """Return the layers in the order of the net's parameters."""
    shapes = taps.layout.shapes
    users = Counter(name for names in taps.layers.values() for name in names.values())
    factored: dict[str, _Plan] = {}
    for module, names in taps.layers.items():
        weight, bias = names.get("weight"), names.get("bias")
        if weight is None or weight in factored or not _is_product(module):
            continue
        alone = users[weight] == 1 and bias is not None and users[bias] == 1
        shape = shapes[weight]
        inputs = math.prod(shape[1:]) + alone
        parameters = (weight, bias) if alone and bias is not None else (weight,)
        factored[weight] = _Plan(_layer(weight), parameters, (shape[0], inputs))
    taken = {name for plan in factored.values() for name in plan.parameters}
    return _with_formed(factored, [name for name in shapes if name not in taken], shapes)


def _with_formed(
    factored: Mapping[str, _Plan], left: Sequence[str], shapes: Mapping[str, torch.Size]
) -> list[_Plan]:
    groups: dict[str, list[str]] = {}
    for name in left:
        groups.setdefault(_layer(name), []).append(name)
    formed = {
        names[0]: _Plan(layer, tuple(names), sum(math.prod(shapes[name]) for name in names))
        for layer, names in groups.items()
    }
    both = {**factored, **formed}
    return [both[name] for name in shapes if name in both]


def _is_product(module: nn.Module) -> bool:
    """Whether the gradient is one sum of products: not with groups, which have a sum each."""
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        return module.groups == 1
    return isinstance(module, nn.Linear | nn.Embedding)


def _layer(parameter: str) -> str:
    return parameter.rpartition(".")[0] or ROOT


def _refuse_large(plans: Sequence[_Plan], size: int, like: Tensor, room: int) -> None:
    largest = max(plans, key=lambda plan: plan.numbers(size))
    needed = sum(plan.numbers(size) for plan in plans) * like.element_size()
    if needed > room:
        raise ResourceError(
            f"Projections of {len(plans)} layers to {size:,} numbers each need {size_text(needed)} "
            f"and {size_text(room)} may be used; the largest is that of layer {largest.name} "
            f"({size_text(largest.numbers(size) * like.element_size())}). Project to fewer "
            "numbers, or freeze that layer."
        )


def _gaussian(rows: int, columns: int, seed: Sequence[int], like: Tensor) -> Tensor | None:
    if rows >= columns:
        return None
    state = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
    draws = torch.Generator().manual_seed(state)
    matrix = torch.randn((rows, columns), generator=draws, dtype=torch.float64)
    return (matrix / math.sqrt(rows)).to(like.device, like.dtype)
