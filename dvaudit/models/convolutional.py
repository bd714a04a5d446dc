"""Small nets for pictures: LeNet-5 and a residual net."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LENET_KERNEL = 5
LENET_PADDED_BELOW = 32  # sides; MNIST's 28 are padded to the 32 the net was made for
LENET_LEAST_SIDE = 12
RESNET_WIDTHS = (24, 48, 96)
RESNET_LEAST_SIDE = 4
GROUP = 8  # channels normalised together


def lenet5(channels: int, height: int, width: int, outputs: int) -> nn.Module:
    """Return LeNet-5 (LeCun et al. 1998), with ReLU and maximum pooling as it is built today.

    Two 5 x 5 layers of 6 and 16 channels, each pooled by 2, then layers of 120 and 84. Sides below
    32 are padded by 2; 28 x 28 grey pictures and 10 classes make 61,706 parameters.
    """
    padding = 2 if min(height, width) < LENET_PADDED_BELOW else 0
    flat = 16 * math.prod(_lenet_side(side, padding) for side in (height, width))
    return nn.Sequential(
        nn.Conv2d(channels, 6, LENET_KERNEL, padding=padding),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, LENET_KERNEL),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(flat, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, outputs),
    )


def _lenet_side(side: int, padding: int) -> int:
    return ((side + 2 * padding - LENET_KERNEL + 1) // 2 - LENET_KERNEL + 1) // 2


class Block(nn.Module):
    """Two normalised 3 x 3 layers around a shortcut (He et al. 2016, the basic block)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.first = _conv(channels_in, channels, stride)
        self.first_norm = _norm(channels)
        self.second = _conv(channels, channels, 1)
        self.second_norm = _norm(channels)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and channels_in == channels
            else nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), _norm(channels)
            )
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (n, channels, h / stride, w / stride), rounded up."""
        hidden = torch.relu(self.first_norm(self.first(inputs)))
        hidden = self.second_norm(self.second(hidden))
        return torch.relu(self.shortcut(inputs) + hidden)


class ResNet(nn.Module):
    """Three blocks of 24, 48 and 96 channels, the mean over positions, a linear layer.

    8 layers and 174,000 parameters. Group norm (Wu and He 2018) takes the place of batch norm.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        first, second, third = RESNET_WIDTHS
        self.stem = _conv(channels, first, 1)
        self.stem_norm = _norm(first)
        self.blocks = nn.Sequential(
            Block(first, first, 1), Block(first, second, 2), Block(second, third, 2)
        )
        self.score = nn.Linear(third, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (n, outputs) from (n, channels, height, width)."""
        hidden = self.blocks(torch.relu(self.stem_norm(self.stem(inputs))))
        scores: Tensor = self.score(hidden.mean((2, 3)))
        return scores


def _conv(channels_in: int, channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(channels // GROUP, channels)
