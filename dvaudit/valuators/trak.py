"""TRAK: attribution to the samples of a linear model on randomly projected gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine, size_text
from dvaudit.core.progress import Progress, part, silent
from dvaudit.core.settings import setting
from dvaudit.core.words import count
from dvaudit.valuators import fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

if TYPE_CHECKING:
    from torch import Tensor

    from dvaudit.gradients import Taps
    from dvaudit.gradients.losses import Batch
    from dvaudit.valuators.learner import Learner

CHUNK = 8192  # parameters whose rows of the projection are drawn from one seed
KEPT = 512 << 20  # bytes of projection that are held and not drawn again for every block
GRADIENTS = 8 << 20  # bytes of per-sample gradients formed at a time: more leaves the cache
REDRAWN = 512 << 20  # the same where each block has to draw the projection again
DRAW_SECONDS, FORM_SECONDS = 1e-8, 4e-9  # of a number of the projection, and of a gradient


def log_odds(logits: Tensor, codes: Tensor) -> Tensor:
    """Return log(p / (1 - p)), p the probability of the given label, shape (n,).

    Args:
        logits: (n, classes), two classes or more.
        codes: (n,) int64.
    """
    others = logits.scatter(1, codes[:, None], -float("inf"))
    odds: Tensor = logits.gather(1, codes[:, None])[:, 0] - others.logsumexp(1)
    return odds


def block_rows(parameters: int, dimensions: int) -> int:
    """Return how many samples' gradients are formed at a time."""
    room = GRADIENTS if 4 * parameters * dimensions <= KEPT else REDRAWN
    return max(1, min(fitting.BLOCK, room // (4 * parameters)))


class Projection:
    """A (P, k) matrix of independent standard normal numbers over the root of k.

    It is drawn on the CPU, the same on any machine, chunk by chunk with a seed each, and so never
    has to be held at once.

    Attributes:
        rows: gradients that are best projected at a time.
    """

    def __init__(self, parameters: int, dimensions: int, seed: int) -> None:
        self.rows = block_rows(parameters, dimensions)
        self._parameters, self._dimensions, self._seed = parameters, dimensions, seed
        self._keep = 4 * parameters * dimensions <= KEPT
        self._held: dict[int, Tensor] = {}

    def apply(self, gradients: Tensor) -> Tensor:
        """Return (n, k) from (n, P)."""
        total = gradients.new_zeros((len(gradients), self._dimensions))
        for start in range(0, self._parameters, CHUNK):
            part = gradients[:, start : start + CHUNK]
            total.addmm_(part, self._rows(start, part))
        return total

    def _rows(self, start: int, like: Tensor) -> Tensor:
        import torch

        held = self._held.get(start)
        if held is not None:
            return held
        (seed,) = np.random.SeedSequence([self._seed, start]).generate_state(1)
        draws = torch.Generator().manual_seed(int(seed))
        rows = torch.randn((like.shape[1], self._dimensions), generator=draws)
        rows = rows.div_(self._dimensions**0.5).to(like.device, like.dtype)
        if self._keep:
            self._held[start] = rows
        return rows


@register
@final
class Trak(TrainedValuator):
    name = "trak"
    title = "TRAK"
    summary = (
        "How much having the sample in the training raises the log-odds of the right label on "
        "the trusted samples, by a linear model on random projections of the gradients, averaged "
        "over several trainings."
    )
    use = (
        "To ask which samples decide the predictions of a net on trusted samples, where several "
        "trainings can be paid for."
    )
    draws = (
        "The net's first weights and the order of the samples, in each run, and the random "
        "projections."
    )
    reference = (
        "Park, Georgiev, Ilyas, Leclerc, Madry: TRAK: Attributing Model Behavior at Scale, ICML "
        "2023, section 3: the estimator for ensembles without soft thresholding, with a ridge"
    )
    tasks = frozenset({Task.CLASSIFICATION})
    needs = frozenset({"trusted"})
    detects_mislabels = True
    baseline = True

    @dataclass(frozen=True)
    class Settings:
        projected: int = setting(
            64,
            "Numbers that each sample's gradient is projected to.",
            low=1,
            high=100_000,
        )
        damping: float = setting(
            1.0,
            "Added to the diagonal of the projected gradients' second moments, as a multiple of "
            "their mean eigenvalue.",
            low=1e-6,
            high=1e6,
        )
        runs: int = fitting.runs_setting(5)
        net: str = fitting.net_setting()
        epochs: int = fitting.epochs_setting(10)
        batch: int = fitting.batch_setting()
        rate: float = fitting.rate_setting(0.01)

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        asked = self.settings
        training = fitting.fitting_cost(
            asked, samples, dimensions, classes, machine, runs=asked.runs, measured=0
        )
        parameters = fitting.parameters_of(asked.net, dimensions, classes)
        drawn = parameters * asked.projected
        rows = block_rows(parameters, asked.projected)
        draws = drawn if 4 * drawn <= KEPT else drawn * -(-samples // rows)
        arithmetic = 2 * samples * (drawn + asked.projected**2) + asked.projected**3
        moved = DRAW_SECONDS * draws + FORM_SECONDS * samples * parameters
        seconds = training.seconds + asked.runs * (arithmetic / machine.flops + moved)
        held = 12 * samples * asked.projected + 16 * asked.projected**2
        formed = 8 * min(rows, samples) * parameters + min(KEPT, 4 * drawn)
        needed = training.bytes + held + formed
        plan = (
            f"{count(asked.runs, 'training')}, gradients projected to "
            f"{count(asked.projected, 'number')} in blocks ({size_text(needed)})"
        )
        return Cost(seconds, needed, plan)

    def _value(self, problem: TrainingProblem) -> Scores:
        """Value the samples; the unit is the mean log-odds of the trusted samples."""
        from dvaudit.gradients import plan_taps
        from dvaudit.valuators.learner import build_learner

        asked = self.settings
        if len(problem.class_names) == 1:
            zeros = np.zeros(len(problem.labels))
            said = "One class has no odds: every value is 0."
            return Scores(values=zeros, columns={"trak": zeros}, status=said)
        attributions, errors = [], []
        for run, seed in enumerate(fitting.run_seeds(problem.seed, asked.runs)):
            progress = part(problem.progress, run / asked.runs, (run + 1) / asked.runs)
            learner = build_learner(problem, asked.net, seed=seed)
            taps = plan_taps(learner.net, learner.loss, learner.source)
            projection = Projection(taps.layout.size, asked.projected, seed)
            for epoch in fitting.fit(learner, asked, seed=seed):
                words = f"run {run + 1:,} of {asked.runs:,}, epoch {epoch.number:,}"
                progress(0.8 * epoch.number / asked.epochs, words)
            attribution, error = attribute(
                learner, taps, projection, asked.damping, part(progress, 0.8, 1.0)
            )
            attributions.append(attribution)
            errors.append(error)
        found = np.stack(attributions) * np.mean(errors, axis=0)
        return Scores(
            values=found.mean(0),
            std_errors=fitting.standard_errors(found),
            columns={"trak": found.mean(0)},
            status=(
                f"Gradients projected to {count(asked.projected, 'number')}, "
                f"{count(asked.runs, 'training')} of {count(asked.epochs, 'epoch')}."
            ),
        )


def attribute(
    learner: Learner,
    taps: Taps,
    projection: Projection,
    damping: float,
    progress: Progress = silent,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Phi (Phi' Phi + damping I)^-1 phi and 1 - p, shape (m,) both, of one trained net.

    phi is the mean projected gradient of the trusted samples' log-odds, Phi (m, k) has those of
    the samples to value, and p is the probability of the given label. The product of the two,
    averaged over nets one by one, is the paper's estimator.

    Args:
        damping: as a multiple of the mean eigenvalue of Phi' Phi, those that must be 0 left out.
    """
    import torch

    assert learner.trusted is not None
    measured = part(progress, 0.0, 0.8), part(progress, 0.8, 1.0)
    features = projected_gradients(learner, learner.source, taps, projection, measured[0])
    against = projected_gradients(learner, learner.trusted, taps, projection, measured[1])
    features, target = features.double(), against.double().mean(0)
    moments = features.T @ features
    strength = damping * float(moments.trace()) / min(features.shape)
    moments.diagonal().add_(strength if strength > 0 else 1.0)
    weights = torch.cholesky_solve(target[:, None], torch.linalg.cholesky(moments))
    odds = log_odds(fitting.outputs(learner.net, learner.source), learner.source[1])
    missing = torch.sigmoid(-odds.double())  # 1 - p without cancellation
    return fitting.numpy_of((features @ weights)[:, 0]), fitting.numpy_of(missing)


def projected_gradients(
    learner: Learner,
    data: Batch,
    taps: Taps,
    projection: Projection,
    progress: Progress = silent,
) -> Tensor:
    """Return the projected gradients of the log-odds, (n, k); (n, P) is formed in blocks."""
    import torch

    from dvaudit.gradients import capture

    parts = []
    for start in range(0, len(data[0]), projection.rows):
        end = start + projection.rows
        block = data[0][start:end], data[1][start:end]
        seen = capture(learner.net, log_odds, block, taps)
        parts.append(projection.apply(seen.gradients()))
        progress(min(1.0, end / len(data[0])), "projecting gradients")
    return torch.cat(parts)
