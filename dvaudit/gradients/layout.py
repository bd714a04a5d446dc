"""All chosen parameters of a net as one vector."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dvaudit.core.errors import UnsuitableDataError, some


@dataclass(frozen=True, eq=False)
class Layout:
    """The parameters that make up a vector of P numbers, in the order of the modules.

    A weight that several layers share is there once, under its first name.
    """

    shapes: Mapping[str, torch.Size]

    @staticmethod
    def of(model: nn.Module, parameters: Collection[str] | None = None) -> Layout:
        """Return the layout of the named parameters, or of all that require a gradient.

        Raises:
            UnsuitableDataError: a name the net does not have, or no parameter at all.
        """
        there = dict(model.named_parameters())
        if parameters is None:
            chosen = {name for name, value in there.items() if value.requires_grad}
        else:
            chosen = set(parameters)
        unknown = sorted(chosen - set(there))
        if unknown:
            raise UnsuitableDataError(
                f"{len(unknown)} of {len(chosen)} names are not parameters of the net: "
                f"{some(unknown)}; it has {some(there, 6)}. A shared weight goes by its first name."
            )
        if not chosen:
            raise UnsuitableDataError(
                "No parameter of the net requires a gradient; call requires_grad_(True) on those "
                "to differentiate, or name them."
            )
        return Layout({name: value.shape for name, value in there.items() if name in chosen})

    @property
    def size(self) -> int:
        """P, the numbers of the vector."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    def split(self, vectors: Tensor) -> dict[str, Tensor]:
        """Return views of (..., P) as (..., *shape) by parameter.

        Raises:
            UnsuitableDataError: vectors of another length.
        """
        if vectors.shape[-1] != self.size:
            raise UnsuitableDataError(
                f"The vectors have {vectors.shape[-1]:,} numbers and the chosen parameters of the "
                f"net {self.size:,}; make them with the layout of this net."
            )
        ahead, views, start = vectors.shape[:-1], {}, 0
        for name, shape in self.shapes.items():
            end = start + math.prod(shape)
            views[name] = vectors[..., start:end].reshape((*ahead, *shape))
            start = end
        return views

    def join(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Return (..., P) from (..., *shape) by parameter; the inverse of `split`."""
        flat = [
            parts[name].flatten(-len(shape)) if shape else parts[name][..., None]
            for name, shape in self.shapes.items()
        ]
        return torch.cat(flat, dim=-1)

    def current(self, model: nn.Module) -> Tensor:
        """Return a copy of the chosen parameters, shape (P,)."""
        return self.join({name: value.detach() for name, value in model.named_parameters()})

    def assign(self, model: nn.Module, vector: Tensor) -> None:
        """Copy (P,) into the parameters of the net."""
        with torch.no_grad():
            for name, value in self.split(vector).items():
                model.get_parameter(name).copy_(value)
