"""Parameters without a rule: per-sample gradients of the whole net by torch.func, in pieces."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.gradients._frozen import frozen, transformable
from dvaudit.gradients.losses import Batch, Loss
from dvaudit.taps.patches import TEMPORARY


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
        flat = torch.cat([directions[name].flatten(1) for name in self.names], dim=1)
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
        chosen = {name: self.values[name] for name in self.names}
        fixed = {name: value for name, value in self.values.items() if name not in chosen}
        first = chosen[self.names[0]]
        row = sum(math.prod(value.shape) for value in chosen.values()) * first.element_size()
        step = max(1, TEMPORARY[first.device.type] // (2 * row))

        def alone(values: dict[str, Tensor], inputs: Tensor, target: Tensor) -> Tensor:
            outputs = functional_call(self.model, {**fixed, **values}, (inputs[None],))
            return self.loss(outputs, target[None]).sum()

        gradients = vmap(grad(alone), in_dims=(None, 0, 0))
        inputs, targets = self.batch
        for start in range(0, len(inputs), step):
            rows = slice(start, start + step)
            try:
                with transformable(self.model):
                    piece = gradients(chosen, inputs[rows], targets[rows])
            except RuntimeError as error:
                raise UnsuitableDataError(
                    f"{len(self.names)} parameters have no rule and torch.func cannot take their "
                    f"gradients a sample at a time: {some(self.names)} ({error}); call "
                    "requires_grad_(False) on them to leave them out, or replace their layer."
                ) from error
            yield rows, piece


def _flat(piece: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([values.flatten(1) for values in piece.values()], dim=1)
