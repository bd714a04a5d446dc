"""Networks at initialisation, as DAVINZ looks at them: no bias, no batch norm, no dropout.

DAVINZ resets batch norm to gain 1, bias 0 and running statistics 0 and 1, which leaves a factor
of 1 / sqrt(1 + 1e-5) per layer; these nets leave the layer out. `neutralise` resets it in a
module of the user's own.

Weights are normal with variance 2 / fan_in before a ReLU (He et al. 2015) and 1 / fan_in where
no ReLU follows, so that signals keep their size through any depth without normalisation; the
last layer of each of B residual branches is scaled by 1 / sqrt(B) for the same reason (Hayou et
al. 2021, "Stable ResNet").
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from dvaudit.core.errors import SettingsError, UnsuitableDataError

SMALLEST_SIDE = 8
LARGE_SIDE = 64  # from here on a ResNet-18 begins with a 7 x 7 stride 2 layer, as on ImageNet
MLP_WIDTHS = (256, 256)
POOL = 0  # in a VGG's list of widths
VGG_SMALL = (32, 32, POOL, 64, 64, POOL, 128, 128, POOL)
VGG_13 = (64, 64, POOL, 128, 128, POOL) + (256, 256, POOL) + (512, 512, POOL) * 2

Shape = tuple[int, ...]


def initial_net(name: str, shape: Sequence[int], outputs: int, *, seed: int) -> nn.Module:
    """Return an untrained net in evaluation mode; the same seed gives the same weights.

    The global random state is neither read nor changed.

    Args:
        name: one of NETS: "mlp" (2 x 256), "cnn" (3 layers), "vgg" (6) and "resnet" (7) for small
            images, "vgg13" and "resnet18" in the published sizes.
        shape: of one sample: (d,) for vectors, (c, h, w) for images of at least 8 x 8 pixels.
        outputs: classes, or 1 for regression.
        seed: of the weights.

    Returns:
        A module from (n, *shape) to (n, outputs), float32, on the CPU.

    Raises:
        SettingsError: an unknown name, or fewer than one output.
        UnsuitableDataError: a shape the net cannot take.
    """
    if name not in NETS:
        raise SettingsError(f"No net is called {name!r}; choose one of {', '.join(NETS)}.")
    if outputs < 1:
        raise SettingsError(f"A net needs at least 1 output, and {outputs} were asked for.")
    shape = tuple(shape)
    _check_shape(name, shape)
    with torch.random.fork_rng(devices=[]):  # the constructors draw weights that are replaced
        net = NETS[name](shape, outputs)
    _fill(net, torch.Generator().manual_seed(seed))
    return net.eval()


class Residual(nn.Module):
    """Two 3 x 3 layers around a shortcut (He et al. 2016, the basic block)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = _conv(channels_in, channels, stride=stride)
        self.second = _conv(channels, channels)
        same = stride == 1 and channels_in == channels
        self.shortcut = (
            nn.Identity() if same else _conv(channels_in, channels, size=1, stride=stride)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (n, channels, h / stride, w / stride)."""
        branch: Tensor = self.second(torch.relu(self.first(inputs)))
        return torch.relu(self.shortcut(inputs) + branch)


def _mlp(shape: Shape, outputs: int) -> nn.Module:
    widths = (math.prod(shape), *MLP_WIDTHS)
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after, bias=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], outputs, bias=False))


def _cnn(shape: Shape, outputs: int) -> nn.Module:
    return _vgg(shape, outputs, (32, POOL, 64, POOL, 128))


def _vgg(shape: Shape, outputs: int, widths: tuple[int, ...] = VGG_SMALL) -> nn.Module:
    layers: list[nn.Module] = []
    channels = shape[0]
    for width in widths:
        if width == POOL:
            # Rounding up keeps a side of 1 at 1, so five poolings suit images of 8 x 8 too.
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        else:
            layers += [_conv(channels, width), nn.ReLU()]
            channels = width
    return nn.Sequential(*layers, *_head(channels, outputs))


def _vgg13(shape: Shape, outputs: int) -> nn.Module:
    return _vgg(shape, outputs, VGG_13)


def _resnet(shape: Shape, outputs: int) -> nn.Module:
    stem = [_conv(shape[0], 16), nn.ReLU()]
    return _residual_net(stem, (16, 32, 64), 1, outputs)


def _resnet18(shape: Shape, outputs: int) -> nn.Module:
    stem: list[nn.Module] = [_conv(shape[0], 64), nn.ReLU()]
    if min(shape[1:]) >= LARGE_SIDE:
        stem = [_conv(shape[0], 64, size=7, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2, padding=1)]
    return _residual_net(stem, (64, 128, 256, 512), 2, outputs)


def _residual_net(
    stem: list[nn.Module], widths: tuple[int, ...], depth: int, outputs: int
) -> nn.Module:
    """Stages of `depth` blocks; each stage but the first halves the image."""
    blocks: list[nn.Module] = []
    channels = widths[0]
    for stage, width in enumerate(widths):
        for block in range(depth):
            stride = 2 if stage and not block else 1
            blocks.append(Residual(channels, width, stride))
            channels = width
    return nn.Sequential(*stem, *blocks, *_head(channels, outputs))


NETS: dict[str, Callable[[Shape, int], nn.Module]] = {
    "mlp": _mlp,
    "cnn": _cnn,
    "vgg": _vgg,
    "resnet": _resnet,
    "vgg13": _vgg13,
    "resnet18": _resnet18,
}


def _check_shape(name: str, shape: Shape) -> None:
    if any(size < 1 for size in shape) or len(shape) not in (1, 3):
        raise UnsuitableDataError(
            f"A net takes vectors (d,) or images (c, h, w), and the samples have shape {shape}; "
            "reshape them."
        )
    if name == "mlp":
        return
    if len(shape) == 1:
        raise UnsuitableDataError(
            f"The net {name!r} takes images (c, h, w), and the samples are vectors of {shape[0]} "
            "numbers; choose the net 'mlp'."
        )
    if min(shape[1:]) < SMALLEST_SIDE:
        raise UnsuitableDataError(
            f"The net {name!r} takes images of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, "
            f"and the samples have {shape[1]} x {shape[2]}; resize them, or choose the net 'mlp'."
        )


def _conv(channels_in: int, channels: int, *, size: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels, size, stride, padding=size // 2, bias=False)


def _head(channels: int, outputs: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, outputs, bias=False)]


def _fill(net: nn.Module, generator: torch.Generator) -> None:
    blocks = [module for module in net.modules() if isinstance(module, Residual)]
    linear = {block.shortcut for block in blocks} | {list(net.modules())[-1]}
    ends = {block.second for block in blocks}
    for module in net.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            gain = 1.0 if module in linear else 2.0
            if module in ends:
                gain /= len(blocks)
            fan_in = module.weight[0].numel()
            nn.init.normal_(module.weight, std=math.sqrt(gain / fan_in), generator=generator)
