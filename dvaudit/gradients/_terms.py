"""What one use of a layer adds to the per-sample gradients of one of its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn import grad as weight_gradients

from dvaudit.taps.patches import TEMPORARY, Weighted, deltas, pad, patches

# Formed gradients may take this much more room than the two factors they come from.
ROOM = 2
# Output channels up to which copying the patches takes longer than multiplying them.
FEW_CHANNELS = 24


class Term(ABC):
    """A share of the gradients (n, *shape) of one parameter that need not be formed."""

    @abstractmethod
    def inner(self, directions: Tensor) -> Tensor:
        """Return <g_i, w_k>, shape (n, k), from (k, *shape)."""

    @abstractmethod
    def squared_norms(self) -> Tensor:
        """Return |g_i|^2, shape (n,)."""

    @abstractmethod
    def weighted_sum(self, weights: Tensor) -> Tensor:
        """Return sum_i s_ik g_i, shape (k, *shape), from (n, k)."""

    @abstractmethod
    def gradients(self, rows: slice) -> Tensor:
        """Return g_i of some rows, shape (rows, *shape)."""

    def compact(self) -> Term:
        """Return the gradients formed where that is cheaper from the second product on."""
        return self


@dataclass(frozen=True, eq=False)
class Formed(Term):
    """Gradients at hand, (n, *shape): biases, norms, and what torch.func computed."""

    values: Tensor

    def inner(self, directions: Tensor) -> Tensor:
        return self.values.flatten(1) @ directions.flatten(1).T

    def squared_norms(self) -> Tensor:
        return row_squares(self.values.flatten(1))

    def weighted_sum(self, weights: Tensor) -> Tensor:
        return (weights.T @ self.values.flatten(1)).view(-1, *self.values.shape[1:])

    def gradients(self, rows: slice) -> Tensor:
        return self.values[rows]


@dataclass(frozen=True, eq=False)
class Product(Term):
    """The weight of a Linear or convolution layer: D U^T (dvaudit.taps.patches)."""

    module: Weighted
    weight: torch.Size
    inputs: Tensor
    delta: Tensor

    def inner(self, directions: Tensor) -> Tensor:
        """<D U^T, W> = <D, W U>: the layer's own map, with W for its weight."""
        products = self.delta.new_empty((len(self.delta), len(directions)))
        for column, direction in zip(products.T, directions, strict=True):
            torch.sum(self._map(direction).mul_(self.delta).flatten(1), 1, out=column)
        return products

    def squared_norms(self) -> Tensor:
        """Sum over pairs of positions t, t' of (d_t . d_t') (u_t . u_t'), or |D U^T|^2."""
        if isinstance(self.module, nn.Linear) and self.inputs.dim() == 2:
            return row_squares(self.delta) * row_squares(self.inputs)
        return _in_pieces(len(self.delta), self._row_bytes, self.device, self._squared_norms)

    def weighted_sum(self, weights: Tensor) -> Tensor:
        scale = weights.T.reshape(*weights.T.shape, *[1] * (self.delta.dim() - 1))
        return torch.stack([self._sum(row * self.delta) for row in scale])

    def gradients(self, rows: slice) -> Tensor:
        if self._by_lines:
            return self._line_gradients(rows)
        seen = patches(self.module, self.inputs[rows])
        back = deltas(self.module, self.delta[rows])
        return (back @ seen.transpose(2, 3)).reshape(len(seen), *self.weight)

    def compact(self) -> Term:
        """Form D U^T where the norms would anyway and it takes little more room than D and U."""
        positions, numbers = self._positions, self.weight.numel()
        held = (self.inputs.numel() + self.delta.numel()) / len(self.delta)
        if positions == 1 or self._by_pairs or numbers > ROOM * held:
            return self
        return Formed(_in_pieces(len(self.delta), self._row_bytes, self.device, self.gradients))

    @property
    def device(self) -> str:
        return self.delta.device.type

    @property
    def _positions(self) -> int:
        return self.delta[0].numel() // self.weight[0]

    @property
    def _groups(self) -> int:
        return 1 if isinstance(self.module, nn.Linear) else self.module.groups

    @property
    def _by_pairs(self) -> bool:
        """Whether products of all pairs of positions cost less than the gradient."""
        outputs, fan_in = self.weight[0] // self._groups, self.weight[1:].numel()
        return self._positions * (outputs + fan_in) < outputs * fan_in

    @property
    def _by_lines(self) -> bool:
        """Whether unfolding along lines alone saves more than its smaller products cost."""
        module, few = self.module, self.weight[0] <= FEW_CHANNELS * self._groups
        return (
            isinstance(module, nn.Conv2d)
            and few
            and module.kernel_size[0] > 1
            and module.stride[0] == 1
        )

    @property
    def _row_bytes(self) -> int:
        """Temporary bytes a sample: U twice (its input is padded), D, and what they make."""
        positions, channels = self._positions, self._groups * self.weight[1:].numel()
        made = 2 * self._groups * positions**2 if self._by_pairs else self.weight.numel()
        numbers = (2 * channels + self.weight[0]) * positions + made
        return numbers * self.delta.element_size()

    def _squared_norms(self, rows: slice) -> Tensor:
        if not self._by_pairs:
            return row_squares(self.gradients(rows).flatten(1))
        seen = patches(self.module, self.inputs[rows])
        back = deltas(self.module, self.delta[rows])
        pairs = (back.transpose(2, 3) @ back) * (seen.transpose(2, 3) @ seen)
        return pairs.flatten(1).sum(1)

    def _line_gradients(self, rows: slice) -> Tensor:
        """Return D U^T, shape (rows, *weight), from inputs unfolded along their lines alone.

        Line k of the kernel sees lines k, k + 1, ... of them, which lie one after another, so U
        need not be copied: it repeats them for every line of the kernel.
        """
        module = self.module
        assert isinstance(module, nn.Conv2d)
        back = deltas(module, self.delta[rows]).flatten(0, 1).transpose(1, 2)
        n, (channels, high, wide) = len(self.delta[rows]), self.weight[1:]
        width, step = self.delta.shape[-1], module.dilation[0] * self.delta.shape[-1]
        lines = _unfold_lines(module, pad(module, self.inputs[rows]), width)
        lines = lines.view(n * self._groups, channels * wide, -1)
        formed = back.new_empty((*lines.shape[:2], high, back.shape[2]))
        for line in range(high):
            seen = lines[:, :, line * step : line * step + back.shape[1]]
            formed[:, :, line] = seen @ back
        formed = formed.view(n, self._groups, channels, wide, high, -1)
        return formed.permute(0, 1, 5, 2, 4, 3).reshape(n, *self.weight)

    def _map(self, weight: Tensor) -> Tensor:
        module = self.module
        if isinstance(module, nn.Linear):
            return functional.linear(self.inputs, weight)
        apply = functional.conv1d if isinstance(module, nn.Conv1d) else functional.conv2d
        padded, steps = pad(module, self.inputs), (module.dilation, module.groups)
        result: Tensor = apply(padded, weight, None, module.stride, 0, *steps)
        return result

    def _sum(self, delta: Tensor) -> Tensor:
        module = self.module
        if isinstance(module, nn.Linear):
            return delta.reshape(-1, delta.shape[-1]).T @ self.inputs.reshape(
                -1, self.inputs.shape[-1]
            )
        one = isinstance(module, nn.Conv1d)
        derive = weight_gradients.conv1d_weight if one else weight_gradients.conv2d_weight
        padded, steps = pad(module, self.inputs), (module.dilation, module.groups)
        result: Tensor = derive(padded, self.weight, delta, module.stride, 0, *steps)  # type: ignore[no-untyped-call]
        return result


