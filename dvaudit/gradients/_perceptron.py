"""A perceptron's forward and backward pass written out, without autograd's graph.

On nets as small as those of tables the graph's bookkeeping takes as long as half of the
arithmetic. Autograd, which `_capture` asks for any other net, is the slow twin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

VECTORS = 2  # dimensions of a batch of vectors
PRECISIONS = frozenset({torch.float32, torch.float64})
_MOST = 20.0  # from here on tanh(softplus(x)) is 1 to the last digit of float64
_aten = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """A function of single numbers.

    Attributes:
        forward: from a layer of the kind and its input to its output.
        backward: from the layer, the gradient at its output, its input and its output to the
            gradient at its input, which may take the other's place.
        over: writes the output over the input; for those whose backward needs no input.
    """

    forward: Callable[[Any, Tensor], Tensor]
    backward: Callable[[Any, Tensor, Tensor, Tensor], Tensor]
    over: Callable[[Tensor], Tensor] | None = None


def mish(inputs: Tensor) -> Tensor:
    """Return x tanh(softplus(x)) = x n / (n + 2) with n = e (e + 2), e = exp(x).

    One exponential: torch's own takes three slow functions, and 8 times as long on a CPU.
    """
    exponential = inputs.clamp(max=_MOST).exp_()
    n = (exponential + 2).mul_(exponential)
    return (n / (n + 2)).mul_(inputs)


def mish_backward(delta: Tensor, inputs: Tensor) -> Tensor:
    """Return delta (n / (n + 2) + 4 x e (e + 1) / (n + 2)^2)."""
    bounded = inputs.clamp(max=_MOST)
    exponential = bounded.exp()
    n = (exponential + 2).mul_(exponential)
    below = n + 2
    bent = (exponential + 1).mul_(exponential).mul_(bounded).mul_(4)
    slope = bent.div_(below).add_(n).div_(below)
    return slope.mul_(delta)


def _same(_layer: nn.Module, inputs: Tensor) -> Tensor:
    return inputs


def _unchanged(_layer: nn.Module, delta: Tensor, _before: Tensor, _after: Tensor) -> Tensor:
    return delta


ACTIVATIONS: dict[type[nn.Module], Activation] = {
    nn.ReLU: Activation(
        lambda _, inputs: inputs.relu(),
        lambda _, delta, before, after: _aten.threshold_backward.grad_input(
            delta, after, 0, grad_input=delta
        ),
        torch.relu_,
    ),
    nn.Tanh: Activation(
        lambda _, inputs: inputs.tanh(),
        lambda _, delta, before, after: _aten.tanh_backward(delta, after),
        torch.tanh_,
    ),
    nn.Sigmoid: Activation(
        lambda _, inputs: inputs.sigmoid(),
        lambda _, delta, before, after: _aten.sigmoid_backward(delta, after),
        torch.sigmoid_,
    ),
    nn.SiLU: Activation(
        lambda _, inputs: functional.silu(inputs),
        lambda _, delta, before, after: _aten.silu_backward(delta, before),
    ),
    nn.GELU: Activation(
        lambda layer, inputs: functional.gelu(inputs, approximate=layer.approximate),
        lambda layer, delta, before, after: _aten.gelu_backward(
            delta, before, approximate=layer.approximate
        ),
    ),
    nn.Mish: Activation(
        lambda _, inputs: mish(inputs),
        lambda _, delta, before, after: mish_backward(delta, before),
    ),
    nn.Identity: Activation(_same, _unchanged),
    nn.Dropout: Activation(_same, _unchanged),  # per-sample gradients are of evaluation mode
}


@dataclass(frozen=True, eq=False)
class Use:
    """A layer in one pass over n samples.

    Attributes:
        inputs: (n, ...).
        delta: (n, ...), the gradient at its outputs.
    """

    layer: nn.Module
    inputs: Tensor
    delta: Tensor


@dataclass(frozen=True, eq=False)
class Perceptron:
    """Layers one after another, by name, each of a known kind and with weights of its own."""

    layers: Mapping[str, nn.Module]

    @staticmethod
    def of(model: nn.Module, inputs: Tensor) -> Perceptron | None:
        """Return a net's layers; None where it is more than a plain perceptron on vectors.

        Hooks would see, or change, what passes between the layers, so a net with any is none.
        """
        if type(model) is not nn.Sequential:
            return None
        layers = dict(model.named_children())
        flat = inputs.dim() == VECTORS or isinstance(next(iter(layers.values()), None), nn.Flatten)
        if not flat or len(layers) < len(model) or any(map(_changed, (model, *layers.values()))):
            return None
        own = [value for layer in layers.values() for value in layer.parameters()]
        if not own or len({id(value) for value in own}) < len(own):
            return None
        known = all(
            type(layer) in ACTIVATIONS or type(layer) is nn.Linear or _flattens(layer)
            for layer in layers.values()
        )
        fit = {value.dtype for value in own} <= PRECISIONS
        return Perceptron(layers) if known and fit else None

    def forward(self, inputs: Tensor, point: Mapping[str, Tensor] | None = None) -> list[Tensor]:
        """Return the inputs of each layer, and the outputs of the last.

        An activation that can be is written over a Linear layer's outputs, which no one else
        needs: on small nets the memory takes as long as the arithmetic.

        Args:
            point: values of parameters by name, in place of the net's own.
        """
        found, there = [inputs.detach()], point or {}
        own = False
        with torch.no_grad():
            for name, layer in self.layers.items():
                kind = ACTIVATIONS.get(type(layer)) if own else None
                over = kind.over if kind else None
                found.append(over(found[-1]) if over else _output(name, layer, found[-1], there))
                own = isinstance(layer, nn.Linear)
        return found

    def backward(
        self, passed: Sequence[Tensor], delta: Tensor, point: Mapping[str, Tensor] | None = None
    ) -> dict[str, Use]:
        """Return what each Linear layer saw by its name, the last layer first.

        Args:
            passed: of `forward`, at the same point.
            delta: gradient at the outputs, (n, outputs); may be overwritten.
        """
        linear = [name for name, layer in self.layers.items() if isinstance(layer, nn.Linear)]
        uses: dict[str, Use] = {}
        steps = zip(self.layers.items(), passed, passed[1:], strict=False)
        with torch.no_grad():
            for (name, layer), before, after in reversed(list(steps)):
                if isinstance(layer, nn.Linear):
                    uses[name] = Use(layer, before, delta)
                    if name == linear[0]:
                        break
                    delta = delta @ (point or {}).get(f"{name}.weight", layer.weight)
                elif isinstance(layer, nn.Flatten):
                    delta = delta.reshape(before.shape)
                else:
                    back = ACTIVATIONS[type(layer)].backward
                    delta = back(layer, delta, before, after)
        return uses


def _output(name: str, layer: nn.Module, inputs: Tensor, point: Mapping[str, Tensor]) -> Tensor:
    if isinstance(layer, nn.Linear):
        weight = point.get(f"{name}.weight", layer.weight)
        return functional.linear(inputs, weight, point.get(f"{name}.bias", layer.bias))
    if isinstance(layer, nn.Flatten):
        return inputs.flatten(1)
    return ACTIVATIONS[type(layer)].forward(layer, inputs)


def _flattens(layer: nn.Module) -> bool:
    return type(layer) is nn.Flatten and (layer.start_dim, layer.end_dim) == (1, -1)


def _changed(part: nn.Module) -> bool:
    """Whether calling a module may do other than its class says."""
    hooks = (
        part._forward_hooks,
        part._forward_pre_hooks,
        part._backward_hooks,
        part._backward_pre_hooks,
    )
    return any(hooks) or "forward" in vars(part)
