"""What DVEmb asks about: the trusted loss, and the embeddings that answer any other query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.core.errors import ResourceError
from dvaudit.core.machine import available_memory
from dvaudit.gradients import (
    Curvature,
    Projections,
    Trajectory,
    plan_projections,
    plan_taps,
    project_queries,
    query_gradients,
)
from dvaudit.gradients.losses import Batch, take
from dvaudit.valuators.dvemb_plan import embeddings_fit
from dvaudit.valuators.dvemb_question import End
from dvaudit.valuators.learner import Learner
from dvaudit.valuators.ranking import rank_correlation

QUERIES = 2000  # trusted samples whose projected gradients are kept
ROWS = 512  # trusted samples at a time


@dataclass(frozen=True, eq=False)
class Embedded:
    """What answers any query at the end of a run.

    Attributes:
        sums: (m, K) float32 embeddings summed over steps.
        queries: (q, K) float32 projected gradients of some trusted samples.
        query_rows: (q,) which trusted samples they are.
        projections: JSON-able.
        agreement: Spearman's correlation of what they answer on the trusted loss with the
            influences of the sweep, which projects nothing.
        end: what answers samples that the run did not know; None for the reason in `end_left_out`.
    """

    sums: NDArray[np.float32]
    queries: NDArray[np.float32]
    query_rows: NDArray[np.int64]
    projections: dict[str, Any]
    agreement: float
    end: End | None
    end_left_out: str


def embedded_curvature(asked: Curvature) -> Curvature:
    """Return the curvature of the embeddings: Gauss-Newton in place of the exact Hessian."""
    return Curvature.GAUSS_NEWTON if asked is Curvature.HESSIAN else asked


def query_weights(targets: Tensor, kind: str) -> Tensor:
    """Return the weight of each trusted sample in the trusted loss, (v,).

    "class_mean" is the mean over classes of each class's mean loss.
    """
    if kind == "class_mean" and not targets.is_floating_point():
        counts = torch.bincount(targets)
        return 1 / (int((counts > 0).sum()) * counts[targets].float())
    return torch.full((len(targets),), 1 / len(targets), device=targets.device)


def query_gradient(learner: Learner, run: Trajectory, weights: Tensor) -> Tensor:
    """Return the gradient of the trusted loss at theta_T, shape (1, P)."""
    assert learner.trusted is not None
    pieces = [
        query_gradients(
            learner.net,
            learner.loss,
            rows_of(learner.trusted, rows),
            run,
            weights[rows.to(weights.device), None],
        )
        for rows in torch.split(torch.arange(len(weights)), ROWS)
    ]
    return torch.stack(pieces).sum(0)


def embedding_projections(learner: Learner, size: int, seed: int) -> tuple[Projections | None, str]:
    """Return the projections, or why there are none."""
    assert learner.trusted is not None
    taps = plan_taps(learner.net, learner.loss, learner.source)
    like = next(learner.net.parameters()).detach()
    try:
        projections = plan_projections(taps, size=size, seed=seed, like=like)
    except ResourceError as error:
        return None, f"Embeddings are not kept. {error}"
    m, q = len(learner.source[0]), min(QUERIES, len(learner.trusted[0]))
    if embeddings_fit(m, q, projections.size, available_memory()):
        return projections, ""
    return None, (
        f"Embeddings of {projections.size:,} numbers for {m:,} samples pass their bound and are "
        "not kept; lower `projection` to have them."
    )


def embedded(
    learner: Learner,
    run: Trajectory,
    projections: Projections,
    sums: NDArray[np.float32],
    weights: Tensor,
    values: NDArray[np.float64],
    seed: int,
    end: tuple[End | None, str],
) -> Embedded:
    """Return the queries beside the sums, and how well they agree with the values (m,)."""
    assert learner.trusted is not None
    v = len(weights)
    kept = np.arange(v)
    if v > QUERIES:
        kept = np.sort(np.random.default_rng([seed, v]).choice(v, QUERIES, replace=False))
    query, queries = np.zeros(projections.size, dtype=np.float32), []
    for rows in torch.split(torch.arange(v), ROWS):
        some = rows_of(learner.trusted, rows)
        found = project_queries(learner.net, learner.loss, some, run, projections)
        query += (weights[rows.to(weights.device)] @ found).cpu().numpy()
        queries.append(found.cpu().numpy()[np.isin(rows.numpy(), kept)])
    agreement = rank_correlation(values, (sums @ query).astype(np.float64))
    described = projections.describe()
    return Embedded(sums, np.concatenate(queries), kept, described, agreement, *end)


def rows_of(data: Batch, rows: Tensor) -> Batch:
    """Return some samples; rows on any device."""
    return take(data, rows.to(data[0].device))
