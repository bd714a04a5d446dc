"""Training by epochs, written once for the methods that look at a net while it learns.

The net runs in evaluation mode, as in dvaudit.gradients, so that what is measured between epochs
is what was trained. torch is loaded by the functions and not by this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.errors import NumericalError
from dvaudit.core.machine import Cost, Machine, size_text
from dvaudit.core.settings import setting
from dvaudit.core.trace import Trace
from dvaudit.core.words import count
from dvaudit.valuators.trained import TrainingProblem

if TYPE_CHECKING:
    from torch import Tensor, nn, optim

    from dvaudit.gradients import Taps
    from dvaudit.gradients.losses import Batch
    from dvaudit.valuators.learner import Learner

NETS = (
    *("auto", "linear", "mlp", "lenet5", "resnet", "attention"),
    *("torchvision:resnet18", "torchvision:resnet50", "torchvision:inception_v3"),
    *("torchvision:densenet121", "torchvision:mobilenet_v3_small"),
)
BLOCK = 512  # samples measured at a time between epochs
MOMENTUM = 0.9
STEP_SECONDS = 5e-4  # of a step on a net so small that its arithmetic takes no time
# Multiply-adds of one sample's forward pass, for pictures of 32 x 32 and texts of 64 tokens.
OPERATIONS = {
    **{"lenet5": 7e5, "resnet": 1e7, "attention": 1e6, "torchvision:resnet18": 4e7},
    **{"torchvision:resnet50": 9e7, "torchvision:inception_v3": 6e8},
    **{"torchvision:densenet121": 6e7, "torchvision:mobilenet_v3_small": 3e6},
}
HIDDEN = 100  # of build_learner's MLP


# Returns the harm (m,) of each sample by a net as trained so far, higher = less useful.
Measure = Callable[[], NDArray[np.float64]]


class Optimiser(StrEnum):
    """How a step follows from the mean gradient of its batch."""

    SGD = "sgd"
    MOMENTUM = "momentum"
    ADAM = "adam"


class Fitting(Protocol):
    """The settings that every trained method has; a part of its own Settings."""

    @property
    def net(self) -> str: ...
    @property
    def epochs(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def rate(self) -> float: ...


def net_setting() -> Any:
    """Declare `net`."""
    return setting(
        "auto",
        "Net that is trained; auto: an MLP with two hidden layers of 100 on vectors. lenet5, "
        "resnet and those of torchvision take pictures, attention takes text columns.",
        choices=NETS,
    )


def epochs_setting(default: int, low: int = 1) -> Any:
    """Declare `epochs`."""
    return setting(default, "Passes over the data while the net trains.", low=low, high=10_000)


def batch_setting(default: int = 32) -> Any:
    """Declare `batch`."""
    return setting(default, "Samples in a training step.", low=1, high=100_000)


def rate_setting(default: float) -> Any:
    """Declare `rate`."""
    return setting(default, "Learning rate of the training.", low=1e-8, high=100.0)


def runs_setting(default: int) -> Any:
    """Declare `runs`."""
    return setting(
        default,
        "Trainings from different random starts that are averaged over.",
        low=1,
        high=1000,
    )


def run_seeds(seed: int, runs: int) -> list[int]:
    """Return a seed for each run; a run's seed does not depend on how many there are."""
    return [int(np.random.SeedSequence([seed, run]).generate_state(1)[0]) for run in range(runs)]


@dataclass(frozen=True)
class Epoch:
    """The end of a pass over the data: its number, 1 first, and the samples' mean loss during it.

    Each sample's loss is the one it had in its batch, before the step.
    """

    number: int
    loss: float


def fit(
    learner: Learner, asked: Fitting, *, seed: int, optimiser: Optimiser = Optimiser.MOMENTUM
) -> Iterator[Epoch]:
    """Train the learner's net on its source, in place, and yield at the end of each epoch.

    The order of the samples comes from `seed` alone. The caller may look at the net between
    epochs, and must not change it.

    Raises:
        NumericalError: the loss is no longer finite.
    """
    import torch

    from dvaudit.gradients import draw_updates
    from dvaudit.gradients.losses import take

    if not asked.epochs:
        return
    n = len(learner.source[0])
    updates = draw_updates(n, batch=asked.batch, epochs=asked.epochs, rate=asked.rate, seed=seed)
    steps = len(updates) // asked.epochs
    stepper = _stepper(learner.net, optimiser, asked.rate)
    for number in range(1, asked.epochs + 1):
        total = torch.zeros((), dtype=torch.float64, device=learner.source[0].device)
        for update in updates[(number - 1) * steps : number * steps]:
            inputs, targets = take(learner.source, update.rows.to(learner.source[0].device))
            with torch.enable_grad():
                losses = learner.loss(learner.net(inputs), targets)
            stepper.zero_grad()
            losses.mean().backward()  # type: ignore[no-untyped-call]
            stepper.step()
            total += losses.detach().sum()
        if not torch.isfinite(total):
            raise NumericalError(
                f"The training loss is {float(total):g} in epoch {number:,} of {asked.epochs:,} at "
                f"rate {asked.rate:g}: the steps are too long; lower `rate`."
            )
        yield Epoch(number, float(total) / n)


def _stepper(net: nn.Module, optimiser: Optimiser, rate: float) -> optim.Optimizer:
    import torch

    if optimiser is Optimiser.ADAM:
        return torch.optim.Adam(net.parameters(), lr=rate)
    momentum = MOMENTUM if optimiser is Optimiser.MOMENTUM else 0.0
    return torch.optim.SGD(net.parameters(), lr=rate, momentum=momentum)


