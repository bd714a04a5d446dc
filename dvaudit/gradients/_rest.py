"""Parameters without a rule: per-sample gradients of the whole net by torch.func, in pieces.

Where torch.func cannot run the net, its samples go backward one by one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.gradients._frozen import frozen, transformable
from dvaudit.gradients.losses import Batch, Loss, take
from dvaudit.taps.patches import TEMPORARY

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Rest:
    """The gradients of a batch with respect to some parameters, computed anew when asked for."""

    model: nn.Module
    loss: Loss
    batch: Batch
    values: Mapping[str, Tensor]
    names: tuple[str, ...]

    @staticmethod
    def of(
        model: nn.Module,
        loss: Loss,
        batch: Batch,
        point: Mapping[str, Tensor] | None,
        names: Sequence[str],
    ) -> Rest:
        """Keep the point, or a copy of the net's own parameters, which may change meanwhile."""
        own = model.named_parameters()
        if point is None:
            return Rest(model, loss, batch, {n: p.detach().clone() for n, p in own}, tuple(names))
        values = {name: value.detach() for name, value in (*own, *point.items())}
        return Rest(model, loss, batch, values, tuple(names))

    def inner(self, directions: Mapping[str, Tensor]) -> Tensor:
        """Return (n, k) from (k, *shape) by name."""
        flat = _flat({name: directions[name] for name in self.names})
        return torch.cat([_flat(piece) @ flat.T for _, piece in self._pieces()])

    def squared_norms(self) -> Tensor:
        """Return (n,)."""
        return torch.cat([_flat(piece).square().sum(1) for _, piece in self._pieces()])

    def weighted_sum(self, weights: Tensor) -> dict[str, Tensor]:
        """Return (k, *shape) by name from (n, k): a backward pass for each column."""
        chosen = {name: self.values[name].detach().requires_grad_() for name in self.names}
        with frozen(self.model), torch.enable_grad():
            outputs = functional_call(self.model, {**self.values, **chosen}, (self.batch[0],))
            losses = self.loss(outputs, self.batch[1])
        columns = [
            torch.autograd.grad(
                losses,
                list(chosen.values()),
                column,
                retain_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )
            for column in weights.T
        ]
        return {
            name: torch.stack(parts)
            for name, parts in zip(self.names, zip(*columns, strict=True), strict=True)
        }

    def gradients(self) -> dict[str, Tensor]:
        """Return (n, *shape) by name."""
        pieces = [piece for _, piece in self._pieces()]
        return {name: torch.cat([piece[name] for piece in pieces]) for name in self.names}

    def _pieces(self) -> Iterator[tuple[slice, dict[str, Tensor]]]:
        step, transforms = self._rows_of_a_piece(), True
        for start in range(0, len(self.batch[0]), step):
            rows = slice(start, start + step)
            piece = self._transformed(rows) if transforms else None
            transforms = piece is not None
            yield rows, self._one_by_one(rows) if piece is None else piece

    def _rows_of_a_piece(self) -> int:
        first = self.values[self.names[0]]
        numbers = sum(math.prod(self.values[name].shape) for name in self.names)
        room = TEMPORARY[first.device.type] // (2 * numbers * first.element_size())
        return max(1, room)

    def _chosen(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Return the parameters to differentiate, and the others."""
        chosen = {name: self.values[name] for name in self.names}
        return chosen, {name: each for name, each in self.values.items() if name not in chosen}

    def _transformed(self, rows: slice) -> dict[str, Tensor] | None:
        """Return the gradients by torch.func; None where it cannot run the net."""
        chosen, fixed = self._chosen()

        def alone(values: dict[str, Tensor], inputs: Tensor, target: Tensor) -> Tensor:
            outputs = functional_call(self.model, {**fixed, **values}, (inputs[None],))
            return self.loss(outputs, target[None]).sum()

        gradients = vmap(grad(alone), in_dims=(None, 0, 0))
        try:
            with transformable(self.model):
                found: dict[str, Tensor] = gradients(chosen, *take(self.batch, rows))
        except RuntimeError as error:  # recurrent layers, for one, have no batching rule
            LOG.info("torch.func cannot run the net, so its samples go one by one: %s", error)
            return None
        return found

    def _one_by_one(self, rows: slice) -> dict[str, Tensor]:
        """Return the gradients by a backward pass for each sample."""
        chosen, fixed = self._chosen()
        leaves = {name: value.detach().requires_grad_() for name, value in chosen.items()}
        found = []
        for inputs, target in zip(*take(self.batch, rows), strict=True):
            try:
                with frozen(self.model), torch.enable_grad():
                    outputs = functional_call(self.model, {**fixed, **leaves}, (inputs[None],))
                    value = self.loss(outputs, target[None]).sum()
                    found.append(
                        torch.autograd.grad(
                            value, list(leaves.values()), allow_unused=True, materialize_grads=True
                        )
                    )
            except RuntimeError as error:
                raise UnsuitableDataError(
                    f"{len(self.names)} parameters have no rule and their gradients cannot be "
                    f"taken a sample at a time: {some(self.names)} ({error}); call "
                    "requires_grad_(False) on them to leave them out, or replace their layer."
                ) from error
        columns = zip(*found, strict=True)
        return {name: torch.stack(parts) for name, parts in zip(leaves, columns, strict=True)}


def _flat(piece: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([values.reshape(len(values), -1) for values in piece.values()], dim=1)
