"""One run of DVEmb: a training, and the trusted loss carried back over it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dvaudit.core.errors import NumericalError
from dvaudit.core.progress import Progress, part
from dvaudit.gradients import (
    Curvature,
    InfluenceStep,
    Projections,
    Sharpness,
    Trajectory,
    capture,
    draw_updates,
    growth,
    influences,
    phase_influences,
    plan_taps,
    projected_embeddings,
    sharpness,
    spread_steps,
)
from dvaudit.valuators.components import Reduction as Components
from dvaudit.valuators.dvemb_embedding import (
    Embedded,
    embedded,
    embedded_curvature,
    embedding_projections,
    query_gradient,
    query_weights,
    rows_of,
)
from dvaudit.valuators.dvemb_plan import PointsPlan
from dvaudit.valuators.dvemb_question import keep_end
from dvaudit.valuators.dvemb_rates import rate_that_would_do
from dvaudit.valuators.dvemb_training import EVERY, trained
from dvaudit.valuators.fitting import numpy_of
from dvaudit.valuators.learner import Learner, build_learner
from dvaudit.valuators.trained import TrainingProblem

PROBES, ITERATIONS = 5, 12  # steps whose largest eigenvalue is looked at, and its power iteration
LEAST_WINDOW = 8  # steps over which |u_t| may not grow, where an epoch has fewer
# Without negative eigenvalues I - eta H lengthens u only where eta H passes 2.
GROWTH = {Curvature.FISHER: 2.0, Curvature.GAUSS_NEWTON: 2.0, Curvature.HESSIAN: 10.0}


@dataclass(frozen=True)
class RunSettings:
    """What a run is told; the fields are those of the valuator's Settings."""

    net: str
    epochs: int
    batch: int
    rate: float
    curvature: Curvature
    points: str
    query: str
    projection: int


@dataclass(frozen=True, eq=False)
class Run:
    """The influences of one run of E epochs on the trusted loss.

    Attributes:
        influence: (E, m) of each sample in each epoch.
        self_influence: (m,) sum over steps of eta / |B| |g_i|^2: of a sample on its own loss, to
            first order in eta.
        phases: (E, 4) mean |influence| / eta, sum of influence / eta, |u_t| at the epoch's start,
            mean training loss.
        embedded: None where none was asked for or it was left out, for the reason in `left_out`.
    """

    influence: NDArray[np.float64]
    self_influence: NDArray[np.float64]
    phases: NDArray[np.float64]
    probes: list[Sharpness]
    plan: PointsPlan
    parameters: int
    embedded: Embedded | None
    left_out: str


def run_once(
    problem: TrainingProblem,
    asked: RunSettings,
    seed: int,
    progress: Progress,
    *,
    embed: bool,
    components: Components | None = None,
) -> Run:
    """Train once and carry the trusted loss back over the run.

    Raises:
        NumericalError: the training diverged, or |u_t| grows over an epoch.
        ResourceError: the points do not fit where they are asked to be.
    """
    learner = build_learner(problem, asked.net, seed=seed)
    m = len(problem.labels)
    updates = draw_updates(m, batch=asked.batch, epochs=asked.epochs, rate=asked.rate, seed=seed)
    learning = part(progress, 0, 0.3)
    with trained(learner, updates, asked.points, asked.curvature, learning) as (run, plan):
        progress(0.3, "largest curvature eigenvalues")
        probes = _probes(learner, run, asked.curvature, spread_steps(len(updates), PROBES))
        assert learner.trusted is not None
        weights = query_weights(learner.trusted[1], asked.query)
        projections, left_out = (
            embedding_projections(learner, asked.projection, seed) if embed else (None, "")
        )
        back = _Back(learner, run, asked.curvature, projections)
        query = query_gradient(learner, run, weights)
        swept = list(back.sweep(query, asked.epochs, part(progress, 0.35, 1)))
        influence = _by_epoch(swept, asked.epochs, m)
        kept = None
        if projections is not None:
            sums, values = back.sums.numpy(), influence.sum(0)
            end = keep_end(
                learner,
                run,
                problem,
                components,
                net=asked.net,
                projection=asked.projection,
                seed=seed,
            )
            kept = embedded(learner, run, projections, sums, weights, values, problem.seed, end)
    return Run(
        influence=influence,
        self_influence=numpy_of(back.own),
        phases=_phases(swept, run, back.losses, asked.epochs),
        probes=probes,
        plan=plan,
        parameters=run.layout.size,
        embedded=kept,
        left_out=left_out,
    )