class Follower:
    """Collects values epoch by epoch, and tells the problem's watch and progress of each."""

    def __init__(self, problem: TrainingProblem, name: str, epochs: int, *, additive: bool) -> None:
        self._problem, self._name, self._additive = problem, name, additive
        self._epochs = max(epochs, 1)
        self._points: list[float] = []
        self._values: list[NDArray[np.float32]] = []
        self._losses: list[float] = []

    def add(self, epoch: int, values: NDArray[np.floating], loss: float) -> None:
        """Take the values (m,) after `epoch` epochs, of which the last had the mean loss `loss`."""
        row = values.astype(np.float32)
        self._points.append(float(epoch))
        self._values.append(row)
        self._losses.append(loss)
        so_far = np.stack(self._values).sum(axis=0, dtype=np.float64)
        if not self._additive:
            so_far /= len(self._values)
        known = {"unit": "epoch", "additive": self._additive, "loss": loss}
        self._problem.watch(self._name, float(epoch), so_far.astype(np.float32), known)
        self._problem.progress(epoch / self._epochs, f"epoch {epoch:,} of {self._epochs:,}")

    def trace(self) -> Trace:
        """Return what was taken so far."""
        points, losses = np.array(self._points), np.array(self._losses)
        return Trace(points, np.stack(self._values), "epoch", self._additive, losses)


def follow_runs(
    problem: TrainingProblem,
    name: str,
    asked: Fitting,
    runs: int,
    measures: Callable[[Learner], Measure],
) -> tuple[NDArray[np.float64], Trace]:
    """Train `runs` nets side by side and measure each at its start and after every epoch.

    Args:
        measures: called once for each learner, before it is trained.

    Returns:
        The measure at the end, (runs, m), and the trace of its negated mean over the runs.
    """
    from dvaudit.valuators.learner import build_learner

    seeds = run_seeds(problem.seed, runs)
    learners = [build_learner(problem, asked.net, seed=seed) for seed in seeds]
    pairs = zip(learners, seeds, strict=True)
    trainings = [fit(learner, asked, seed=seed) for learner, seed in pairs]
    follower = Follower(problem, name, asked.epochs, additive=False)
    asking = [measures(learner) for learner in learners]
    found = np.stack([measure() for measure in asking])
    follower.add(0, -found.mean(0), float("nan"))
    for number in range(1, asked.epochs + 1):
        done: list[Epoch] = []
        for training in trainings:
            done.append(next(training))
            passed = (number - 1 + len(done) / runs) / asked.epochs
            problem.progress(passed, f"epoch {number:,}, run {len(done):,} of {runs:,}")
        found = np.stack([measure() for measure in asking])
        follower.add(number, -found.mean(0), float(np.mean([each.loss for each in done])))
    return found, follower.trace()


def standard_errors(found: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the standard error (m,) of the mean over runs of (runs, m); None of a single run."""
    if len(found) < 2:
        return None
    return np.asarray(found.std(axis=0, ddof=1) / len(found) ** 0.5)


def blocks(data: Batch) -> Iterator[Batch]:
    """Yield the data some samples at a time, in order."""
    for start in range(0, len(data[0]), BLOCK):
        yield data[0][start : start + BLOCK], data[1][start : start + BLOCK]


def outputs(net: nn.Module, data: Batch) -> Tensor:
    """Return the net's outputs (n, k) on the data."""
    import torch

    with torch.no_grad():
        return torch.cat([net(inputs) for inputs, _ in blocks(data)])


def mean_gradient(learner: Learner, data: Batch, taps: Taps) -> Tensor:
    """Return the gradient (P,) of the mean loss of the data at the net's parameters."""
    import torch

    from dvaudit.gradients import capture

    parts = [capture(learner.net, learner.loss, block, taps).gradient() for block in blocks(data)]
    return torch.stack(parts).sum(0) / len(data[0])


def numpy_of(values: Tensor) -> NDArray[np.float64]:
    """Return a tensor as float64 in main memory."""
    return np.asarray(values.detach().cpu().double().numpy())


def parameters_of(net: str, dimensions: int, classes: int) -> int:
    """Return about how many parameters build_learner's net has."""
    if net == "linear":
        return (dimensions + 1) * classes
    if net in OPERATIONS:
        return 100_000
    return (dimensions + 1) * HIDDEN + (HIDDEN + 1) * (HIDDEN + classes)


def fitting_cost(
    asked: Fitting,
    samples: int,
    dimensions: int,
    classes: int,
    machine: Machine,
    *,
    runs: int = 1,
    measured: float = 1.0,
) -> Cost:
    """Return the cost of `runs` trainings of all samples, in float32.

    Args:
        measured: passes over the data spent on measuring for each epoch of training; a forward
            pass alone is a third.
    """
    passes = runs * max(asked.epochs, 1)
    forward = OPERATIONS.get(asked.net, parameters_of(asked.net, dimensions, classes))
    arithmetic = 6 * forward * samples * passes * (1 + measured) / machine.flops
    steps = passes * (samples / asked.batch + 1 + samples / BLOCK)
    numbers = 2 * samples * dimensions + 4 * runs * forward + 4 * BLOCK * (dimensions + 2 * HIDDEN)
    needed = int(4 * (numbers + samples * (asked.epochs + 2 * runs)))
    times = "once" if runs == 1 else f"{runs:,} times"
    plan = f"{count(asked.epochs, 'epoch')} on all samples, {times} ({size_text(needed)})"
    return Cost(arithmetic + STEP_SECONDS * steps, needed, plan)
