"""Data Value Embedding: what would the end of a run be without one sample in one step?

For z in batch B_t of an SGD run of T steps, the change of a loss at theta_T when z is dropped
from step t alone is, to first order, eta_t g_z . u_{t+1} with u_T the gradient of that loss and
u_t = u_{t+1} - eta_t H_t u_{t+1}: positive where the loss would rise without z, which then
helped. eta_t is eta_t / |B_t| in both places where the loss is a mean; the other samples of the
batch keep their weight. The paper writes the same number as an inner product with an embedding
of z, its algorithm 1, which needs no query but a P x P matrix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dvaudit.core.errors import ResourceError
from dvaudit.core.machine import available_memory, size_text
from dvaudit.gradients._capture import capture
from dvaudit.gradients._plan import plan_taps
from dvaudit.gradients.curvature import Curvature, gradient_and_curvature
from dvaudit.gradients.losses import Batch, Loss, take
from dvaudit.gradients.trajectory import Trajectory, Update


@dataclass(frozen=True, eq=False)
class InfluenceStep:
    """The influence of one batch on each of k queries.

    Attributes:
        step: t, 0 for the first update.
        rows: (B,) of B_t.
        values: (B, k), the rise of the query's loss without the sample in this step.
        norms: (k,) |u_t|; where they grow from step to step the run is not contracting, eta
            times the curvature is above 2, and earlier steps are explosion, not influence.
    """

    step: int
    rows: Tensor
    values: Tensor
    norms: Tensor


@dataclass(frozen=True, eq=False)
class EmbeddingStep:
    """The embeddings of one batch.

    Attributes:
        step: t, 0 for the first update.
        rows: (B,) of B_t.
        values: (B, P); the inner product with a query's gradient at theta_T is the influence.
        product: (P, P), M = I - prod (I - eta_k H_k) over the steps from t on, later ones on the
            left; the one matrix of the sweep, changed by the next step.
    """

    step: int
    rows: Tensor
    values: Tensor
    product: Tensor


@dataclass(frozen=True, eq=False)
class Phases:
    """How much the steps of a run still matter at its end, in time order, float64 on the CPU.

    Attributes:
        magnitude: (T, k) mean over the batch of |influence| / eta_t.
        total: (T, k) sum over the batch of influence / eta_t.
        norms: (T, k) |u_t|.
    """

    magnitude: Tensor
    total: Tensor
    norms: Tensor


def influences(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    trajectory: Trajectory,
    queries: Tensor,
    *,
    curvature: Curvature = Curvature.GAUSS_NEWTON,
) -> Iterator[InfluenceStep]:
    """Yield the influences of each step's batch, last step first, by the adjoint form.

    Memory is O(k P) beside the points of the run; nothing is refused for being unstable.

    Args:
        model: the net of the run, in any state: its parameters are read from the run.
        loss: the run's, from outputs and targets to (n,).
        data: the run's samples.
        queries: (k, P), gradients at theta_T, as `query_gradients` gives them.
        curvature: H_t; the empirical Fisher is the paper's, Gauss-Newton is closer to retraining.

    Raises:
        UnsuitableDataError: as in `inner_products`.
    """
    taps = plan_taps(model, loss, data, set(trajectory.layout.shapes))
    u = queries
    for step in reversed(range(len(trajectory.updates))):
        update = trajectory.updates[step]
        batch = take(data, update.rows.to(data[0].device))
        inner, curved = gradient_and_curvature(
            model, loss, batch, taps, trajectory.points[step], u, curvature
        )
        rate = update.effective(trajectory.reduction)
        u = torch.add(u, curved, alpha=-rate)
        yield InfluenceStep(step, update.rows, rate * inner, u.norm(dim=1))


def phase_influences(steps: Iterable[InfluenceStep], updates: Sequence[Update]) -> Phases:
    """Return the influence of each step, divided by its learning rate so that steps compare.

    A run shows up to three phases (section 5.3 of the paper): a short start whose samples matter,
    a middle whose effect is overwritten, and an end that is remembered.

    Args:
        steps: of `influences`, every step of the run, in any order.
        updates: of the run.
    """
    found = {step.step: step for step in steps}
    ordered = [found[number] for number in range(len(updates))]
    scaled = [
        step.values.detach().cpu().double() / update.rate
        for step, update in zip(ordered, updates, strict=True)
    ]
    return Phases(
        magnitude=torch.stack([values.abs().mean(0) for values in scaled]),
        total=torch.stack([values.sum(0) for values in scaled]),
        norms=torch.stack([step.norms.detach().cpu().double() for step in ordered]),
    )


def query_gradients(
    model: nn.Module,
    loss: Loss,
    validation: Batch,
    trajectory: Trajectory,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the gradients at theta_T of k weighted sums of validation losses, shape (k, P).

    Args:
        weights: (n, k) of each validation sample in each query; one query, the mean, by default.
    """
    n = len(validation[0])
    taps = plan_taps(model, loss, validation, set(trajectory.layout.shapes))
    point = trajectory.layout.split(trajectory.end)
    seen = capture(model, loss, validation, taps, point=point)
    return seen.weighted_sum(seen.losses.new_full((n, 1), 1 / n) if weights is None else weights)


def embeddings(
    model: nn.Module,
    loss: Loss,
    data: Batch,
    trajectory: Trajectory,
    *,
    memory: int | None = None,
) -> Iterator[EmbeddingStep]:
    """Yield the embeddings of each step's batch, last step first (algorithm 1, Fisher curvature).

    E_t = eta_t (G_t - G_t M'), then M += E_t' G_t, with G_t the (B, P) gradients: for small nets.

    Args:
        memory: bytes the P x P matrix may take; half of what is free by default.

    Raises:
        ResourceError: the matrix does not fit.
        UnsuitableDataError: as in `inner_products`.
    """
    taps = plan_taps(model, loss, data, set(trajectory.layout.shapes))
    size, sample = trajectory.layout.size, trajectory.end
    room = available_memory() // 2 if memory is None else memory
    if size**2 * sample.element_size() > room:
        raise ResourceError(
            f"The embeddings of {size:,} parameters need a matrix of "
            f"{size_text(size**2 * sample.element_size())}, and {size_text(room)} may be used; "
            "ask for the influence on given queries instead, or train fewer parameters."
        )
    product = torch.zeros((size, size), dtype=sample.dtype, device=sample.device)
    for step in reversed(range(len(trajectory.updates))):
        update = trajectory.updates[step]
        batch = take(data, update.rows.to(data[0].device))
        seen = capture(model, loss, batch, taps, point=trajectory.at(step)).gradients()
        rate = update.effective(trajectory.reduction)
        values = rate * (seen - seen @ product.T)
        product.addmm_(values.T, seen)
        yield EmbeddingStep(step, update.rows, values, product)
