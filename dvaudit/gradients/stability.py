"""Whether influence carried back over a run still means something.

A step multiplies u by I - eta H. While eta times the largest eigenvalue of H is below 1 it only
shrinks u; above 1 it overshoots, and above 2 it lengthens u, so that u_t explodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import nn

from dvaudit.gradients._plan import plan_taps
from dvaudit.gradients.curvature import Curvature, largest_eigenvalue
from dvaudit.gradients.losses import Batch, Loss, take
from dvaudit.gradients.trajectory import Reduction, Trajectory


@dataclass(frozen=True)
class Sharpness:
    """One step's curvature.

    Attributes:
        step: t.
        eigenvalue: the largest of H_t in absolute value, H_t being the mean over the batch where
            the loss is one and the sum where it is a sum.
        rate: eta_t.
    """

    step: int
    eigenvalue: float
    rate: float

    @property
    def product(self) -> float:
        """eta_t times the eigenvalue: warn above 1, explosion above 2."""
        return self.rate * self.eigenvalue


def sharpness(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    trajectory: Trajectory,
    steps: Iterable[int],
    *,
    curvature: Curvature = Curvature.GAUSS_NEWTON,
    iterations: int = 20,
) -> list[Sharpness]:
    """Return the sharpness of some steps by power iteration, approached from below.

    Raises:
        UnsuitableDataError: as in `inner_products`.
    """
    taps = plan_taps(model, loss, data, set(trajectory.layout.shapes))
    found = []
    for step in steps:
        update = trajectory.updates[step]
        batch = take(data, update.rows.to(data[0].device))
        top = largest_eigenvalue(
            model,
            loss,
            batch,
            taps,
            trajectory.points[step],
            curvature,
            iterations=iterations,
        )
        size = len(update.rows) if trajectory.reduction is Reduction.MEAN else 1
        found.append(Sharpness(step, top / size, update.rate))
    return found


def spread_steps(steps: int, count: int) -> list[int]:
    """Return up to `count` step numbers from the first to the last, evenly spread."""
    if count >= steps:
        return list(range(steps))
    if count == 1:
        return [0]
    return sorted({round(index * (steps - 1) / (count - 1)) for index in range(count)})


def growth(norms: Sequence[float], window: int) -> float:
    """Return how much |u_t| has grown over the last `window` steps of a sweep; 1 = not at all.

    Args:
        norms: |u_T|, |u_{T-1}|, ... as far as the sweep has come.
    """
    recent = norms[-window - 1 :]
    least = min(recent)
    if recent[-1] <= least:
        return 1.0
    return recent[-1] / least if least > 0 else float("inf")
