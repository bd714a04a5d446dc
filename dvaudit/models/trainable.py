"""Small nets to train, by name; weights come from a seed alone.

Dropout is not part of them and normalisation is by group, so that the gradient of one sample
never depends on another.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.models.attention import AttentionNet
from dvaudit.models.convolutional import LENET_LEAST_SIDE, RESNET_LEAST_SIDE, ResNet, lenet5
from dvaudit.models.torchvision_nets import PREFIX, torchvision_net

Shape = tuple[int, ...]


ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "mish": nn.Mish}


@dataclass(frozen=True)
class NetSize:
    """What a net is built for: the shape of a sample, its outputs, hidden widths, token codes."""

    shape: Shape
    outputs: int
    widths: Shape
    words: int | None
    activation: type[nn.Module]


def trainable_net(
    name: str,
    shape: Sequence[int],
    outputs: int,
    *,
    seed: int,
    widths: Sequence[int] = (100, 100),
    activation: str = "relu",
    words: int | None = None,
    examples: Tensor | None = None,
) -> nn.Module:
    """Return an untrained net in evaluation mode; the same seed gives the same weights.

    The global random state is neither read nor changed.

    Args:
        name: one of TRAINABLE, or "torchvision:" and the name of a classifier of torchvision.
        shape: of one sample: (d,) for vectors, (channels, height, width) for pictures, (length,)
            for tokens.
        outputs: classes, or 1 for regression; an autoencoder has as many as its inputs.
        widths: hidden layers of the MLP and of the autoencoder.
        activation: of those layers, one of ACTIVATIONS.
        words: codes the tokens of "attention" have, padding with them.
        examples: (k, *shape) samples on the CPU that the frozen statistics of a torchvision net
            are taken from, beside random ones.

    Returns:
        A module from (n, *shape) to (n, outputs), float32, on the CPU.

    Raises:
        SettingsError: an unknown name, fewer than one output, or no number of words where one is
            needed.
        UnsuitableDataError: a shape the net cannot take.
        MissingDependencyError: torchvision is needed and does not work.
    """
    if outputs < 1:
        raise SettingsError(f"A net needs at least 1 output, and {outputs} were asked for.")
    if name.startswith(PREFIX):
        with _drawn(seed):
            return torchvision_net(name, tuple(shape), outputs, examples)
    if name not in TRAINABLE:
        raise SettingsError(
            f"No net is called {name!r}; choose one of {', '.join(TRAINABLE)}, or "
            f"{PREFIX}NAME for a net of torchvision."
        )
    _check_shape(name, tuple(shape))
    with _drawn(seed):
        return TRAINABLE[name](
            NetSize(tuple(shape), outputs, tuple(widths), words, ACTIVATIONS[activation])
        ).eval()


def own_net(module: object, example: Tensor, outputs: int, *, seed: int) -> nn.Module:
    """Return a copy of a user's net in evaluation mode, on the device of the example.

    Args:
        module: a module, whose weights are kept as they are, or a function from the shape of a
            sample and the number of outputs to one, called with torch's generator at `seed`.
        example: (1, ...), one sample to try the net on.
        outputs: how many it must have.

    Raises:
        SettingsError: neither a module nor a function that returns one.
        UnsuitableDataError: a net that cannot take the sample, or has other outputs.
    """
    shape = tuple(example.shape[1:])
    with _drawn(seed):
        net = _copied(module, shape, outputs).to(example.device).eval()
        try:
            with torch.no_grad():
                found = tuple(net(example).shape)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            raise UnsuitableDataError(
                f"The given net cannot take samples of shape {shape} and type {example.dtype}: "
                f"{error}. Change its first layer, or give a function of (shape, outputs)."
            ) from error
    if found != (1, outputs):
        raise UnsuitableDataError(
            f"The given net answers one sample of shape {shape} by {found}, and must by "
            f"(1, {outputs}); change its last layer, or give a function of (shape, outputs)."
        )
    return net


def _copied(module: object, shape: Shape, outputs: int) -> nn.Module:
    if callable(module) and not isinstance(module, nn.Module):
        try:
            module = module(shape, outputs)
        except Exception as error:
            raise UnsuitableDataError(
                f"The given function of a net failed for shape {shape} and {outputs} outputs: "
                f"{type(error).__name__}: {error}. Mend it."
            ) from error
    if not isinstance(module, nn.Module):
        raise SettingsError(
            "A net of your own is a torch.nn.Module, or a function of (shape, outputs) that "
            f"returns one; this is of type {type(module).__name__}."
        )
    return copy.deepcopy(module)


@contextmanager
def _drawn(seed: int) -> Iterator[None]:
    """Draw from torch's CPU generator at `seed`; torch.manual_seed would change the GPU's too."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _linear(size: NetSize) -> nn.Module:
    return _perceptron(size.activation, math.prod(size.shape), size.outputs)


def _mlp(size: NetSize) -> nn.Module:
    return _perceptron(size.activation, math.prod(size.shape), *size.widths, size.outputs)


def _autoencoder(size: NetSize) -> nn.Module:
    return _perceptron(size.activation, *size.shape, *size.widths, *size.shape)


def _perceptron(activation: type[nn.Module], *sizes: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


def _lenet5(size: NetSize) -> nn.Module:
    channels, height, width = size.shape
    return lenet5(channels, height, width, size.outputs)


def _resnet(size: NetSize) -> nn.Module:
    return ResNet(size.shape[0], size.outputs)


def _attention(size: NetSize) -> nn.Module:
    if size.words is None or size.words < 1:
        raise SettingsError(
            f"The net 'attention' needs the number of token codes, and got {size.words}; give "
            "words, the largest code plus 1."
        )
    return AttentionNet(size.words, size.shape[0], size.outputs)


TRAINABLE: dict[str, Callable[[NetSize], nn.Module]] = {
    "linear": _linear,
    "mlp": _mlp,
    "lenet5": _lenet5,
    "resnet": _resnet,
    "attention": _attention,
    "autoencoder": _autoencoder,
}
LEAST_SIDES = {"lenet5": LENET_LEAST_SIDE, "resnet": RESNET_LEAST_SIDE}
DIMENSIONS = {"lenet5": 3, "resnet": 3, "attention": 1, "autoencoder": 1}
FORMS = {1: "vectors or tokens of one length", 3: "pictures (channels, height, width)"}


def _check_shape(name: str, shape: Shape) -> None:
    if not shape or min(shape) < 1:
        raise UnsuitableDataError(
            f"A net needs at least one number a sample, and the samples have shape {shape}."
        )
    wanted = DIMENSIONS.get(name, len(shape))
    if len(shape) != wanted:
        raise UnsuitableDataError(
            f"The net {name!r} takes {FORMS[wanted]}, and the samples have shape {shape}; choose "
            "the net 'mlp'."
        )
    least = LEAST_SIDES.get(name, 1)
    if least > 1 and min(shape[1:]) < least:
        raise UnsuitableDataError(
            f"The net {name!r} takes pictures of at least {least} x {least} pixels, and the "
            f"samples have {shape[1]} x {shape[2]}; choose the net 'mlp'."
        )
