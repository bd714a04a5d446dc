"""Influence functions: how the trusted loss would change without a sample, to second order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.progress import part
from dvaudit.core.settings import setting
from dvaudit.core.words import count
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

if TYPE_CHECKING:
    from torch import Tensor

    from dvaudit.core.progress import Progress
    from dvaudit.gradients import Taps
    from dvaudit.linalg.conjugate_gradients import Solved
    from dvaudit.valuators.learner import Learner

TRAINED = 0.5  # share of the progress that training takes


@register
@final
class Influence(TrainedValuator):
    name = "influence"
    title = "Influence functions"
    summary = (
        "How much the loss on the trusted samples would rise without the sample, from one Newton "
        "step at the end of a training, solved by conjugate gradients."
    )
    use = (
        "To ask what a trained model would lose without a sample, against a trusted set. To "
        "compare with; not to find wrong labels."
    )
    draws = "The net's first weights and the order of the samples."
    reference = (
        "Koh, Liang: Understanding Black-box Predictions via Influence Functions, ICML 2017, "
        "equation (2), with Gauss-Newton curvature"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    needs = frozenset({"trusted"})
    detects_mislabels = False  # wrong labels agree with those of a trusted set that is none
    baseline = True

    @dataclass(frozen=True)
    class Settings:
        damping: float = setting(
            0.3,
            "Added to the diagonal of the curvature of the mean loss: larger trusts the curvature "
            "less.",
            low=1e-8,
            high=1e6,
        )
        tolerance: float = setting(
            1e-3,
            "Relative residual at which the solve of the Newton step ends.",
            low=1e-8,
            high=0.5,
        )
        iterations: int = setting(
            100, "Most iterations of the solve, each a pass over the data.", low=1, high=10_000
        )
        net: str = fitting.net_setting()
        epochs: int = fitting.epochs_setting(10)
        batch: int = fitting.batch_setting()
        rate: float = fitting.rate_setting(0.01)

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        asked = self.settings
        solve = (asked.iterations + 2) / asked.epochs  # passes, for each epoch of training
        return fitting.fitting_cost(asked, samples, dimensions, classes, machine, measured=solve)

    def _value(self, problem: TrainingProblem) -> Scores:
        """Value the samples; the unit is that of the mean trusted loss."""
        from dvaudit.gradients import plan_taps
        from dvaudit.valuators.learner import build_learner

        asked = self.settings
        (seed,) = fitting.run_seeds(problem.seed, 1)
        learner = build_learner(problem, asked.net, seed=seed)
        taps = plan_taps(learner.net, learner.loss, learner.source)
        loss = float("nan")
        for epoch in fitting.fit(learner, asked, seed=seed):
            loss = epoch.loss
            done = TRAINED * epoch.number / asked.epochs
            problem.progress(done, f"epoch {epoch.number:,} of {asked.epochs:,}")
        solved = newton_step(
            learner,
            taps,
            damping=asked.damping,
            tolerance=asked.tolerance,
            iterations=asked.iterations,
            progress=part(problem.progress, TRAINED, 1.0),
        )
        rise = fitting.numpy_of(alignments(learner, taps, solved.solution[:, 0]))
        rise /= len(problem.labels)
        return Scores(
            values=rise,
            columns={"influence": rise},
            status=(
                f"Newton step in {count(solved.iterations, 'iteration')} at a training loss of "
                f"{loss:.3g}."
            ),
            warnings=_warnings(solved),
            stats={
                "iterations_taken": solved.iterations,
                "residual": solved.residual,
                "converged": solved.converged,
                "training_loss": loss,
            },
        )


def newton_step(
    learner: Learner,
    taps: Taps,
    *,
    damping: float,
    tolerance: float,
    iterations: int,
    progress: Progress,
) -> Solved:
    """Solve (H + damping I) u = g, u of shape (P, 1).

    H is the Gauss-Newton matrix of the mean loss of the source at the net's parameters, and g
    the gradient of the mean loss of the trusted samples.
    """
    import torch

    from dvaudit.gradients import Curvature, gradient_and_curvature
    from dvaudit.linalg.conjugate_gradients import conjugate_gradients

    assert learner.trusted is not None
    theta, n = taps.layout.current(learner.net), len(learner.source[0])

    def product(columns: Tensor) -> Tensor:
        total = torch.zeros_like(columns)
        for block in fitting.blocks(learner.source):
            total += gradient_and_curvature(
                learner.net, learner.loss, block, taps, theta, columns.T, Curvature.GAUSS_NEWTON
            )[1].T
        return total / n + damping * columns

    def report(iteration: int, residual: float) -> None:
        progress(iteration / iterations, f"Newton step, residual {residual:.1e}")

    return conjugate_gradients(
        product,
        lambda columns: columns,
        fitting.mean_gradient(learner, learner.trusted, taps)[:, None],
        tolerance=tolerance,
        max_iterations=iterations,
        report=report,
    )


def alignments(learner: Learner, taps: Taps, direction: Tensor) -> Tensor:
    """Return <g_i, u> of the source, shape (m,), for a direction u (P,)."""
    import torch

    from dvaudit.gradients import inner_products

    net, loss = learner.net, learner.loss
    parts = [
        inner_products(net, loss, block, direction[None], taps=taps)[:, 0]
        for block in fitting.blocks(learner.source)
    ]
    return torch.cat(parts)


def _warnings(solved: Solved) -> tuple[str, ...]:
    if solved.converged:
        return ()
    return (
        f"The solve stopped at a relative residual of {solved.residual:.1e}; raise `iterations` or "
        "`damping`.",
    )
