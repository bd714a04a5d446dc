"""Random projections of per-sample gradients, one small vector a layer.

A layer whose weight's gradient is a sum of products delta a' is projected by two independent
factors, (P_s delta) (P_a a)', with 1 appended to a where the layer has a bias (Wang et al., "Data
Value Embedding", section 4.3); any other layer's gradient is formed and multiplied by one matrix.
Entries are N(0, 1 / k), so that inner products of projected gradients are those of the gradients
in the mean; a factor as large as what it projects is replaced by the identity.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dvaudit.gradients._capture import Capture
from dvaudit.gradients._terms import Lookup, Product, Term
from dvaudit.taps.patches import deltas, patches


class LayerProjection(ABC):
    """The projection of the gradient of one layer's parameters, p numbers, to `size` numbers."""

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Numbers it projects to."""

    @abstractmethod
    def project(self, seen: Capture) -> Tensor:
        """Return (n, size) of the captured samples."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what makes the projection, for a file's header."""


@dataclass(frozen=True, eq=False)
class Factors(LayerProjection):
    """P_s (k_s, o) and P_a (k_a, f) on the gradient (o, f) of a weight; None is the identity.

    Attributes:
        weight: name of the parameter.
        bias: name of the bias that makes up the last column of the gradient, or None.
        full: (o, f).
    """

    name: str
    weight: str
    bias: str | None
    full: tuple[int, int]
    left: Tensor | None
    right: Tensor | None

    @property
    def size(self) -> int:
        return math.prod(self.sides)

    @property
    def sides(self) -> tuple[int, int]:
        """k_s and k_a."""
        return (
            self.full[0] if self.left is None else len(self.left),
            self.full[1] if self.right is None else len(self.right),
        )

    def project(self, seen: Capture) -> Tensor:
        total = None
        for term in seen._terms[self.weight]:
            share = self._share(term)
            total = share if total is None else total + share
        assert total is not None
        return total.flatten(1)

    def describe(self) -> dict[str, Any]:
        parameters = [self.weight] if self.bias is None else [self.weight, self.bias]
        return {
            "name": self.name,
            "parameters": parameters,
            "kind": "factors",
            "full": list(self.full),
            "sides": list(self.sides),
            "size": self.size,
        }

    def _share(self, term: Term) -> Tensor:
        if isinstance(term, Lookup):
            rows = _columns(self.left, term.tokens, self.full[0], term.delta)
            return rows @ _along(self.right, term.delta.transpose(1, 2)).transpose(1, 2)
        assert isinstance(term, Product), type(term)
        back = deltas(term.module, term.delta)[:, 0]
        seen = patches(term.module, term.inputs)[:, 0]
        if self.bias is not None:
            seen = torch.cat([seen, seen.new_ones((len(seen), 1, seen.shape[2]))], dim=1)
        return _along(self.left, back) @ _along(self.right, seen).transpose(1, 2)


@dataclass(frozen=True, eq=False)
class Formed(LayerProjection):
    """One matrix (k, p) on the formed gradient of a layer's parameters; None is the identity."""

    name: str
    parameters: tuple[str, ...]
    full: int
    matrix: Tensor | None

    @property
    def size(self) -> int:
        return self.full if self.matrix is None else len(self.matrix)

    def project(self, seen: Capture) -> Tensor:
        rest = {} if seen._rest is None or self._covered(seen) else seen._rest.gradients()
        parts = [
            seen.gradients_of(name) if name in seen.covered else rest[name]
            for name in self.parameters
        ]
        gradients = torch.cat([part.reshape(len(part), -1) for part in parts], dim=1)
        return gradients if self.matrix is None else gradients @ self.matrix.T

    def describe(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "parameters": list(self.parameters),
            "kind": "formed",
            "full": self.full,
            "size": self.size,
        }

    def _covered(self, seen: Capture) -> bool:
        return seen.covered.issuperset(self.parameters)


@dataclass(frozen=True, eq=False)
class Projections:
    """The projection of every layer of a net, K numbers in all.

    Attributes:
        seed: what the factors were drawn from.
    """

    layers: tuple[LayerProjection, ...]
    seed: int

    @property
    def sizes(self) -> list[int]:
        """Numbers of each layer."""
        return [layer.size for layer in self.layers]

    @property
    def size(self) -> int:
        """K."""
        return sum(self.sizes)

    def project(self, seen: Capture) -> list[Tensor]:
        """Return (n, k_l) of the captured samples by layer."""
        return [layer.project(seen) for layer in self.layers]

    def describe(self) -> dict[str, Any]:
        """Return what the projections are, for a file's header: JSON-able."""
        return {"seed": self.seed, "layers": [layer.describe() for layer in self.layers]}


def _along(factor: Tensor | None, values: Tensor) -> Tensor:
    """Return P v, (n, k, T), from (n, d, T)."""
    return values if factor is None else factor @ values


def _columns(factor: Tensor | None, tokens: Tensor, rows: int, like: Tensor) -> Tensor:
    """Return P e_v at every position's token v, shape (n, k, T)."""
    if factor is None:
        factor = torch.eye(rows, dtype=like.dtype, device=like.device)
    return factor.T[tokens].transpose(1, 2)