@dataclass(frozen=True, eq=False)
class Lookup(Term):
    """The weight of an Embedding: row v sums the gradients at the positions that hold token v.

    Attributes:
        tokens: (n, T) int64.
        delta: (n, T, d), zero where the token is the padding index.
    """

    weight: torch.Size
    tokens: Tensor
    delta: Tensor

    def inner(self, directions: Tensor) -> Tensor:
        return torch.stack(
            [
                (functional.embedding(self.tokens, direction) * self.delta).flatten(1).sum(1)
                for direction in directions
            ],
            dim=1,
        )

    def squared_norms(self) -> Tensor:
        row = 2 * self.tokens.shape[1] ** 2 * self.delta.element_size()
        return _in_pieces(len(self.delta), row, self.delta.device.type, self._squared_norms)

    def weighted_sum(self, weights: Tensor) -> Tensor:
        total = self.delta.new_zeros((weights.shape[1], *self.weight))
        for row, scale in zip(total, weights.T, strict=True):
            scaled = (scale[:, None, None] * self.delta).flatten(0, 1)
            row.index_add_(0, self.tokens.flatten(), scaled)
        return total

    def gradients(self, rows: slice) -> Tensor:
        tokens, delta = self.tokens[rows], self.delta[rows]
        out = delta.new_zeros((len(tokens), *self.weight))
        return out.scatter_add_(1, tokens[:, :, None].expand_as(delta), delta)

    def _squared_norms(self, rows: slice) -> Tensor:
        tokens, delta = self.tokens[rows], self.delta[rows]
        same = tokens[:, :, None] == tokens[:, None, :]
        return ((delta @ delta.transpose(1, 2)) * same).flatten(1).sum(1)


def squared_norms(terms: Sequence[Term], rows: int) -> Tensor:
    """Return |g_i|^2, shape (rows,), of a parameter whose gradient is the sum of the terms.

    Several uses of one weight have cross terms, so there the gradients are formed, some rows at a
    time.
    """
    if len(terms) == 1:
        return terms[0].squared_norms()
    sample = terms[0].gradients(slice(0, 1))

    def formed(piece: slice) -> Tensor:
        total = terms[0].gradients(piece)
        for term in terms[1:]:
            total = total + term.gradients(piece)
        return row_squares(total.flatten(1))

    return _in_pieces(rows, 2 * sample.nbytes, sample.device.type, formed)


def _unfold_lines(module: nn.Conv2d, padded: Tensor, width: int) -> Tensor:
    """Return what each column of the kernel sees of each line: (n, channels, columns, h, width)."""
    samples, channels, line, column = padded.stride()
    view = padded.as_strided(
        (*padded.shape[:2], module.kernel_size[1], padded.shape[2], width),
        (samples, channels, column * module.dilation[1], line, column * module.stride[1]),
        padded.storage_offset(),
    )
    return view.contiguous()


def row_squares(rows: Tensor) -> Tensor:
    """Return |r_i|^2, shape (n,); by norms, which write no product of the rows' size."""
    norms: Tensor = torch.linalg.vector_norm(rows, dim=1)
    return norms.square()


def _in_pieces(n: int, row_bytes: int, device: str, work: Callable[[slice], Tensor]) -> Tensor:
    step = max(1, TEMPORARY[device] // row_bytes)
    return torch.cat([work(slice(start, start + step)) for start in range(0, n, step)])
