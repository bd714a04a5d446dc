"""One forward and one backward pass over a batch, from which gradient products are read.

For each layer its input and the gradient at its output are kept, (n, ...) each; per-sample
gradients are not formed. With D = the gradients at a Linear layer's output and A = its inputs,
<g_i, w> = d_i' W a_i + d_i . b and |g_i|^2 = |d_i|^2 (|a_i|^2 + 1), summed over layers; other
layers follow the rules of `_rules`. Parameters no rule covers are left to torch.func.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.gradients._frozen import frozen
from dvaudit.gradients._perceptron import Perceptron, Use
from dvaudit.gradients._rest import Rest
from dvaudit.gradients._rules import terms
from dvaudit.gradients._terms import Term, squared_norms
from dvaudit.gradients.layout import Layout
from dvaudit.gradients.losses import Batch, Loss, check_losses, with_gradient
from dvaudit.taps.hooks import leaf, recording

Point = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Taps:
    """How the gradient of each chosen parameter is had.

    Attributes:
        layers: by tapped module, its attributes that are chosen parameters and their names.
        rest: names of parameters left to torch.func.
    """

    layout: Layout
    layers: Mapping[nn.Module, Mapping[str, str]]
    rest: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Capture:
    """A batch of n samples at one point theta.

    Attributes:
        losses: (n,) of each sample.
    """

    losses: Tensor
    layout: Layout
    _terms: dict[str, list[Term]]
    _rest: Rest | None

    def inner_products(self, directions: Tensor) -> Tensor:
        """Return <g_i, w_k>, shape (n, k), for directions of shape (k, P)."""
        parts = self.layout.split(directions)
        total = self.losses.new_zeros((len(self.losses), len(directions)))
        for name, uses in self._terms.items():
            for term in uses:
                total += term.inner(parts[name])
        if self._rest is not None:
            total += self._rest.inner(parts)
        return total

    def squared_norms(self) -> Tensor:
        """Return |g_i|^2, shape (n,); inner products asked for later cost less than before."""
        n = len(self.losses)
        total = torch.zeros_like(self.losses)
        for name, uses in self._terms.items():
            self._terms[name] = kept = [term.compact() for term in uses]
            total += squared_norms(kept, n)
        if self._rest is not None:
            total += self._rest.squared_norms()
        return total

    def weighted_sum(self, weights: Tensor) -> Tensor:
        """Return sum_i s_ik g_i, shape (k, P), for weights of shape (n, k)."""
        parts = {} if self._rest is None else self._rest.weighted_sum(weights)
        for name, uses in self._terms.items():
            parts[name] = _sum([term.weighted_sum(weights) for term in uses])
        return self.layout.join(parts)

    def gradient(self) -> Tensor:
        """Return the gradient of the summed losses, shape (P,); cheapest after the norms."""
        return self.weighted_sum(self.losses.new_ones((len(self.losses), 1)))[0]

    def gradients(self) -> Tensor:
        """Return g_i, shape (n, P): for nets so small that n P numbers fit in memory."""
        parts = {} if self._rest is None else self._rest.gradients()
        parts.update({name: self.gradients_of(name) for name in self._terms})
        return self.layout.join(parts)

    def gradients_of(self, name: str) -> Tensor:
        """Return the gradients of one parameter that layer rules cover, shape (n, *shape)."""
        return _sum([term.gradients(slice(None)) for term in self._terms[name]])

    @property
    def covered(self) -> frozenset[str]:
        """Names of the parameters that layer rules cover."""
        return frozenset(self._terms)


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def capture(
    model: nn.Module,
    loss: Loss,
    batch: Batch,
    taps: Taps,
    *,
    point: Point | None = None,
) -> Capture:
    """Run a batch forward and backward in evaluation mode.

    Args:
        batch: inputs (n, ...) and targets (n, ...) on the net's device.
        taps: of `plan_taps`, for this net.
        point: values of the chosen parameters by name; the net's own as they now are by default.
            Those given are kept, so they must not change while the capture is in use.

    Raises:
        UnsuitableDataError: a loss that is not one number a sample, or a net that hands layers a
            part of the samples.
    """
    plain = Perceptron.of(model, batch[0])
    if plain is None:
        losses, uses = _by_autograd(model, loss, batch, taps, point)
    else:
        losses, uses = _written_out(plain, loss, batch, taps, point)
    return Capture(
        losses=losses,
        layout=taps.layout,
        _terms=_collect(taps, uses),
        _rest=Rest.of(model, loss, batch, point, taps.rest) if taps.rest else None,
    )


def _written_out(
    net: Perceptron, loss: Loss, batch: Batch, taps: Taps, point: Point | None
) -> tuple[Tensor, list[Use]]:
    """Return losses, (n,), and what tapped layers saw; `_by_autograd` is its slow twin."""
    there = _detached(point or {})
    passed = net.forward(batch[0], there)
    losses, delta = with_gradient(loss, passed[-1], batch[1])
    uses = net.backward(passed, delta, there).values()
    return losses, [use for use in uses if use.layer in taps.layers]


def _by_autograd(
    model: nn.Module, loss: Loss, batch: Batch, taps: Taps, point: Point | None
) -> tuple[Tensor, list[Use]]:
    with frozen(model), torch.enable_grad(), _without_gradients(model):
        with recording(taps.layers, leaf) as recorded:
            if point is None:
                outputs = model(batch[0])
            else:
                outputs = functional_call(model, _detached(point), (batch[0],))
        losses = loss(outputs, batch[1])
        check_losses(losses, len(batch[0]))
        seen = [(module, *use) for module, uses in recorded.items() for use in uses]
        _refuse_parts(len(batch[0]), [len(inputs) for _, inputs, _ in seen])
        deltas = _gradients(losses, [output for _, _, output in seen])
    return losses.detach(), [
        Use(module, inputs.detach(), delta)
        for (module, inputs, _), delta in zip(seen, deltas, strict=True)
    ]


def _refuse_parts(n: int, sizes: Iterable[int]) -> None:
    """Refuse a net that hands a layer another number of samples than when it was tried."""
    parts = sorted({size for size in sizes if size != n})
    if parts:
        raise UnsuitableDataError(
            f"A layer of the net saw {parts[0]:,} of {n:,} samples: which go where depends on the "
            "data. Give every sample to every layer and weigh the outputs instead."
        )


def _gradients(losses: Tensor, outputs: list[Tensor]) -> Sequence[Tensor]:
    """Return the gradients of the summed losses, zero where they do not depend on an output."""
    if not losses.requires_grad:
        return [torch.zeros_like(output) for output in outputs]
    return torch.autograd.grad(losses.sum(), outputs, allow_unused=True, materialize_grads=True)


def _detached(point: Point) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in point.items()}


@contextmanager
def _without_gradients(model: nn.Module) -> Iterator[None]:
    """Let no parameter require a gradient, so that the graph begins at the tapped layers."""
    asking = [value for value in model.parameters() if value.requires_grad]
    try:
        for value in asking:
            value.requires_grad_(False)
        yield
    finally:
        for value in asking:
            value.requires_grad_(True)


def _collect(taps: Taps, uses: Iterable[Use]) -> dict[str, list[Term]]:
    collected: dict[str, list[Term]] = {}
    with torch.no_grad():
        for use in uses:
            for attribute, term in terms(use.layer, use.inputs, use.delta):
                name = taps.layers[use.layer].get(attribute)
                if name is not None:
                    collected.setdefault(name, []).append(term)
    return collected
