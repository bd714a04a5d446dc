"""One training of LiveVal: values added up, and told of, while it goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from dvaudit.core.errors import NumericalError
from dvaudit.core.progress import Progress, part
from dvaudit.gradients import (
    Curvature,
    Layout,
    LiveStep,
    Update,
    Window,
    draw_updates,
    largest_eigenvalue,
    live_values,
    plan_taps,
)
from dvaudit.gradients.liveval import trained
from dvaudit.valuators.fitting import numpy_of
from dvaudit.valuators.learner import Learner, build_learner
from dvaudit.valuators.liveval import window_of
from dvaudit.valuators.trained import TrainingProblem

if TYPE_CHECKING:
    from dvaudit.valuators.liveval import LiveVal

QUARTERS = 4  # of the first epoch, after which early values are looked at
TOLD = 0.5  # seconds between two reports of progress
PROBED = 512  # samples whose curvature says which rate would do
WATCHED = 2.0  # seconds between two looks at the values within an epoch


@dataclass(frozen=True, eq=False)
class Run:
    """One training of T steps, in E epochs.

    Attributes:
        marks: steps made after each quarter of the first epoch and after each other epoch.
        parts: (len(marks), m) sum of v_i^t over the steps up to each mark since the one before.
        first: (m,) the mark by which each sample was first valued.
        times: (m,) how often each sample was valued.
        losses: (E,) mean over an epoch of each sample's loss before its step.
        windows: (T, 4) step, delta, rate of loss change, mean loss of the batch.
        steps: of an epoch.
        parameters: of the net.
    """

    marks: list[int]
    parts: NDArray[np.float64]
    first: NDArray[np.int64]
    times: NDArray[np.int64]
    losses: NDArray[np.float64]
    windows: NDArray[np.float64]
    steps: int
    parameters: int


def run_once(
    problem: TrainingProblem, asked: LiveVal.Settings, seed: int, index: int, progress: Progress
) -> Run:
    """Train once and value every step; the net and the order come from the seed.

    Raises:
        NumericalError: a loss is no longer finite.
        SettingsError: a window that cannot be.
    """
    learner = build_learner(problem, asked.net, seed=seed)
    updates = _updates(len(problem.labels), asked, seed)
    account = _Account(updates, asked.epochs, len(problem.labels))
    told = _Told(problem, account, index, progress)
    training = _Training(learner, updates, asked.rate, asked.momentum)
    first = training.to_the_end() if asked.reference == "end" else ()
    for number, loss in enumerate(first, start=1):
        if not math.isfinite(loss):
            raise _diverged(problem, asked, seed, number)
        told.ahead(number)
    for step in training.valued(window_of(asked)):
        if not account.add(step):
            raise _diverged(problem, asked, seed, step.step)
        told.step()
    return account.run(Layout.of(learner.net).size)


class _Training:
    """One training, made once, or twice to value it against its own end."""

    def __init__(
        self, learner: Learner, updates: list[Update], rate: float, momentum: float
    ) -> None:
        self._args = learner.net, learner.loss, learner.source, updates
        self._net, self._rate, self._momentum = learner.net, rate, momentum
        self._end: Tensor | None = None

    def to_the_end(self) -> Iterator[float]:
        """Train, yield the loss of each step, and put the net back; its end is the reference."""
        layout = Layout.of(self._net)
        start = layout.current(self._net)
        yield from trained(*self._args, optimiser=self._optimiser)
        self._end = layout.current(self._net)
        layout.assign(self._net, start)

    def valued(self, window: Window) -> Iterator[LiveStep]:
        """Train and yield the values of each step."""
        yield from live_values(
            *self._args, window=window, optimiser=self._optimiser, towards=self._end
        )

    def _optimiser(self, parameters: list[nn.Parameter]) -> Optimizer:
        return SGD(parameters, lr=self._rate, momentum=self._momentum)


def _updates(m: int, asked: LiveVal.Settings, seed: int) -> list[Update]:
    total = asked.epochs * math.ceil(m / asked.batch)

    def cosine(step: int) -> float:
        return float(asked.rate * (1 + math.cos(math.pi * step / total)) / 2)

    rate: float | Callable[[int], float] = cosine if asked.schedule == "cosine" else asked.rate
    return draw_updates(m, batch=asked.batch, epochs=asked.epochs, rate=rate, seed=seed)


def _diverged(
    problem: TrainingProblem, asked: LiveVal.Settings, seed: int, number: int
) -> NumericalError:
    """At its start the net still has finite parameters to find a rate from."""
    learner = build_learner(problem, asked.net, seed=seed)
    epoch = (number - 1) // math.ceil(len(problem.labels) / asked.batch)
    batch = learner.source[0][:PROBED], learner.source[1][:PROBED]
    taps = plan_taps(learner.net, learner.loss, batch)
    theta = taps.layout.current(learner.net)
    top = largest_eigenvalue(
        learner.net, learner.loss, batch, taps, theta, Curvature.GAUSS_NEWTON
    ) / len(batch[0])
    rate = min(asked.rate / 2, 1 / top) if top > 0 else asked.rate / 2
    return NumericalError(
        f"The training loss is no longer finite in epoch {epoch + 1:,} of {asked.epochs:,} (step "
        f"{number:,}) at rate {asked.rate:g}: the steps are too long; set rate to {rate:.2g} or "
        "less."
    )


class _Account:
    """Adds up the values of steps, which may come out of order.

    Attributes:
        steps: of an epoch.
        valued: steps whose values are known.
        finished: epochs all of whose steps are.
    """

    def __init__(self, updates: list[Update], epochs: int, m: int) -> None:
        self.steps = len(updates) // epochs
        self.epochs, self.m = epochs, m
        first = {math.ceil(self.steps * quarter / QUARTERS) for quarter in range(1, QUARTERS + 1)}
        self._marks = sorted(first | {self.steps * epoch for epoch in range(2, epochs + 1)})
        self._parts = np.zeros((len(self._marks), m))
        self._first = np.full(m, len(self._marks))
        self._times = np.zeros(m, dtype=np.int64)
        self._losses, self._valued = np.zeros(epochs), np.zeros(epochs, dtype=np.int64)
        self._windows = np.zeros((len(updates), 4))
        self.valued = self.finished = 0

    def add(self, step: LiveStep) -> bool:
        """Take the values of one step, and return whether they and its losses are finite."""
        rows, epoch = step.rows.cpu().numpy(), (step.step - 1) // self.steps
        mark = int(np.searchsorted(self._marks, step.step))
        self._parts[mark, rows] += numpy_of(step.values)
        self._first[rows] = np.minimum(self._first[rows], mark)
        self._times[rows] += 1
        self._losses[epoch] += step.loss * len(rows) / self.m
        delta = step.reference - step.step + 1
        self._windows[step.step - 1] = step.step, delta, step.rate, step.loss
        self.valued += 1
        self._valued[epoch] += 1
        while self.finished < self.epochs and self._valued[self.finished] == self.steps:
            self.finished += 1
        losses = math.isfinite(step.loss) and math.isfinite(step.rate)
        return losses and bool(torch.isfinite(step.values).all())

    def reached(self, epochs: int | None = None) -> NDArray[np.float32]:
        """Return the sums (m,) over so many epochs, or over all that is valued."""
        marks = None if epochs is None else self._marks.index(epochs * self.steps) + 1
        return np.asarray(self._parts[:marks].sum(0), dtype=np.float32)

    def known(self, epoch: int) -> dict[str, float]:
        """Return what else is known of an epoch, 0 first, as far as it is valued."""
        rows = self._windows[epoch * self.steps : (epoch + 1) * self.steps]
        done = rows[rows[:, 0] > 0]
        loss, window = done[:, 3].mean(), done[:, 1].mean()
        return {"loss": float(loss), "window": float(window)}

    def run(self, parameters: int) -> Run:
        """Return the whole, once every step is valued."""
        return Run(
            marks=self._marks,
            parts=self._parts,
            first=self._first,
            times=self._times,
            losses=self._losses,
            windows=self._windows,
            steps=self.steps,
            parameters=parameters,
        )


class _Told:
    """Tells the problem's watch of sums at every epoch and every few seconds, and its progress."""

    def __init__(
        self, problem: TrainingProblem, account: _Account, index: int, progress: Progress
    ) -> None:
        self._problem, self._account, self._index = problem, account, index
        self._progress = self._along = progress
        self._epoch = 0
        self._looked = self._reported = time.monotonic()

    def ahead(self, number: int) -> None:
        """Report a step of the training that only finds the end."""
        total = self._account.steps * self._account.epochs
        self._along = part(self._progress, 0.4, 1.0)
        self._report(part(self._progress, 0.0, 0.4), number / total, "training to the end, step")

    def step(self) -> None:
        """Report a step's values, and at the end of an epoch or after a while all sums so far."""
        account = self._account
        total = account.steps * account.epochs
        self._report(self._along, account.valued / total, "training and valuing, step")
        epoch = account.valued / account.steps
        if account.finished > self._epoch:
            self._epoch = account.finished
            self._look(float(self._epoch), account.reached(self._epoch), self._epoch - 1)
        elif time.monotonic() - self._looked > WATCHED and self._epoch < epoch < self._epoch + 1:
            self._look(epoch, account.reached(), self._epoch)

    def _report(self, progress: Progress, share: float, words: str) -> None:
        now = time.monotonic()
        if share == 1 or now - self._reported > TOLD:
            total = self._account.steps * self._account.epochs
            progress(share, f"{words} {round(share * total):,} of {total:,}")
            self._reported = now

    def _look(self, epoch: float, values: NDArray[np.float32], of: int) -> None:
        known = {"unit": "epoch", "run": self._index, **self._account.known(of)}
        self._problem.watch("liveval", epoch, values, known)
        self._looked = time.monotonic()
