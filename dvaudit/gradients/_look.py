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
class Both:
    """A target batch and, below it, a source batch or none.

    Attributes:
        batches: that were joined.
        m: rows of the target.
        inputs, labels: (m + n, ...); labels are shaped like the source's.
    """

    batches: Sequence[Batch]
    m: int
    inputs: Tensor
    labels: Tensor

    @staticmethod
    def of(batches: Sequence[Batch]) -> Both:
        """Join the target, which comes first, with what follows it."""
        inputs, labels = zip(*batches, strict=True)
        shape = labels[-1].shape[1:]
        shaped = [each.reshape(len(each), *shape) for each in labels]
        return Both(batches, len(inputs[0]), torch.cat(inputs), torch.cat(shaped))

    def of_same(self, batches: Sequence[Batch]) -> bool:
        """Whether these very tensors were joined."""
        return len(batches) == len(self.batches) and all(
            old is new
            for before, now in zip(self.batches, batches, strict=True)
            for old, new in zip(before, now, strict=True)
        )


@dataclass(eq=False)
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
    _both: Both | None = None

    @staticmethod
    def of(
        model: nn.Module, loss: Loss, target_loss: Loss | None, source: Batch, taps: Taps
    ) -> Look:
        """Take the written-out passes where the net and the compared parameters allow it."""
        plain = None if taps.rest else Perceptron.of(model, source[0])
        return Look(model, loss, target_loss, taps, plain)

    def at(self, target: Batch, pieces: Sequence[Batch]) -> Seen:
        """Look at a target batch and at the source, in pieces."""
        if self.plain is None:
            value, gradients = self._target_gradient(target)
            found: list[Products] = []
        else:
            value, gradients, first = self._joint(self.plain, self._together([target, *pieces[:1]]))
            found, pieces = [first], pieces[1:]
        gradient = self.taps.layout.join(gradients)
        found += [self._products(piece, gradient) for piece in pieces]
        inner, squares = found[0] if len(found) == 1 else _joined(found, gradient.new_zeros(0))
        return Seen(value, gradients, gradient, inner, squares)

    def _together(self, batches: Sequence[Batch]) -> Both:
        """Join batches, or take what was joined before: mostly they are the same at each step."""
        if self._both is None or not self._both.of_same(batches):
            self._both = Both.of(batches)
        return self._both

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

    def _joint(self, net: Perceptron, both: Both) -> tuple[Tensor, dict[str, Tensor], Products]:
        """Return the target's loss, its gradient, and the source's products with it.

        One pass over both batches: `_target_gradient` and `_products` are its slow twins.
        """
        m, compared = both.m, self.taps.layout.shapes
        passed = net.forward(both.inputs)
        value, delta = self._outputs_gradient(passed[-1], both)
        gradients: dict[str, Tensor] = {}
        inner, squares = delta.new_zeros(len(delta) - m), delta.new_zeros(len(delta) - m)
        for name, use in net.backward(passed, delta).items():
            weight, bias = f"{name}.weight", f"{name}.bias"
            gradients[weight] = use.delta[:m].T @ use.inputs[:m]
            gradients[bias] = use.delta[:m].sum(0)
            seen, back = use.inputs[m:], use.delta[m:]
            lengths = row_squares(back)
            if weight in compared:
                inner += (seen @ gradients[weight].T).mul_(back).sum(1)
                squares.addcmul_(row_squares(seen), lengths)
            if bias in compared:
                inner.addmv_(back, gradients[bias])
                squares += lengths
        return value, gradients, (inner, squares)

    def _outputs_gradient(self, outputs: Tensor, both: Both) -> tuple[Tensor, Tensor]:
        """Return the target's loss, and the gradient at the outputs of it plus the source's."""
        m = both.m
        if self.target_loss is None:
            losses, delta = with_gradient(self.loss, outputs, both.labels)
            delta[:m] /= m
            return losses[:m].mean(), delta
        leaf = outputs[:m].requires_grad_()
        with torch.enable_grad():
            value = self.target_loss(leaf, both.labels[:m])
        parts = [torch.autograd.grad(value, leaf)[0]]
        if len(outputs) > m:
            parts.append(with_gradient(self.loss, outputs[m:], both.labels[m:])[1])
        return value.detach(), torch.cat(parts)


def _joined(found: Sequence[Products], none: Tensor) -> Products:
    return torch.cat([none, *(each for each, _ in found)]), torch.cat(
        [none, *(each for _, each in found)]
    )
