"""The learning rate at which a run's influence can be told, found by trying.

The curvature along a run depends on its rate, so that of a run that failed says little of another:
from where it diverged or grew, the rate is lowered until a run with it stays below 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from dvaudit.core.progress import Progress
from dvaudit.gradients import (
    Curvature,
    Sharpness,
    Trajectory,
    Update,
    sharpness,
    spread_steps,
    train_with_checkpoints,
)
from dvaudit.valuators.learner import Learner

TRIES = 8
STEEP, CLOSE = 0.5, 3.0  # a rate is not raised whose product is above, or a failed one this near
ITERATIONS = 12  # of the power iteration at a step
STEPS = 9  # whose curvature is looked at in a try


@dataclass(frozen=True)
class Tried:
    """A run at another rate, made for its curvature alone.

    Attributes:
        rate: learning rate.
        product: the largest rate times curvature eigenvalue of some steps; infinite where the run
            diverged.
    """

    rate: float
    product: float

    @property
    def would_do(self) -> bool:
        return self.product <= 1

    @property
    def words(self) -> str:
        """What to set the rate to, as a sentence."""
        if self.would_do:
            return (
                f"Set rate to {self.rate:g} or less: in a run with it the rate times the largest "
                f"curvature eigenvalue was {self.product:.2g} at most."
            )
        return (
            f"Set rate below {self.rate:g}, the last of {TRIES} that were tried, or scale the "
            "features: even with it a run was too steep."
        )


def rate_that_would_do(
    learner: Learner,
    updates: Sequence[Update],
    probes: Sequence[Sharpness],
    curvature: Curvature,
    progress: Progress,
) -> Tried:
    """Lower the rate of a run that failed until a run with it is not too steep.

    The curvature of a run that failed may be far larger than that of one that does not, so a rate
    that is far lower than it need be is raised again.

    Args:
        updates: of that run.
        probes: of that run, where its parameters were finite.
    """
    failed, does = min(probe.rate for probe in probes), None
    rate = lower_rate(probes)
    for number in range(TRIES):
        progress(number / TRIES, f"looking for a rate that would do: {rate:g}")
        tried, probes = _tried(learner, updates, rate, curvature)
        if tried.would_do:
            does = tried
            if tried.product > STEEP or failed < CLOSE * rate:
                break
        else:
            failed = rate
        rate = lower_rate(probes) if does is None else _rounded(math.sqrt(does.rate * failed))
    return does or tried


def _tried(
    learner: Learner, updates: Sequence[Update], rate: float, curvature: Curvature
) -> tuple[Tried, list[Sharpness]]:
    run = _run(learner, [replace(update, rate=rate) for update in updates])
    finite = bool(torch.isfinite(run.end).all())
    probes = _sharpness(learner, run, curvature, finite)
    product = max(each.product for each in probes) if finite else math.inf
    return Tried(rate, product), probes


def lower_rate(probes: Sequence[Sharpness]) -> float:
    """Return a rate at which rate times the probes' eigenvalues is 1 at most.

    Half the present rate at least is taken off.
    """
    top = max(probe.eigenvalue for probe in probes)
    half = min(probe.rate for probe in probes) / 2
    wanted = min(half, 1 / top) if 0 < top < math.inf else half
    return _rounded(wanted)


def _rounded(rate: float) -> float:
    """Return a rate rounded down to two digits, so that the one that is named is the one tried."""
    digit = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return float(f"{math.floor(rate / digit) * digit:.2g}")


def _run(learner: Learner, updates: list[Update]) -> Trajectory:
    every = math.isqrt(len(updates) - 1) + 1
    return train_with_checkpoints(learner.net, learner.loss, learner.source, updates, every=every)


def _sharpness(
    learner: Learner, run: Trajectory, curvature: Curvature, finite: bool
) -> list[Sharpness]:
    """At the start of a run that diverged the parameters are still finite."""
    # Checkpoints are read backwards, each stretch between two computed once.
    steps = list(reversed(spread_steps(len(run.updates), STEPS))) if finite else [0]
    return sharpness(
        *(learner.net, learner.loss, learner.source, run, steps),
        curvature=curvature,
        iterations=ITERATIONS,
    )
