"""The empirical neural tangent kernel of a net: Gram matrices of per-sample output gradients.

Theta_ij = <grad f_i, grad f_j>, f_i the net's output for the class sample i is labelled with
(or its only output), gradients with respect to the weights of Linear and Conv2d layers, biases
and norms left out (DAVINZ, section 3; no ridge is added here).

Theta is a sum over layers, and each layer takes the cheaper of two forms:

- two-factor: (A A^T) * (D D^T) entry by entry, with A the layer's inputs and D the gradients at
  its outputs, summed over pairs of positions in a convolution;
- gradient: the samples' gradients in blocks of output channels G, Theta += G G^T.

What is held at once stays within the memory given: the m x P Jacobian never is. Where several
blocks of columns are needed, forward and backward are run again for each.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.core.progress import Progress, part, silent
from dvaudit.kernels._layers import Layer, Use, add_gradient, pair_products
from dvaudit.kernels._ntk_check import refuse_unsound
from dvaudit.kernels._ntk_plan import Budget, LayerPlan, NtkPlan, Piece, choose_forms, make_plan
from dvaudit.kernels._ntk_plan import pack as pack_passes
from dvaudit.kernels._taps import backward, own, probe
from dvaudit.taps.hooks import full_precision
from dvaudit.taps.patches import TEMPORARY

STRIP = 256
SHORTEST_SUM = 1024  # columns, below which writing the product costs more than computing it
GRADIENTS = 0.5  # share of the progress reported while a chunk's gradients are computed


def own_outputs(
    model: nn.Module, inputs: Tensor, classes: Tensor | None = None, batch: int = 256
) -> Tensor:
    """Return f, shape (n,), in evaluation mode: each sample's output for its own given class.

    Args:
        model: from (n, ...) to (n, outputs).
        inputs: (n, ...); moved to the model's device and precision a batch at a time.
        classes: (n,) int64 class codes, or None for a net with one output.
        batch: rows of a forward pass.

    Raises:
        UnsuitableDataError: a class without an output, or several outputs without classes.
    """
    net = _Net.of(model, inputs, classes, _dtype(model))
    rows = torch.arange(len(inputs))
    with torch.no_grad(), full_precision():
        found = [own(net.model(x), y) for x, y in net.batches(rows, batch)]
    return torch.cat(found)


def plan_ntk(
    model: nn.Module,
    shape: Sequence[int],
    rows: int,
    memory: int,
    *,
    dtype: torch.dtype = torch.float32,
    gram_dtype: torch.dtype = torch.float64,
) -> NtkPlan:
    """Return how the NTK of one block of `rows` samples of `shape` is computed, and its cost.

    Args:
        memory: bytes, as in `ntk_blocks`.

    Raises:
        ResourceError: not even one sample, or one output channel for all rows, fits.
        UnsuitableDataError: as in `ntk_blocks`.
    """
    net = _Net.of(model, torch.zeros(1, *shape), None, dtype)
    with full_precision():
        layers, activations = probe(net.model, net.rows(torch.zeros(1, dtype=torch.int64))[0])
    return make_plan(layers, activations, rows, Budget.of(memory, dtype, gram_dtype))


def ntk_blocks(
    model: nn.Module,
    inputs: Tensor,
    classes: Tensor | None,
    blocks: Sequence[Tensor],
    *,
    memory: int,
    dtype: torch.dtype = torch.float32,
    gram_dtype: torch.dtype = torch.float64,
    progress: Progress = silent,
) -> list[Tensor]:
    """Return Theta_b of each block of rows, shape (b, b), on the model's device.

    The products are exact to `gram_dtype` whatever the precision of the gradients, so that the
    float64 Gram matrix of float32 gradients is positive semidefinite to float64 rounding, far
    below any ridge in use.

    Args:
        model: from (n, ...) to (n, outputs); run in evaluation mode, not changed.
        inputs: (n, ...), on any device.
        classes: (n,) int64 class codes, or None for a net with one output.
        blocks: row indices of each block, int64; blocks may overlap, and the whole set is one.
        memory: bytes for gradients, activations and products, beside the model and the result.
        dtype: of the net and the gradients.
        gram_dtype: of the products and the result.
        progress: told the share of the work that is done.

    Raises:
        ResourceError: not even one sample, or one output channel of the largest block, fits.
        UnsuitableDataError: a net whose samples mix, or whose layers' gradients the hooks cannot
            see (weights used outside their layer, outputs changed in place); an empty block or
            a row that is not there.
    """
    _check_blocks(blocks, len(inputs))
    if not blocks:
        return []
    with full_precision():
        work = _Work.prepare(_Net.of(model, inputs, classes, dtype), blocks, memory, gram_dtype)
        thetas: list[Tensor] = []
        chunks = list(_chunks(blocks, work.budget.rows_held(work.numbers)))
        total = sum(len(rows) ** 2 for rows, _ in chunks)
        done = 0.0
        for rows, members in chunks:
            share = len(rows) ** 2 / total
            report = part(progress, done, done + share)
            thetas += work.chunk(rows, [blocks[index] for index in members], report)
            done += share
    progress(1.0, "neural tangent kernel")
    return thetas


@dataclass(frozen=True, eq=False)
class _Net:
    """A frozen copy of a model with the data it is asked about."""

    model: nn.Module
    inputs: Tensor
    classes: Tensor | None
    device: torch.device
    dtype: torch.dtype

    @staticmethod
    def of(model: nn.Module, inputs: Tensor, classes: Tensor | None, dtype: torch.dtype) -> _Net:
        if classes is not None and len(classes) != len(inputs):
            raise UnsuitableDataError(
                f"There are {len(inputs):,} samples and {len(classes):,} classes; give one each."
            )
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        frozen = copy.deepcopy(model).to(dtype).eval().requires_grad_(False)
        return _Net(frozen, inputs, classes, device, dtype)

    def rows(self, rows: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the inputs and classes of some rows, ready for the model."""
        inputs = self.inputs[rows.to(self.inputs.device)].to(self.device, self.dtype)
        if self.classes is None:
            return inputs, None
        classes = self.classes[rows.to(self.classes.device)]
        return inputs, classes.to(self.device, torch.int64)

    def batches(self, rows: Tensor, batch: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        return (self.rows(some_rows) for some_rows in torch.split(rows, batch))


@dataclass(frozen=True, eq=False)
class _Work:
    """Everything that is the same for every chunk of blocks."""

    net: _Net
    layers: list[Layer]
    forms: list[LayerPlan]
    budget: Budget
    batch: int
    gram_dtype: torch.dtype

    @staticmethod
    def prepare(net: _Net, blocks: Sequence[Tensor], memory: int, gram_dtype: torch.dtype) -> _Work:
        first, last = blocks[0][:1], blocks[-1][-1:]
        layers, activations = probe(net.model, net.rows(first)[0])
        refuse_unsound(net.model, layers, *net.rows(torch.cat([first, last])))
        budget = Budget.of(memory, net.dtype, gram_dtype)
        batch = budget.batch(layers, activations)
        forms = choose_forms(layers, max(len(block) for block in blocks), budget)
        return _Work(net, layers, forms, budget, batch, gram_dtype)

    @property
    def numbers(self) -> int:
        """Held per row where one pass serves all layers."""
        return sum(form.numbers for form in self.forms)

    def chunk(self, rows: Tensor, blocks: Sequence[Tensor], progress: Progress) -> list[Tensor]:
        """Return Theta of each block, all of whose rows are among the sorted `rows`."""
        places = [torch.searchsorted(rows, block.to(rows.device)) for block in blocks]
        thetas = [
            torch.zeros((len(block),) * 2, dtype=self.gram_dtype, device=self.net.device)
            for block in blocks
        ]
        passes = pack_passes(self.layers, self.forms, len(rows), self.budget)
        for number, pieces in enumerate(passes):
            report = part(progress, number / len(passes), (number + 1) / len(passes))
            held = self._hold(rows, pieces, part(report, 0, GRADIENTS))
            for index, (theta, place) in enumerate(zip(thetas, places, strict=True)):
                fraction = GRADIENTS + (1 - GRADIENTS) * index / len(blocks)
                report(fraction, "products of gradients")
                self._add(theta, place.to(self.net.device), pieces, held)
        for theta in thetas:
            _mirror(theta)
        return thetas

    def _hold(
        self, rows: Tensor, pieces: Sequence[Piece], progress: Progress
    ) -> list[Tensor | Use]:
        """Run all rows forward and backward; return what each piece needs of them."""
        held = [self._room(piece, len(rows)) for piece in pieces]
        wanted = [self.layers[index] for index in sorted({piece.layer for piece in pieces})]
        start = 0
        for inputs, classes in self.net.batches(rows, self.batch):
            progress(start / len(rows), "gradients")
            end = start + len(inputs)
            uses = backward(self.net.model, wanted, inputs, classes)
            for position, piece in enumerate(pieces):
                layer = self.layers[piece.layer]
                room = held[position]
                if isinstance(room, Tensor):
                    for use in uses[layer]:
                        add_gradient(layer, use, (piece.first, piece.last), room[start:end])
                else:
                    held[position] = _store(room, uses[layer][0], start, len(rows))
            start = end
        return [entry for entry in held if entry is not None]

    def _room(self, piece: Piece, rows: int) -> Tensor | Use | None:
        if piece.last == 0:
            return None
        columns = (piece.last - piece.first) * self.layers[piece.layer].unit_columns
        return torch.zeros((rows, columns), dtype=self.net.dtype, device=self.net.device)

    def _add(
        self, theta: Tensor, place: Tensor, pieces: Sequence[Piece], held: Sequence[Tensor | Use]
    ) -> None:
        for piece, entry in zip(pieces, held, strict=True):
            if isinstance(entry, Tensor):
                _add_gram(theta, entry, place, self.budget.columns(len(place)))
            else:
                layer = self.layers[piece.layer]
                _add_pairs(theta, layer, entry, place, self.budget.tile(layer, len(place)))


def _store(room: Tensor | Use | None, use: Use, start: int, rows: int) -> Use:
    if not isinstance(room, Use):
        room = Use(
            use.module,
            use.inputs.new_empty((rows, *use.inputs.shape[1:])),
            use.delta.new_empty((rows, *use.delta.shape[1:])),
        )
    end = start + len(use.inputs)
    room.inputs[start:end], room.delta[start:end] = use.inputs, use.delta
    return room


def _add_gram(theta: Tensor, gradients: Tensor, place: Tensor, width: int) -> None:
    """Add G G^T to the lower triangle in strips, at most `width` columns of G at a time."""
    row = (gradients.element_size() + theta.element_size()) * len(place)
    width = min(width, max(SHORTEST_SUM, TEMPORARY[theta.device.type] // row))
    rows = _contiguous(place)
    for columns in torch.split(gradients, width, dim=1):
        factor = columns[rows].to(theta.dtype)
        for start in range(0, len(theta), STRIP):
            end = min(start + STRIP, len(theta))
            theta[start:end, :end].addmm_(factor[start:end], factor[:end].T)


def _contiguous(place: Tensor) -> Tensor | slice:
    """Return ascending neighbours as a slice, which copies nothing."""
    first, last = int(place[0]), int(place[-1])
    if last - first + 1 == len(place) and bool((place.diff() == 1).all()):
        return slice(first, last + 1)
    return place


def _add_pairs(theta: Tensor, layer: Layer, held: Use, place: Tensor, side: int) -> None:
    """Add a layer's two-factor form to the lower triangle, a square tile at a time."""
    tiles = torch.split(place, side)
    for i, tile in enumerate(tiles):
        rows = Use(held.module, held.inputs[tile], held.delta[tile])
        strip = theta[i * side : i * side + len(tile)]
        for j, other in enumerate(tiles[: i + 1]):
            columns = Use(held.module, held.inputs[other], held.delta[other])
            strip[:, j * side : j * side + len(other)] += pair_products(
                layer, rows, columns, theta.dtype
            )


def _mirror(theta: Tensor) -> None:
    for start in range(0, len(theta), STRIP):
        end = min(start + STRIP, len(theta))
        theta[:start, start:end] = theta[start:end, :start].T
        square = theta[start:end, start:end]
        square.copy_(square.tril() + square.tril(-1).T)


def _chunks(blocks: Sequence[Tensor], most: int) -> Iterator[tuple[Tensor, list[int]]]:
    """Yield sorted rows and the consecutive blocks in them: as many as fit, at least one."""
    rows, members = torch.empty(0, dtype=torch.int64), list[int]()
    for index, block in enumerate(blocks):
        both: Tensor = torch.unique(torch.cat([rows, block.cpu()]))
        if members and len(both) > most:
            yield rows, members
            both, members = torch.unique(block.cpu()), []
        rows = both
        members.append(index)
    yield rows, members


def _check_blocks(blocks: Sequence[Tensor], n: int) -> None:
    empty = [index for index, block in enumerate(blocks) if not len(block)]
    if empty:
        raise UnsuitableDataError(
            f"{len(empty)} of {len(blocks)} blocks are empty: {some(empty)}; use fewer blocks."
        )
    outside = [int(row) for block in blocks for row in block[(block < 0) | (block >= n)]]
    if outside:
        raise UnsuitableDataError(
            f"{len(outside)} rows of the blocks are not among the {n:,} samples: {some(outside)}."
        )


def _dtype(model: nn.Module) -> torch.dtype:
    return next((p.dtype for p in model.parameters()), torch.float32)
