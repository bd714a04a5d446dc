"""The target's gradient gT at a net as it is, and the source's products with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dvaudit.gradients._capture import Taps, capture
from dvaudit.gradients._frozen import frozen
from dvaudit.gradients._perceptron import Perceptron
from dvaudit.gradients._terms import row_squares
from dvaudit.gradients.losses import Batch, Loss, with_gradient

Products = tuple[Tensor, Tensor]  # <g_k, gT> and |g_k|^2, (n,) both


@dataclass(frozen=True, eq=False)
class Seen:
    """What one look shows.

    Attributes:
        value: the target's loss.
        gradients: gT by name, for every parameter that is trained.
        gradient: gT over the compared parameters, (P,).
        inner, squared_norms: <g_k, gT> and |g_k|^2 over those, (n,); empty where no source
            sample was asked for.
    """

    value: Tensor
    gradients: dict[str, Tensor]
    gradient: Tensor
    inner: Tensor
    squared_norms: Tensor


@dataclass(frozen=True, eq=False)
class Look:
    """How a net is looked at.

    Attributes:
        target_loss: None for the mean of `loss`.
        taps: of the compared parameters.
        plain: the net, where its passes can be written out.
    """

    model: nn.Module
    loss: Loss
    target_loss: Loss | None
    taps: Taps
    plain: Perceptron | None

    @staticmethod
    def of(
        model: nn.Module, loss: Loss, target_loss: Loss | None, source: Batch, taps: Taps
    ) -> Look:
        """Take the written-out passes where the net and the compared parameters allow it."""
        plain = None if taps.rest else Perceptron.of(model, source[0])
        return Look(model, loss, target_loss, taps, plain)

    def at(self, target: Batch, pieces: Sequence[Batch]) -> Seen:
        """Look at a target batch and at the source, in pieces."""
        found: list[Products] = []
        if self.plain is None:
            value, gradients = self._target_gradient(target)
        else:
            value, gradients, found = self._joint(self.plain, target, *pieces[:1])
        gradient = self.taps.layout.join(gradients)
        found += [self._products(piece, gradient) for piece in pieces[len(found) :]]
        inner, squares = found[0] if len(found) == 1 else _joined(found, gradient.new_zeros(0))
        return Seen(value, gradients, gradient, inner, squares)

    def _target_gradient(self, target: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        trained = {name: each for name, each in self.model.named_parameters() if each.requires_grad}
        with frozen(self.model), torch.enable_grad():
            outputs = self.model(target[0])
            if self.target_loss is None:
                value = self.loss(outputs, target[1]).mean()
            else:
                value = self.target_loss(outputs, target[1])
        found = torch.autograd.grad(
            value, list(trained.values()), allow_unused=True, materialize_grads=True
        )
        return value.detach(), dict(zip(trained, found, strict=True))

    def _products(self, source: Batch, gradient: Tensor) -> Products:
        seen = capture(self.model, self.loss, source, self.taps)
        squares = seen.squared_norms()
        return seen.inner_products(gradient[None])[:, 0], squares

    def _joint(
        self, net: Perceptron, target: Batch, source: Batch | None = None
    ) -> tuple[Tensor, dict[str, Tensor], list[Products]]:
        """Return the target's loss, its gradient, and the products of a source batch, if any.

        One pass over both batches: `_target_gradient` and `_products` are its slow twins.
        """
        m, compared = len(target[0]), self.taps.layout.shapes
        passed = net.forward(target[0] if source is None else torch.cat([target[0], source[0]]))
        value, delta = self._outputs_gradient(
            passed[-1], target[1], None if source is None else source[1]
        )
        gradients: dict[str, Tensor] = {}
        inner, squares = delta.new_zeros(len(delta) - m), delta.new_zeros(len(delta) - m)
        for name, use in net.backward(passed, delta).items():
            weight, bias = f"{name}.weight", f"{name}.bias"
            gradients[weight] = use.delta[:m].T @ use.inputs[:m]
            gradients[bias] = use.delta[:m].sum(0)
            if source is None:
                continue
            seen, back = use.inputs[m:], use.delta[m:]
            lengths = row_squares(back)
            if weight in compared:
                inner += (seen @ gradients[weight].T).mul_(back).sum(1)
                squares.addcmul_(row_squares(seen), lengths)
            if bias in compared:
                inner.addmv_(back, gradients[bias])
                squares += lengths
        return value, gradients, [] if source is None else [(inner, squares)]

    def _outputs_gradient(
        self, outputs: Tensor, target: Tensor, source: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the target's loss, and the gradient at the outputs of it plus the source's losses.

        Args:
            outputs: of the target's rows, then of the source's.
            target, source: their labels.
        """
        m = len(target)
        if self.target_loss is None:
            if source is not None:
                target = torch.cat([target.reshape(m, *source.shape[1:]), source])
            losses, delta = with_gradient(self.loss, outputs, target)
            delta[:m] /= m
            return losses[:m].mean(), delta
        leaf = outputs[:m].requires_grad_()
        with torch.enable_grad():
            value = self.target_loss(leaf, target)
        delta = torch.autograd.grad(value, leaf)[0]
        if source is not None:
            delta = torch.cat([delta, with_gradient(self.loss, outputs[m:], source)[1]])
        return value.detach(), delta


def _joined(found: Sequence[Products], none: Tensor) -> Products:
    return torch.cat([none, *(each for each, _ in found)]), torch.cat(
        [none, *(each for _, each in found)]
    )
