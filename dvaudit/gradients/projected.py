"""Data Value Embedding by algorithm 1 on projected gradients, layer by layer.

The curvature is block-diagonal over layers: each layer has its own matrix M, k_l x k_l, in place
of one P x P. E_t = eta_t (G_t - G_t M'), then M += eta_t (F_t - F_t M')' F_t, with G_t the
projected gradients of the batch and F_t' F_t its curvature: G_t themselves for the paper's
empirical Fisher, the vectors of dvaudit.gradients.factors for Gauss-Newton.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from dvaudit.core import embeddings as stored
from dvaudit.core.errors import SettingsError
from dvaudit.gradients._capture import capture
from dvaudit.gradients._plan import plan_taps
from dvaudit.gradients.curvature import Curvature
from dvaudit.gradients.factors import capture_factors
from dvaudit.gradients.losses import Batch, Loss, take
from dvaudit.gradients.projections import Projections
from dvaudit.gradients.trajectory import Trajectory

ROWS = 512  # samples captured at a time where a query has many


@dataclass(frozen=True, eq=False)
class ProjectedStep:
    """The projected embeddings of one batch.

    Attributes:
        step: t, 0 for the first update.
        rows: (B,) of B_t.
        values: (B, K), layers side by side; the inner product with a query's projected gradient
            at theta_T is the influence, positive where the sample helped.
        losses: (B,) at theta_t.
        squared_norms: (B,) |g_i|^2 of the gradients themselves.
        products: M of each layer, (k_l, k_l), of the steps from t on; changed by the next step.
    """

    step: int
    rows: Tensor
    values: Tensor
    losses: Tensor
    squared_norms: Tensor
    products: tuple[Tensor, ...]


def projected_embeddings(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    trajectory: Trajectory,
    projections: Projections,
    *,
    curvature: Curvature = Curvature.FISHER,
    first: int = 0,
) -> Iterator[ProjectedStep]:
    """Yield the embeddings of each step's batch, last step first.

    Memory is sum k_l^2 beside the points of the run; nothing is refused for being unstable.

    Args:
        model: the net of the run, in any state.
        loss: the run's, from outputs and targets to (n,).
        data: the run's samples.
        projections: of `plan_projections` for this net.
        curvature: the Fisher is the paper's; Gauss-Newton takes one more capture a step, is
            closer to retraining, and the only one of use for a squared loss.
        first: number of the trajectory's first update in the run it is a part of.

    Raises:
        SettingsError: the Hessian, which is no sum of squares.
        UnsuitableDataError: as in `inner_products`.
    """
    if curvature is Curvature.HESSIAN:
        raise SettingsError(
            "Embeddings have no exact Hessian, for it is no sum of squares; ask for fisher or "
            "gauss_newton."
        )
    taps = plan_taps(model, loss, data, set(trajectory.layout.shapes))
    end = trajectory.end
    products = tuple(end.new_zeros((size, size)) for size in projections.sizes)
    for step in reversed(range(len(trajectory.updates))):
        update = trajectory.updates[step]
        batch = take(data, update.rows.to(data[0].device))
        seen = capture(model, loss, batch, taps, point=trajectory.at(step))
        rate = update.effective(trajectory.reduction)
        gradients, factors = projections.project(seen), None
        if curvature is Curvature.GAUSS_NEWTON:
            seed = [projections.seed, first + step]
            square = capture_factors(model, loss, batch, taps, trajectory.at(step), seed)
            factors = projections.project(square)
        values = []
        for index, product in enumerate(products):
            values.append(rate * _carried(gradients[index], product))
            if factors is None:
                product.addmm_(values[-1].T, gradients[index])
            else:
                product.addmm_(rate * _carried(factors[index], product).T, factors[index])
        joined = torch.cat(values, dim=1)
        yield ProjectedStep(step, update.rows, joined, seen.losses, seen.squared_norms(), products)


def _carried(vectors: Tensor, product: Tensor) -> Tensor:
    """Return (I - M) v of the rows v."""
    return vectors - vectors @ product.T


def embedding_sums(
    steps: Iterable[ProjectedStep], n: int, size: int, out: Tensor | None = None
) -> Tensor:
    """Return each sample's embedding summed over the steps it is in, shape (n, K) float32.

    Args:
        out: zeros of that shape to add to, for instance of a file mapped to memory.
    """
    total = torch.zeros((n, size), dtype=torch.float32) if out is None else out
    for step in steps:
        total.index_add_(0, step.rows.to(total.device), step.values.to(total))
    return total


def project_queries(
    model: nn.Module,
    loss: Loss,
    validation: Batch,
    trajectory: Trajectory,
    projections: Projections,
) -> Tensor:
    """Return each validation sample's projected gradient at theta_T, shape (v, K).

    That of a mean or any other weighted sum of losses is the same mean or sum of the rows.
    """
    taps = plan_taps(model, loss, validation, set(trajectory.layout.shapes))
    point = trajectory.layout.split(trajectory.end)
    pieces = []
    for rows in torch.split(torch.arange(len(validation[0])), ROWS):
        batch = take(validation, rows.to(validation[0].device))
        seen = capture(model, loss, batch, taps, point=point)
        pieces.append(torch.cat(projections.project(seen), dim=1))
    return torch.cat(pieces)


def write_embeddings(
    folder: Path,
    model: nn.Module,
    loss: Loss,
    data: Batch,
    trajectory: Trajectory,
    projections: Projections,
    *,
    curvature: Curvature = Curvature.FISHER,
) -> None:
    """Compute the embeddings summed over steps, n x K, into files that need no torch to be read.

    Read them with `dvaudit.core.embeddings.StoredEmbeddings.open`; they are held on disk, not in
    memory, while they are computed.

    Raises:
        UnsuitableDataError: as in `inner_products`.
    """
    n, size = len(data[0]), projections.size
    header = {"curvature": curvature.value, **projections.describe()}
    with stored.writing(folder, n, size, header) as matrix:
        steps = projected_embeddings(
            model, loss, data, trajectory, projections, curvature=curvature
        )
        embedding_sums(steps, n, size, torch.from_numpy(np.asarray(matrix)))