class _Back:
    """The sweep back over a run, and what it adds up on the way.

    Attributes:
        own: (m,) self-influence.
        losses: (T,) mean of each step's batch.
        sums: (m, K) float32 embeddings; (m, 0) without projections.
    """

    def __init__(
        self,
        learner: Learner,
        run: Trajectory,
        curvature: Curvature,
        projections: Projections | None,
    ) -> None:
        self._learner, self._run, self._curvature = learner, run, curvature
        self._projections = projections
        m, device = len(learner.source[0]), learner.source[0].device
        self.own = torch.zeros(m, dtype=torch.float64, device=device)
        self.losses = np.zeros(len(run.updates))
        self.sums = torch.zeros((m, projections.size if projections else 0))

    def sweep(self, query: Tensor, epochs: int, progress: Progress) -> Iterator[InfluenceStep]:
        """Yield each step's influences, last step first.

        Raises:
            NumericalError: |u_t| grows over an epoch.
        """
        learner, run, steps = self._learner, self._run, len(self._run.updates)
        window = max(LEAST_WINDOW, steps // epochs)
        norms = [float(query.norm())]
        swept = influences(
            learner.net, learner.loss, learner.source, run, query, curvature=self._curvature
        )
        for influence, _ in zip(swept, self._measured(), strict=True):
            if influence.step % EVERY == 0:
                words = f"sweep back, step {influence.step + 1:,} of {steps:,}"
                progress(1 - influence.step / steps, words)
            norms.append(float(influence.norms[0]))
            if not growth(norms, window) <= GROWTH[self._curvature]:
                raise self._explosion(influence.step, norms, window, progress)
            yield influence

    def _measured(self) -> Iterator[None]:
        """Add up what each step's batch says beside its influence, last step first."""
        learner, run = self._learner, self._run
        args = learner.net, learner.loss, learner.source
        if self._projections is not None:
            curvature = embedded_curvature(self._curvature)
            for step in projected_embeddings(*args, run, self._projections, curvature=curvature):
                self._add(step.step, step.losses, step.squared_norms)
                rows = step.rows.to(self.sums.device)
                self.sums.index_add_(0, rows, step.values.to(self.sums))
                yield
            return
        taps = plan_taps(*args)
        for number in reversed(range(len(run.updates))):
            batch = rows_of(learner.source, run.updates[number].rows)
            seen = capture(learner.net, learner.loss, batch, taps, point=run.at(number))
            self._add(number, seen.losses, seen.squared_norms())
            yield

    def _add(self, step: int, losses: Tensor, squared_norms: Tensor) -> None:
        update = self._run.updates[step]
        own = update.effective(self._run.reduction) * squared_norms.double()
        self.own.index_add_(0, update.rows.to(own.device), own)
        self.losses[step] = float(losses.mean())

    def _explosion(
        self, step: int, norms: list[float], window: int, progress: Progress
    ) -> NumericalError:
        last = min(step + window, len(self._run.updates) - 1)
        between = [step + offset for offset in spread_steps(last - step + 1, PROBES)]
        probes = _probes(self._learner, self._run, self._curvature, between)
        top = max(probes, key=lambda probe: probe.product)
        tried = rate_that_would_do(
            self._learner, self._run.updates, probes, self._curvature, progress
        )
        grown = growth(norms, window)
        times = f"grows {grown:.3g}-fold" if math.isfinite(grown) else "grows beyond all numbers"
        steep = (
            f"the learning rate {top.rate:g} times the largest curvature eigenvalue is "
            f"{top.product:.3g}, and above 2 influence explodes"
            if top.product > 1
            else f"at the learning rate {top.rate:g} the run is too steep"
        )
        return NumericalError(
            f"Carried back over steps {step + 1:,} to {last + 1:,}, the gradient of the "
            f"trusted loss {times}: {steep}. {tried.words}"
        )


def _probes(
    learner: Learner, run: Trajectory, curvature: Curvature, steps: list[int]
) -> list[Sharpness]:
    return sharpness(
        learner.net,
        learner.loss,
        learner.source,
        run,
        steps,
        curvature=curvature,
        iterations=ITERATIONS,
    )


def _by_epoch(swept: list[InfluenceStep], epochs: int, m: int) -> NDArray[np.float64]:
    influence = np.zeros((epochs, m))
    steps = len(swept) // epochs
    for step in swept:
        influence[step.step // steps, step.rows.numpy()] = numpy_of(step.values[:, 0])
    return influence


def _phases(
    swept: list[InfluenceStep], run: Trajectory, losses: NDArray[np.float64], epochs: int
) -> NDArray[np.float64]:
    found = phase_influences(swept, run.updates)
    sizes = np.array([len(update.rows) for update in run.updates], dtype=np.float64)

    def by_epoch(steps: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(steps.reshape(epochs, -1).sum(1))

    samples = by_epoch(sizes)
    return np.column_stack(
        [
            by_epoch(numpy_of(found.magnitude[:, 0]) * sizes) / samples,
            by_epoch(numpy_of(found.total[:, 0])),
            numpy_of(found.norms[:, 0]).reshape(epochs, -1)[:, 0],
            by_epoch(losses * sizes) / samples,
        ]
    )
