"""LiveVal: does a sample's own step lead towards where training goes?

For i in batch B_t, with theta_{t-1} before the step, theta_ref a later point of the same run,
D = theta_ref - theta_{t-1} and g_i the gradient of its loss at theta_{t-1}:

    v_i^t = (|D| - |D + eta_t g_i|) / (|D| + |D + eta_t g_i|)                        (8), (9)

in [-1, 1], positive where the step alone moves towards the reference; zero means nothing in the
sum over steps. The reference lies delta_t steps ahead, r_t = min(t - 1 + delta_t, T), and the
window delta follows the change of the loss of B_t between the two points, (11) to (14) in the
reading of the paper's prose: it changes when a pair (t, r_t) resolves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from dvaudit.gradients._capture import Capture, capture
from dvaudit.gradients._plan import plan_taps
from dvaudit.gradients._quick import losses_alone
from dvaudit.gradients.losses import Batch, Loss, take
from dvaudit.gradients.trajectory import Trajectory, Update
from dvaudit.gradients.window import Window

MakeOptimiser = Callable[[list[nn.Parameter]], Optimizer]


@dataclass(frozen=True, eq=False)
class LiveStep:
    """The values of one batch, known once its reference is reached.

    Attributes:
        step: t, 1 for the first update.
        reference: r_t, the number of updates before the reference point.
        rows: (B,) of B_t.
        values: (B,) v_i^t.
        distance: |D|.
        rate: change of B_t's mean loss a step between the two points.
        loss: mean of B_t at theta_{t-1}.
    """

    step: int
    reference: int
    rows: Tensor
    values: Tensor
    distance: float
    rate: float
    loss: float


def sgd(parameters: list[nn.Parameter]) -> Optimizer:
    """Return plain SGD; the rate is set at each step."""
    return SGD(parameters, lr=0.0)


def live_values(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    updates: Sequence[Update],
    *,
    window: Window | None = None,
    optimiser: MakeOptimiser = sgd,
    towards: Tensor | None = None,
) -> Iterator[LiveStep]:
    """Train on the mean of each batch's losses and yield a batch's values when they are known.

    The net is trained in place, in evaluation mode (dropout off, batch norm frozen). Up to
    `window.most` batches wait for their reference, each with theta_{t-1} and what hooks saw.

    Args:
        loss: from outputs and targets to (n,).
        window: of the reference, `Window()` by default.
        optimiser: makes the optimiser; its learning rate is set to eta_t at each step. Momentum
            and weight decay act on the training and are not part of a sample's own step.
        towards: (P,), one reference for all steps in place of the window. With where `trained`
            ended from the same start these are `static_values`, and no point is kept.

    Raises:
        UnsuitableDataError: as in `inner_products`.
    """
    window = window or Window()
    total = len(updates)
    # By the step of the reference: when the window shrinks, a later batch resolves first.
    waiting: defaultdict[int, list[_Pair]] = defaultdict(list)
    delta = window.start
    for pair in _training(model, loss, data, updates, optimiser):
        number = pair.step
        if towards is not None:
            yield pair.resolve(model, loss, total, towards)
            continue
        waiting[min(number - 1 + delta, total)].append(pair)
        here = pair.seen.layout.current(model) if number in waiting else None
        for ready in waiting.pop(number, []):
            assert here is not None
            resolved = ready.resolve(model, loss, number, here, own=True)
            delta = window.after(delta, resolved.rate)
            yield resolved


def trained(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    updates: Sequence[Update],
    *,
    optimiser: MakeOptimiser = sgd,
) -> Iterator[float]:
    """Train as `live_values` does, to the last bit, and yield each batch's mean loss before it."""
    for pair in _training(model, loss, data, updates, optimiser):
        yield float(pair.seen.losses.mean())


