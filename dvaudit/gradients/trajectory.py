"""Training that can be told again: the batches and rates of every step, and the points between.

A step is plain SGD, theta_{t+1} = theta_t - eta_t / |B_t| sum_{i in B_t} g_i(theta_t); with a
summed loss the rate is eta_t alone. The net runs in evaluation mode, as everywhere in gradients:
dropout off, batch norm with its running statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call

from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.gradients._frozen import frozen, refuse_mixing
from dvaudit.gradients.layout import Layout
from dvaudit.gradients.losses import Batch, Loss, check_losses, take


class Reduction(StrEnum):
    """What the trained loss does with the losses of a batch."""

    MEAN = "mean"
    SUM = "sum"


@dataclass(frozen=True, eq=False)
class Update:
    """One step: the rows of B_t, int64 of shape (B,), and eta_t."""

    rows: Tensor
    rate: float

    def effective(self, reduction: Reduction) -> float:
        """Return the factor of one sample's gradient: eta_t / |B_t|, or eta_t for a sum."""
        return self.rate / len(self.rows) if reduction is Reduction.MEAN else self.rate


class Points(Protocol):
    """theta_0 to theta_T by number, each of shape (P,)."""

    def __getitem__(self, step: int) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A run of T updates and the T + 1 points it went through."""

    layout: Layout
    updates: Sequence[Update]
    reduction: Reduction
    points: Points

    def at(self, step: int) -> dict[str, Tensor]:
        """Return theta_step by parameter."""
        return self.layout.split(self.points[step])

    @property
    def end(self) -> Tensor:
        """theta_T, shape (P,)."""
        return self.points[len(self.updates)]


def draw_updates(
    n: int,
    *,
    batch: int,
    epochs: int,
    rate: float | Callable[[int], float],
    seed: int,
) -> list[Update]:
    """Return the steps of shuffled epochs; the last batch of an epoch may be smaller.

    Args:
        rate: eta, or from the number of the step, 0 first, to eta_t.
        seed: of the order, drawn on the CPU and the same on any machine.

    Raises:
        SettingsError: a batch or a number of epochs below 1.
        UnsuitableDataError: no sample.
    """
    if batch < 1 or epochs < 1:
        raise SettingsError(f"Batch {batch} and epochs {epochs} must be at least 1 each.")
    if n < 1:
        raise UnsuitableDataError("There is no sample to train on; give at least one.")
    draws = torch.Generator().manual_seed(seed)
    orders = [torch.split(torch.randperm(n, generator=draws), batch) for _ in range(epochs)]
    rows = [part for order in orders for part in order]
    return [Update(part, rate(step) if callable(rate) else rate) for step, part in enumerate(rows)]


def train(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    updates: Sequence[Update],
    *,
    reduction: Reduction = Reduction.MEAN,
    points: Tensor | None = None,
) -> Trajectory:
    """Train from the net's parameters and keep every point; the net itself is not changed.

    Args:
        loss: from outputs and targets to (n,).
        points: (T + 1, P) to write to, for instance of torch.from_file; allocated by default.

    Raises:
        UnsuitableDataError: a net whose samples mix, or a loss that is not one number a sample.
    """
    layout, steps = _begin(model, loss, data, updates, reduction)
    theta = layout.current(model)
    if points is None:
        points = theta.new_empty((len(updates) + 1, layout.size))
    points[0] = theta
    for number, theta in enumerate(steps, start=1):
        points[number] = theta
    return Trajectory(layout, updates, reduction, points)


def train_with_checkpoints(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    updates: Sequence[Update],
    *,
    every: int,
    reduction: Reduction = Reduction.MEAN,
) -> Trajectory:
    """As `train`, but keep each `every`-th point and compute the others again when asked for.

    Read backwards, each step is computed once more; what is held is T / every + every points.
    """
    if every < 1:
        raise SettingsError(f"Points are kept every {every} steps; keep them every 1 or more.")
    layout, steps = _begin(model, loss, data, updates, reduction)
    kept = [layout.current(model)]
    for number, theta in enumerate(steps, start=1):
        if number % every == 0 or number == len(updates):
            kept.append(theta)

    def replay(start: int, theta: Tensor) -> Iterator[Tensor]:
        end = start + every
        return _steps(model, loss, data, updates[start:end], reduction, layout, theta)

    return Trajectory(layout, updates, reduction, _Replayed(kept, every, len(updates), replay))


class _Replayed:
    """Points computed again from the checkpoint before them, one stretch at a time."""

    def __init__(
        self,
        kept: Sequence[Tensor],
        every: int,
        steps: int,
        replay: Callable[[int, Tensor], Iterator[Tensor]],
    ) -> None:
        self._kept, self._every, self._steps, self._replay = kept, every, steps, replay
        self._stretch = -1
        self._points: list[Tensor] = []

    def __getitem__(self, step: int) -> Tensor:
        if not 0 <= step <= self._steps:
            raise IndexError(f"step {step} of {self._steps}")
        stretch, offset = divmod(step, self._every)
        if step == self._steps:
            return self._kept[-1]
        if offset == 0:
            return self._kept[stretch]
        if stretch != self._stretch:
            start = self._kept[stretch]
            self._points = [start, *self._replay(stretch * self._every, start)]
            self._stretch = stretch
        return self._points[offset]


def _begin(
    model: nn.Module, loss: Loss, data: Batch, updates: Sequence[Update], reduction: Reduction
) -> tuple[Layout, Iterator[Tensor]]:
    refuse_mixing(model)
    layout = Layout.of(model)
    theta = layout.current(model)
    return layout, _steps(model, loss, data, updates, reduction, layout, theta)


def _steps(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    updates: Sequence[Update],
    reduction: Reduction,
    layout: Layout,
    theta: Tensor,
) -> Iterator[Tensor]:
    """Yield the point after each update."""
    for update in updates:
        inputs, targets = take(data, update.rows.to(data[0].device))
        values = {name: part.requires_grad_() for name, part in layout.split(theta).items()}
        with frozen(model), torch.enable_grad():
            losses = loss(functional_call(model, values, (inputs,)), targets)
        check_losses(losses, len(inputs))
        found = torch.autograd.grad(
            losses.sum(), list(values.values()), allow_unused=True, materialize_grads=True
        )
        gradient = layout.join(dict(zip(values, found, strict=True)))
        theta = torch.add(theta, gradient, alpha=-update.effective(reduction))
        yield theta
