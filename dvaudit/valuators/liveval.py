"""LiveVal: whether a sample's own steps led towards where the training went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Kind, Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.progress import part
from dvaudit.core.settings import setting
from dvaudit.core.trace import Trace
from dvaudit.core.words import count
from dvaudit.gradients.window import Window
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.liveval_tables import early_table, window_table
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

if TYPE_CHECKING:
    from dvaudit.valuators.liveval_runs import Run

# Passes over the data beside the training's own, in trainings.
LIVE, TO_THE_END = 0.8, 1.6


@register
@final
class LiveVal(TrainedValuator):
    name = "liveval"
    title = "LiveVal"
    summary = (
        "Whether the step a sample alone would take leads towards where training goes next, added "
        "up over a training and known while it runs. Low values mean labels that pull against the "
        "rest; rare classes are low as well, so compare within the class."
    )
    use = (
        "To watch values while a net trains, and to find labels that pull against the rest without "
        "a trusted set. Compare samples within their class only."
    )
    draws = "The net's first weights and the order of the samples, in each run."
    reference = (
        "LiveVal: Real-time and Trajectory-based Data Valuation via Adaptive Reference Points, "
        "equations 5 and 9 and algorithm 4. Where the paper can be read in several ways: a "
        "sample's own step is its own gradient times the full learning rate; and how far ahead the "
        "reference lies changes each time one is reached, by how much a step the mean loss of the "
        "same batch changed between the two points"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    detects_mislabels = True

    @dataclass(frozen=True)
    class Settings:
        net: str = fitting.net_setting()
        epochs: int = fitting.epochs_setting(20)
        batch: int = fitting.batch_setting()
        rate: float = fitting.rate_setting(0.05)
        momentum: float = setting(
            0.0,
            "Momentum of the training. A sample's own step has none.",
            low=0.0,
            high=0.999,
        )
        schedule: str = setting(
            "constant",
            "Learning rate over the training: constant, or falling to 0 along a cosine.",
            choices=("constant", "cosine"),
        )
        reference: str = setting(
            "live",
            "Point that a step is measured against. live: the net a few steps later. end: the "
            "trained net, for which the training is made twice.",
            choices=("live", "end"),
        )
        total: str = setting(
            "sum",
            "Value of a sample: the sum of its values over the steps it is in, as in the paper, "
            "or their mean.",
            choices=("sum", "mean"),
        )
        runs: int = fitting.runs_setting(1)
        window_start: int = setting(
            2, "Steps that the live reference lies ahead at the start.", low=1, high=1000
        )
        window_least: int = setting(1, "Fewest steps it lies ahead.", low=1, high=1000)
        window_most: int = setting(
            3,
            "Most steps it lies ahead; as many batches and states of the net are kept.",
            low=1,
            high=1000,
        )
        window_step: int = setting(1, "Steps by which that changes at a time.", low=0, high=1000)
        window_slow: float = setting(
            0.05,
            "Change of a batch's mean loss a step below which the reference comes nearer.",
            low=0.0,
            high=1e6,
        )
        window_rapid: float = setting(
            0.1,
            "Change of a batch's mean loss a step above which it moves further ahead.",
            low=0.0,
            high=1e6,
        )

    def check(self, kind: Kind, task: Task) -> None:
        """Refuse also a window that cannot be."""
        super().check(kind, task)
        window_of(self.settings)

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        asked = self.settings
        measured = LIVE if asked.reference == "live" else TO_THE_END
        base = fitting.fitting_cost(
            asked, samples, dimensions, classes, machine, runs=asked.runs, measured=measured
        )
        # The states and batches that wait for their reference, and the sums by epoch.
        parameters = fitting.parameters_of(asked.net, dimensions, classes)
        kept = 1 + (asked.window_most if asked.reference == "live" else 0)
        waiting = 4 * kept * (parameters + asked.batch * dimensions)
        needed = base.bytes + waiting + 8 * samples * (asked.epochs + asked.runs + 6)
        ahead = (
            f"references {asked.window_least} to {asked.window_most} steps ahead"
            if asked.reference == "live"
            else "reference at the end"
        )
        return Cost(base.seconds, int(needed), f"{base.plan}, {ahead}")

    def _value(self, problem: TrainingProblem) -> Scores:
        """Value the samples; a step's value lies in -1 to 1 and its zero means nothing."""
        from dvaudit.valuators.liveval_runs import run_once  # loads torch

        asked = self.settings
        return self._scores(
            [
                run_once(
                    problem,
                    asked,
                    seed,
                    index,
                    part(problem.progress, index / asked.runs, (index + 1) / asked.runs),
                )
                for index, seed in enumerate(fitting.run_seeds(problem.seed, asked.runs))
            ],
            problem,
        )

    def _scores(self, runs: Sequence[Run], problem: TrainingProblem) -> Scores:
        asked, first = self.settings, runs[0]
        times = np.mean([run.times for run in runs], axis=0)
        reached = np.cumsum(np.mean([run.parts for run in runs], axis=0), axis=0)
        each = np.stack([run.parts.sum(0) for run in runs])
        scale = 1.0 if asked.total == "sum" else 1 / np.maximum(times, 1)
        return Scores(
            values=reached[-1] * scale,
            std_errors=fitting.standard_errors(each * scale),
            columns={
                "live_sum": reached[-1],
                "live_mean": reached[-1] / np.maximum(times, 1),
                "times_valued": times,
            },
            status=self._status(runs, problem),
            stats={
                "steps": first.marks[-1],
                "parameters": first.parameters,
                "training_loss": [float(run.losses[-1]) for run in runs],
                "mean_window": [float(run.windows[:, 1].mean()) for run in runs],
            },
            tables={
                "early": early_table(first.marks, first.steps, first.parts, first.first),
                "windows": window_table(first.windows),
            },
            trace=_trace(runs, reached, scale),
        )

    def _status(self, runs: Sequence[Run], problem: TrainingProblem) -> str:
        asked, first = self.settings, runs[0]
        name = f"the net '{'mlp' if asked.net == 'auto' else asked.net}'"
        net = name if problem.module is None else "the given net"
        times = "once" if len(runs) == 1 else f"{len(runs):,} times from other random starts"
        falling = ", falling to 0 along a cosine" if asked.schedule == "cosine" else ""
        rest = f", momentum {asked.momentum:g}" if asked.momentum else ""
        window = first.windows[:, 1]
        ahead = (
            f"the net {window.min():.0f} to {window.max():.0f} steps later"
            if asked.reference == "live"
            else "the trained net"
        )
        return (
            f"Trained {net} ({first.parameters:,} parameters) {times}: "
            f"{count(asked.epochs, 'epoch')} of {count(first.steps, 'step')} by batches of "
            f"{asked.batch:,}, learning rate {asked.rate:g}{falling}{rest}. Each step of a sample "
            f"is measured against {ahead}. Values are of this training and its order of samples, "
            "another seed gives others; rank them, their zero means nothing."
        )


def window_of(asked: LiveVal.Settings) -> Window:
    """Return the window that the settings describe.

    Raises:
        SettingsError: its bounds contradict each other.
    """
    return Window(
        asked.window_start,
        asked.window_least,
        asked.window_most,
        asked.window_step,
        asked.window_slow,
        asked.window_rapid,
    )


def _trace(
    runs: Sequence[Run], reached: NDArray[np.float64], scale: NDArray[np.float64] | float
) -> Trace:
    """Return what each epoch adds to the values."""
    first = runs[0]
    ends = np.searchsorted(first.marks, first.steps * np.arange(1, len(first.losses) + 1))
    by_epoch = np.diff(reached[ends], axis=0, prepend=0) * scale
    points = np.arange(1, len(first.losses) + 1, dtype=np.float64)
    losses = np.mean([run.losses for run in runs], axis=0)
    return Trace(points, by_epoch.astype(np.float32), "epoch", True, losses)