def static_values(
    model: nn.Module, loss: Loss, data: Batch, trajectory: Trajectory
) -> Iterator[LiveStep]:
    """Yield the values of each batch with the end of a run as the reference of all its steps."""
    taps = plan_taps(model, loss, data, set(trajectory.layout.shapes))
    layout, total = trajectory.layout, len(trajectory.updates)
    for number, update in enumerate(trajectory.updates, start=1):
        theta, batch = trajectory.points[number - 1], _batch(data, update)
        seen = capture(model, loss, batch, taps, point=layout.split(theta))
        pair = _Pair(number, update, batch, theta, seen, seen.squared_norms())
        yield pair.resolve(model, loss, total, trajectory.end)


def own_step_values(
    inner: Tensor, squared_norms: Tensor, squared_distance: Tensor, rate: float
) -> Tensor:
    """Return v_i, shape (B,), from <D, g_i>, |g_i|^2 and |D|^2, without cancellation.

    |D| - |u| = -(2 eta <D, g_i> + eta^2 |g_i|^2) / (|D| + |u|), u = D + eta g_i. Where the
    reference is where the step began, there is no direction, and the value is 0.
    """
    gain = -(2 * rate * inner + rate**2 * squared_norms)
    reached = (squared_distance - gain).clamp(min=0).sqrt()
    values = gain / (squared_distance.sqrt() + reached).square()
    return torch.where(squared_distance > 0, values, torch.zeros_like(values)).clamp(-1, 1)


def totals(steps: Iterable[LiveStep], n: int) -> tuple[Tensor, Tensor]:
    """Return each sample's sum of values (5) and how often it was valued, shape (n,) both.

    A sum grows with the number of times a sample is seen; the quotient is the mean.
    """
    value, seen = torch.zeros(n, dtype=torch.float64), torch.zeros(n, dtype=torch.int64)
    for step in steps:
        rows = step.rows.cpu()
        value.index_add_(0, rows, step.values.cpu().double())
        seen.index_add_(0, rows, torch.ones_like(rows))
    return value, seen


@dataclass(frozen=True, eq=False)
class _Pair:
    """A batch that waits for its reference."""

    step: int
    update: Update
    batch: Batch
    theta: Tensor
    seen: Capture
    squared_norms: Tensor

    def resolve(
        self, model: nn.Module, loss: Loss, number: int, reference: Tensor, *, own: bool = False
    ) -> LiveStep:
        """Return the values against the point after `number` updates.

        Args:
            own: the net's parameters are at that point.
        """
        point = None if own else self.seen.layout.split(reference)
        ahead = reference - self.theta
        squared = ahead.square().sum()
        inner = self.seen.inner_products(ahead[None])[:, 0]
        before = float(self.seen.losses.mean())
        after = float(losses_alone(model, loss, self.batch, point=point).mean())
        return LiveStep(
            step=self.step,
            reference=number,
            rows=self.update.rows,
            values=own_step_values(inner, self.squared_norms, squared, self.update.rate),
            distance=float(squared.sqrt()),
            rate=abs(after - before) / (number - self.step + 1),
            loss=before,
        )


def _training(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    updates: Sequence[Update],
    optimiser: MakeOptimiser,
) -> Iterator[_Pair]:
    """Yield each batch as it was before its step, with the net as it is after it."""
    taps = plan_taps(model, loss, data)
    parameters = [model.get_parameter(name) for name in taps.layout.shapes]
    steps = optimiser(parameters)
    for number, update in enumerate(updates, start=1):
        batch, theta = _batch(data, update), taps.layout.current(model)
        seen = capture(model, loss, batch, taps)
        pair = _Pair(number, update, batch, theta, seen, seen.squared_norms())
        mean = seen.gradient() / len(seen.losses)
        parts = taps.layout.split(mean).values()
        for parameter, gradient in zip(parameters, parts, strict=True):
            parameter.grad = gradient
        for group in steps.param_groups:
            group["lr"] = update.rate
        steps.step()
        yield pair


def _batch(data: Batch, update: Update) -> Batch:
    return take(data, update.rows.to(data[0].device))
