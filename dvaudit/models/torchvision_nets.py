"""torchvision's classifiers by name, untrained, for per-sample gradients."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import metadata
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from dvaudit.core.errors import MissingDependencyError, SettingsError, UnsuitableDataError
from dvaudit.taps.hooks import recording

PREFIX = "torchvision:"
CHANNELS = 3
# No auxiliary head; the layers' own initial weights (left out, a warning comes).
ARGUMENTS = {
    name: {"aux_logits": False, "init_weights": False} for name in ("inception_v3", "googlenet")
}
NOISE_PICTURES, NOISE_SIDES = 128, (1, 2, 4, 8, 16, 32)
TAPPED = (nn.Linear, nn.Conv2d, nn.Embedding, nn.LayerNorm, nn.GroupNorm, _BatchNorm)


def torchvision_net(
    name: str, shape: tuple[int, ...], outputs: int, examples: Tensor | None = None
) -> nn.Module:
    """Return an untrained net of torchvision.models in evaluation mode.

    Grey pictures become three equal channels, and pictures smaller than the net takes are
    enlarged. The statistics of batch norms are those of random pictures and of the examples in the
    untrained net, and frozen: with means of 0 and variances of 1 some of these nets answer 10^7,
    others the same to any picture. Weights and random pictures are drawn from torch's global
    generator.

    Args:
        name: "torchvision:" and a classifier's name, such as "torchvision:resnet18".
        shape: (channels, height, width) of a picture, with 1 or 3 channels.
        examples: (k, *shape) pictures in [0, 1].

    Raises:
        MissingDependencyError: torchvision is absent or does not work with this torch.
        SettingsError: torchvision has no classifier of that name.
        UnsuitableDataError: samples that are no pictures, or too large for the net.
    """
    if len(shape) != 3 or shape[0] not in (1, CHANNELS):
        raise UnsuitableDataError(
            f"The net {name!r} takes pictures (1 or 3, height, width), and the samples have shape "
            f"{shape}; choose the net 'mlp'."
        )
    models = import_torchvision(name)
    short = name.removeprefix(PREFIX)
    known = models.list_models(module=models)
    if short not in known:
        close = get_close_matches(short, known, 3) or known
        raise SettingsError(
            f"torchvision has no classifier {short!r}; it has {', '.join(close)}"
            f"{'' if close is known else f', and {len(known)} in all'}."
        )
    least = models.get_model_weights(short).DEFAULT.meta["min_size"]
    net = nn.Sequential(Enlarged(shape, least), _untrained(models, short, outputs))
    pictures = random_pictures(shape)
    if examples is not None:
        pictures = torch.cat([pictures, examples])
    try:
        _freeze_statistics(net.eval(), pictures)
        _separate(net, pictures[:2])
    except (RuntimeError, AssertionError, ValueError) as error:
        raise UnsuitableDataError(
            f"The net {name!r} cannot take pictures of {shape[1]} x {shape[2]} pixels: "
            f"{_first_line(error)}. Resize them, or choose another net."
        ) from error
    return net


class Enlarged(nn.Module):
    """Pictures as (n, 3, height, width), no side shorter than the net takes."""

    def __init__(self, shape: tuple[int, ...], least: tuple[int, int]) -> None:
        super().__init__()
        self.size = (max(shape[1], least[0]), max(shape[2], least[1]))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return float pictures; those large enough as they are."""
        if pictures.shape[2:] != self.size:
            pictures = functional.interpolate(pictures, self.size, mode="bilinear")
        return pictures.expand(-1, CHANNELS, -1, -1)


class Apart(nn.Module):
    """A copy, so that what follows may change it in place."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return a copy."""
        return inputs.clone()


def import_torchvision(name: str) -> ModuleType:
    """Return torchvision.models.

    Raises:
        MissingDependencyError: torchvision is absent, or its compiled operators do not match
            this torch ("operator torchvision::nms does not exist").
    """
    try:
        return importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError, OSError) as error:
        raise MissingDependencyError(
            f"The net {name!r} needs torchvision, which cannot be loaded: {_first_line(error)}. "
            f"Installed: torchvision {_version('torchvision')}, torch {torch.__version__}. Install "
            "both from the same package index (pip install --force-reinstall torch torchvision), "
            "or choose the net 'resnet'."
        ) from error


def _untrained(models: ModuleType, name: str, outputs: int) -> nn.Module:
    build: Callable[..., nn.Module] = models.get_model_builder(name)
    net = build(weights=None, num_classes=outputs, **ARGUMENTS.get(name, {}))
    for part in net.modules():
        if vars(part).get("inplace"):
            vars(part)["inplace"] = False
    return net


def random_pictures(shape: tuple[int, ...]) -> Tensor:
    """Return noise of many scales in [0, 1], of about the mean and contrast of photographs.

    Coarse scales have more weight and half of each is common to the channels, as in photographs.
    """
    total = torch.zeros(NOISE_PICTURES, *shape)
    for side in NOISE_SIDES:
        own = torch.randn(NOISE_PICTURES, shape[0], side, side)
        noise = own + torch.randn(NOISE_PICTURES, 1, side, side)
        total += functional.interpolate(noise, tuple(shape[1:]), mode="bilinear") / side**0.5
    return (0.5 + 0.25 * total / total.std()).clamp(0, 1)


def _freeze_statistics(net: nn.Module, pictures: Tensor) -> None:
    norms = [part for part in net.modules() if isinstance(part, _BatchNorm)]
    if norms:
        with torch.no_grad(), _gathering(norms):
            net(pictures)


@contextmanager
def _gathering(norms: list[_BatchNorm]) -> Iterator[None]:
    """Let batch norms take their statistics from the one batch that follows."""
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train().momentum = None
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.eval().momentum = momentum


def _separate(net: nn.Module, pictures: Tensor) -> None:
    """Put a copy behind layers whose output is changed in place: rules need it as it was."""
    names: dict[nn.Module, str] = {
        part: name for name, part in net.named_modules() if isinstance(part, TAPPED)
    }
    versions: list[tuple[nn.Module, Tensor, int]] = []

    def note(part: nn.Module, _inputs: Tensor, output: Tensor) -> Tensor:
        versions.append((part, output, output._version))
        return output

    with torch.no_grad(), recording(names, note):
        net(pictures)
    changed = [part for part, output, version in versions if output._version != version]
    for part in dict.fromkeys(changed):
        owner, _, attribute = names[part].rpartition(".")
        setattr(net.get_submodule(owner), attribute, nn.Sequential(part, Apart()))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".:") or type(error).__name__
