"""Small nets, training runs and projections for tests of projected embeddings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dvaudit.gradients import (
    Projections,
    Trajectory,
    draw_updates,
    plan_projections,
    plan_taps,
    train,
)
from dvaudit.gradients.losses import Batch, cross_entropy

DOUBLE = torch.float64
N = 14  # samples of a problem


class Text(nn.Module):
    """Token and class weights are shared; a scale outside of any module has no layer rule."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.scale = nn.Parameter(torch.ones(3))
        self.norm = nn.LayerNorm(4)
        self.mix = nn.Linear(4, 4)
        self.head = nn.Linear(4, 5)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.embed(tokens) * self.scale[None, :, None]
        return self.head(torch.tanh(self.mix(self.norm(hidden)).mean(1)))


def _net(kind: str) -> nn.Module:
    if kind == "text":
        return Text()
    if kind == "convolution":
        return nn.Sequential(
            nn.Conv1d(2, 4, 3),
            nn.Tanh(),
            nn.Conv1d(4, 4, 3, groups=2),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(8, 3),
        )
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 6, bias=False), nn.Linear(6, 3))


KINDS = ("dense", "convolution", "text")


def problem(kind: str = "dense", seed: int = 0) -> tuple[nn.Module, Batch, Batch]:
    """Return a net of random weights, N samples to train on and six to ask about."""
    draws = torch.Generator().manual_seed(seed)
    model = _net(kind).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, generator=draws)
    shape = {"dense": (4,), "convolution": (2, 6), "text": (3,)}[kind]
    inputs = torch.randn(N + 6, *shape, generator=draws, dtype=DOUBLE)
    if kind == "text":
        inputs = torch.randint(5, (N + 6, 3), generator=draws)
    labels = torch.randint(3, (N + 6,), generator=draws)
    return model, (inputs[:N], labels[:N]), (inputs[N:], labels[N:])


def run_of(model: nn.Module, data: Batch, seed: int = 0, rate: float = 0.2) -> Trajectory:
    """Train on batches of five for three epochs."""
    updates = draw_updates(N, batch=5, epochs=3, rate=lambda t: rate / (1 + t / 5), seed=seed)
    return train(model, cross_entropy, data, updates)


def project(
    model: nn.Module, data: Batch, size: int = 10_000, seed: int = 0, like: Tensor | None = None
) -> Projections:
    """Return projections of every layer to `size` numbers; by default none is projected."""
    taps = plan_taps(model, cross_entropy, data)
    like = torch.zeros((), dtype=DOUBLE) if like is None else like
    return plan_projections(taps, size=size, seed=seed, like=like)
