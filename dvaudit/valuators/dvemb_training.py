"""The training run that DVEmb explains: plain SGD with its batches and points recorded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import overload

import torch
from torch import Tensor

from dvaudit.core.errors import NumericalError
from dvaudit.core.machine import available_memory
from dvaudit.core.progress import Progress
from dvaudit.gradients import (
    Curvature,
    Layout,
    Trajectory,
    Update,
    sharpness,
    train,
    train_with_checkpoints,
)
from dvaudit.valuators.dvemb_plan import PointsPlan, free_disk, plan_points
from dvaudit.valuators.dvemb_rates import rate_that_would_do
from dvaudit.valuators.learner import Learner

EVERY = 16  # steps between two reports


@contextmanager
def trained(
    learner: Learner,
    updates: list[Update],
    points: str,
    curvature: Curvature,
    progress: Progress,
) -> Iterator[tuple[Trajectory, PointsPlan]]:
    """Train the learner's net, which is left as it was, and give the run and where its points are.

    Points on disk are gone when the block ends.

    Args:
        points: one of dvemb_plan.POINTS.
        curvature: that the run is to be explained with.

    Raises:
        NumericalError: the training diverged; the message has a learning rate that would do.
        ResourceError: the points do not fit where they are asked to be.
    """
    layout = Layout.of(learner.net)
    device = str(learner.source[0].device)
    plan = plan_points(points, len(updates), layout.size, _free(device), free_disk())
    told = _Told(updates, progress)
    args = learner.net, learner.loss, learner.source, told
    with tempfile.TemporaryDirectory(prefix="dvaudit-points-") as folder:
        if plan.kind == "checkpoints":
            run = train_with_checkpoints(*args, every=plan.every)
        elif plan.kind == "disk":
            run = train(*args, points=_on_disk(Path(folder), len(updates) + 1, layout.size))
        else:
            run = train(*args)
        run = Trajectory(run.layout, updates, run.reduction, _Placed(run, device))
        if not bool(torch.isfinite(run.end).all()):
            raise _diverged(learner, run, curvature, progress)
        yield run, plan


def _diverged(
    learner: Learner, run: Trajectory, curvature: Curvature, progress: Progress
) -> NumericalError:
    """At the start of the run the curvature is still that of a net with finite parameters."""
    probes = sharpness(
        learner.net, learner.loss, learner.source, run, [0], curvature=Curvature.GAUSS_NEWTON
    )
    lost = int((~torch.isfinite(run.end)).sum())
    tried = rate_that_would_do(learner, run.updates, probes, curvature, progress)
    return NumericalError(
        f"The training diverged: {lost:,} of {run.layout.size:,} parameters are not finite after "
        f"{len(run.updates):,} steps at rate {run.updates[0].rate:g}. {tried.words}"
    )


def _free(device: str) -> int:
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory()


def _on_disk(folder: Path, rows: int, columns: int) -> Tensor:
    file = torch.from_file(
        str(folder / "points"), shared=True, size=rows * columns, dtype=torch.float32
    )
    return file.view(rows, columns)


class _Placed:
    """The points of a run on the net's device, wherever they are kept."""

    def __init__(self, run: Trajectory, device: str) -> None:
        self._points, self._device = run.points, device

    def __getitem__(self, step: int) -> Tensor:
        return self._points[step].to(self._device)


class _Told(Sequence[Update]):
    """Updates that report how far a training is whenever it goes through them."""

    def __init__(self, updates: list[Update], progress: Progress) -> None:
        self._updates, self._progress = updates, progress

    @overload
    def __getitem__(self, index: int) -> Update: ...
    @overload
    def __getitem__(self, index: slice) -> list[Update]: ...
    def __getitem__(self, index: int | slice) -> Update | list[Update]:
        return self._updates[index]

    def __len__(self) -> int:
        return len(self._updates)

    def __iter__(self) -> Iterator[Update]:
        for number, update in enumerate(self._updates):
            if number % EVERY == 0:
                words = f"training, step {number + 1:,} of {len(self):,}"
                self._progress(number / len(self), words)
            yield update
