"""Influence checkpointing: the embeddings of a run's segments, computed apart and combined.

Within a segment algorithm 1 starts anew with M = 0, so that it embeds samples relative to the
checkpoint at the segment's end. I - M of a segment is the product of its (I - eta_k H_k), later
ones on the left; relative to a later checkpoint an embedding is multiplied by the I - M of every
segment in between. No other matrices are needed (the paper's K are these I - M).
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dvaudit.core.errors import SettingsError
from dvaudit.gradients.curvature import Curvature
from dvaudit.gradients.layout import Layout
from dvaudit.gradients.losses import Batch, Loss
from dvaudit.gradients.projected import projected_embeddings
from dvaudit.gradients.projections import Projections
from dvaudit.gradients.trajectory import (
    Reduction,
    Trajectory,
    Update,
    train_with_checkpoints,
)


@dataclass(frozen=True, eq=False)
class SegmentTask:
    """All that one segment's embeddings need; it can be sent to another process.

    Attributes:
        start: number of its first update.
        theta: the checkpoint before it, (P,); the points in between are computed again.
    """

    start: int
    model: nn.Module
    loss: Loss
    data: Batch
    updates: Sequence[Update]
    reduction: Reduction
    theta: Tensor
    projections: Projections
    curvature: Curvature


@dataclass(frozen=True, eq=False)
class Segment:
    """The embeddings of one segment's steps relative to the checkpoint at its end.

    Attributes:
        start, end: its updates, start <= t < end; the checkpoint is theta_end.
        sums: (n, K) each sample's embeddings summed over the segment's steps.
        products: M of each layer, (k_l, k_l).
    """

    start: int
    end: int
    sums: Tensor
    products: tuple[Tensor, ...]


# As the builtin map, over any engine.
Map = Callable[[Callable[[SegmentTask], Segment], Iterable[SegmentTask]], Iterable[Segment]]


def segment_tasks(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    trajectory: Trajectory,
    projections: Projections,
    checkpoints: Sequence[int],
    *,
    curvature: Curvature = Curvature.FISHER,
) -> list[SegmentTask]:
    """Return the segments between the checkpoints, step numbers in (0, T), as tasks of their own.

    Each task has a copy of the net, so that several threads may work on them.

    Raises:
        SettingsError: checkpoints that do not increase, or lie outside the run.
    """
    steps = len(trajectory.updates)
    bounds = [0, *checkpoints, steps]
    if any(start >= end for start, end in itertools.pairwise(bounds)):
        raise SettingsError(
            f"Checkpoints {list(checkpoints)} must increase and lie between 0 and the run's "
            f"{steps} steps."
        )
    return [
        SegmentTask(
            start,
            copy.deepcopy(model),
            loss,
            data,
            [trajectory.updates[step] for step in range(start, end)],
            trajectory.reduction,
            trajectory.points[start],
            projections,
            curvature,
        )
        for start, end in itertools.pairwise(bounds)
    ]


def embed_segment(task: SegmentTask) -> Segment:
    """Return one segment's embeddings; nothing outside the segment is read."""
    sums = task.theta.new_zeros((len(task.data[0]), task.projections.size))
    products: tuple[Tensor, ...] = ()
    steps = projected_embeddings(
        task.model,
        task.loss,
        task.data,
        _retrained(task),
        task.projections,
        curvature=task.curvature,
        first=task.start,
    )
    for step in steps:
        sums.index_add_(0, step.rows.to(sums.device), step.values)
        products = step.products
    return Segment(task.start, task.start + len(task.updates), sums, products)


def segment_embeddings(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    trajectory: Trajectory,
    projections: Projections,
    checkpoints: Sequence[int],
    *,
    curvature: Curvature = Curvature.FISHER,
    map: Map = map,
) -> list[Segment]:
    """Return the embeddings of every segment, first one first.

    Args:
        checkpoints: increasing step numbers in (0, T).
        map: applies a function to each task, in any order of work, results in the tasks' order.
    """
    tasks = segment_tasks(
        model, loss, data, trajectory, projections, checkpoints, curvature=curvature
    )
    return list(map(embed_segment, tasks))


def checkpoint_embeddings(segments: Iterable[Segment]) -> Iterator[tuple[int, Tensor]]:
    """Yield each checkpoint's step and the embeddings summed over all steps before it, (n, K).

    They are relative to that checkpoint: their inner product with a query's gradient there is a
    sample's influence on the checkpoint. The last is theta_T, and equals what one sweep over the
    whole run gives.
    """
    total: Tensor | None = None
    for segment in segments:
        moved = segment.sums if total is None else segment.sums + _carry(total, segment.products)
        total = moved
        yield segment.end, moved


def _carry(embedded: Tensor, products: Sequence[Tensor]) -> Tensor:
    """Return (I - M) e of each layer, shape (n, K)."""
    parts = torch.split(embedded, [len(product) for product in products], dim=1)
    return torch.cat(
        [part - part @ product.T for part, product in zip(parts, products, strict=True)], dim=1
    )


def _retrained(task: SegmentTask) -> Trajectory:
    Layout.of(task.model).assign(task.model, task.theta)
    return train_with_checkpoints(
        task.model,
        task.loss,
        task.data,
        task.updates,
        every=max(1, math.isqrt(len(task.updates))),
        reduction=task.reduction,
    )
