"""Which form each layer of an NTK takes, and which columns share a forward and backward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch

from dvaudit.core.errors import ResourceError
from dvaudit.core.machine import GIB
from dvaudit.kernels._layers import Layer

LARGEST_BATCH = 256
ELEMENTWISE = 8  # an elementwise operation waits for memory as long as this many flops take
HELD, PASSING, MULTIPLYING = 0.5, 0.25, 0.25  # shares of the memory


class Form(StrEnum):
    """TWO_FACTOR: inputs and output gradients are held; GRADIENT: columns of gradients are."""

    TWO_FACTOR = "two-factor"
    GRADIENT = "gradient"


@dataclass(frozen=True)
class LayerPlan:
    """One layer: its form, the numbers held per row and the flops of its share of the matrix."""

    name: str
    form: Form
    parameters: int
    numbers: int
    flops: float


@dataclass(frozen=True)
class Piece:
    """Units [first, last) of a layer's gradient, or (0, 0) for the factors of the whole layer."""

    layer: int
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class NtkPlan:
    """How the NTK of one block of rows is computed.

    Attributes:
        layers: in the order of the forward pass.
        rows: of the block.
        passes: forward and backward passes over the rows, with the pieces each serves.
        batch: rows in one forward pass.
        flops: of the products, the gradients and the passes; a multiply-add counts 2.
        bytes: peak memory beside the model, the data and the result.
    """

    layers: tuple[LayerPlan, ...]
    rows: int
    passes: tuple[tuple[Piece, ...], ...]
    batch: int
    flops: float
    bytes: int


@dataclass(frozen=True)
class Budget:
    """The memory in bytes, and what a number takes in it: gradients, and their products."""

    memory: int
    number: int
    product: int

    @staticmethod
    def of(memory: int, dtype: torch.dtype, gram_dtype: torch.dtype) -> Budget:
        return Budget(memory, dtype.itemsize, gram_dtype.itemsize)

    def rows_held(self, numbers: int) -> int:
        """Rows that can be held in one pass with so many numbers each."""
        return int(HELD * self.memory / (self.number * max(numbers, 1)))

    def batch(self, layers: Sequence[Layer], activations: int) -> int:
        """Rows in one forward pass.

        Held per row: what every module returned, the gradients of that, one more copy for what
        autograd keeps, and the patches of the largest layer twice.
        """
        patches = max(layer.groups * layer.fan_in * layer.positions for layer in layers)
        row = self.number * (3 * activations + 2 * patches)
        fits = int(PASSING * self.memory / row)
        if fits < 1:
            raise ResourceError(
                f"One forward and backward pass of one sample needs {row / GIB:.3g} GiB, and "
                f"{PASSING * self.memory / GIB:.3g} of {self.memory / GIB:.3g} GiB are meant for "
                "it; give more memory, smaller images or a smaller net."
            )
        return min(fits, LARGEST_BATCH)

    def tile(self, layer: Layer, rows: int) -> int:
        """Rows in a square tile of the two-factor form; 0 where not even one fits."""
        free, t = MULTIPLYING * self.memory, layer.positions
        patches = layer.groups * (layer.fan_in + layer.group_outputs) * (self.number + self.product)
        side = min(rows, int((free / (2 * self.product)) ** 0.5 / t))
        while side and 2 * self.product * (side * t) ** 2 + 2 * side * t * patches > free:
            side //= 2
        return side

    def columns(self, rows: int) -> int:
        """Columns of gradients multiplied at a time."""
        return max(1, int(MULTIPLYING * self.memory / ((self.number + self.product) * rows)))


def choose_forms(layers: Sequence[Layer], rows: int, budget: Budget) -> list[LayerPlan]:
    """Return each layer's cheaper form for a block of `rows`.

    Cost: the flops of the products and of forming gradients, and the layer's share of a pass,
    since what is held for it decides how many passes there are.
    """
    one_pass = rows * _pass_flops(layers)
    chosen = []
    for layer in layers:
        options = [_gradient(layer, rows)]
        factors = _two_factor(layer, rows)
        held = budget.rows_held(factors.numbers) >= rows
        if layer.calls == 1 and held and budget.tile(layer, rows):
            options.append(factors)
        capacity = max(1, budget.rows_held(1) // rows)
        chosen.append(min(options, key=lambda p: p.flops + one_pass * p.numbers / capacity))
    return chosen


def pack(
    layers: Sequence[Layer], forms: Sequence[LayerPlan], rows: int, budget: Budget
) -> tuple[tuple[Piece, ...], ...]:
    """Return the pieces of each pass over `rows`, the layers nearest to the output first.

    A pass ends its backward half at its earliest layer, so neighbours share one.
    """
    capacity = budget.rows_held(1) // rows
    passes: list[list[Piece]] = [[]]
    free = capacity
    for index in reversed(range(len(layers))):
        layer, form = layers[index], forms[index]
        if form.form is Form.TWO_FACTOR:
            if form.numbers > free:
                passes.append([])
                free = capacity
            passes[-1].append(Piece(index))
            free -= form.numbers
            continue
        first = 0
        while first < layer.units:
            last = min(layer.units, first + free // layer.unit_columns)
            if last > first:
                passes[-1].append(Piece(index, first, last))
                free -= (last - first) * layer.unit_columns
                first = last
            elif free == capacity:
                _refuse(layer, rows, budget)
            else:
                passes.append([])
                free = capacity
    return tuple(tuple(pieces) for pieces in passes)


def make_plan(layers: Sequence[Layer], activations: int, rows: int, budget: Budget) -> NtkPlan:
    """Return the plan for one block of `rows` rows."""
    forms = choose_forms(layers, rows, budget)
    passes = pack(layers, forms, rows, budget)
    flops = sum(form.flops for form in forms) + len(passes) * rows * _pass_flops(layers)
    return NtkPlan(
        tuple(forms), rows, passes, budget.batch(layers, activations), flops, budget.memory
    )


def _gradient(layer: Layer, rows: int) -> LayerPlan:
    numbers = layer.outputs * layer.fan_in
    forming = 2.0 * rows * layer.calls * layer.positions * numbers
    return LayerPlan(
        layer.name, Form.GRADIENT, numbers, numbers, forming + float(rows) ** 2 * numbers
    )


def _two_factor(layer: Layer, rows: int) -> LayerPlan:
    t = layer.positions
    numbers = layer.input_numbers + layer.outputs * t
    pair = (layer.groups * layer.fan_in + layer.outputs) + ELEMENTWISE * layer.groups
    flops = float(rows * t) ** 2 * pair
    return LayerPlan(layer.name, Form.TWO_FACTOR, layer.outputs * layer.fan_in, numbers, flops)


def _pass_flops(layers: Sequence[Layer]) -> float:
    """Of one row: forward, and backward to the layers' inputs."""
    return sum(
        4.0 * layer.calls * layer.positions * layer.outputs * layer.fan_in for layer in layers
    )


def _refuse(layer: Layer, rows: int, budget: Budget) -> None:
    needed = rows * layer.unit_columns * budget.number / HELD
    raise ResourceError(
        f"The gradients of {rows:,} rows in one unit of layer {layer.name!r} "
        f"({layer.unit_columns:,} weights) need {needed / GIB:.3g} GiB of memory, and "
        f"{budget.memory / GIB:.3g} GiB are allowed; use more blocks, or more memory."
    )
