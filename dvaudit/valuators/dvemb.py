"""DVEmb: what the end of a training would be without each sample in each of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine, size_text
from dvaudit.core.progress import part
from dvaudit.core.settings import setting
from dvaudit.core.trace import Trace
from dvaudit.core.words import count
from dvaudit.valuators import dvemb_plan, fitting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

if TYPE_CHECKING:
    from dvaudit.valuators.dvemb_embedding import Embedded
    from dvaudit.valuators.dvemb_run import Run

CURVATURES = ("gauss_newton", "fisher", "hessian")
# Passes over the data that the sweep back takes, in trainings: influences, norms, a replay.
SWEEP = 3.0
FAITHFUL = 0.8  # rank correlation of embeddings and values below which it is said
COARSE = "Influence read from the embeddings is coarse"
PHASES = ("magnitude", "influence", "adjoint_norm", "training_loss")
NOT_A_DETECTOR = (
    "Values say what helped the trusted loss, not which labels are wrong: really leaving samples "
    "out finds mislabels no better."
)


@register
@final
class DvEmb(TrainedValuator):
    name = "dvemb"
    title = "Data Value Embedding"
    summary = (
        "How much the trusted loss at the end of a training would rise without the sample, added "
        "up over the steps it is in, with how later steps overwrite it. No detector of wrong "
        "labels: it says which samples helped this run, and when."
    )
    use = (
        "To learn which samples helped or hurt a given trusted sample, and when in training. Not "
        "to find wrong labels."
    )
    draws = "The net's first weights and the order of the samples, in each run."
    reference = (
        "Wang, Zhao, Narang, et al.: Capturing the Temporal Dependence of Training Data "
        "Influence, ICLR 2025, algorithm 1, here in adjoint form; Gauss-Newton curvature in place "
        "of the empirical Fisher"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    needs = frozenset({"trusted"})
    detects_mislabels = False

    @dataclass(frozen=True)
    class Settings:
        net: str = fitting.net_setting()
        epochs: int = fitting.epochs_setting(10)
        batch: int = fitting.batch_setting()
        rate: float = fitting.rate_setting(0.02)
        runs: int = fitting.runs_setting(1)
        curvature: str = setting(
            "gauss_newton",
            "How later steps overwrite a sample. gauss_newton: nearest to retraining for its cost. "
            "fisher: as in the paper; no curvature for regression. hessian: exact.",
            choices=CURVATURES,
        )
        query: str = setting(
            "mean",
            "Trusted loss that is asked about. mean: over trusted samples. class_mean: over "
            "classes of each class's mean, so that rare classes weigh as much.",
            choices=("mean", "class_mean"),
        )
        points: str = setting(
            "auto",
            "Where the run's parameters at every step are had from. auto: memory where they take "
            "a quarter of it at most, then disk where they take half at most, then checkpoints, "
            "from which they are computed again.",
            choices=dvemb_plan.POINTS,
        )
        embeddings: bool = setting(
            True,
            "Keep embeddings that answer the influence on any trusted sample at once, where they "
            "take 1 GB and a quarter of the free memory at most.",
        )
        components: int | None = setting(
            256,
            "Leading principal components that vectors are reduced to: fewer parameters, which "
            "embeddings describe more closely. Empty: all features as they are.",
            low=1,
            high=100_000,
        )
        projection: int = setting(
            1024, "Numbers that an embedding has for each layer at most.", low=1, high=65_536
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        asked = self.settings
        dimensions = min(dimensions, asked.components or dimensions)
        steps = asked.epochs * max(1, -(-samples // asked.batch))
        parameters = fitting.parameters_of(asked.net, dimensions, classes)
        plan = dvemb_plan.plan_points(
            asked.points, steps, parameters, machine.memory, dvemb_plan.free_disk()
        )
        base = fitting.fitting_cost(
            asked, samples, dimensions, classes, machine, runs=asked.runs, measured=SWEEP
        )
        said = [f"{count(asked.epochs, 'epoch')} in {count(steps, 'step')}", plan.words]
        seconds, needed = base.seconds, base.bytes + (plan.kind != "disk") * plan.bytes
        if asked.embeddings:
            size = min(parameters, dvemb_plan.LAYERS * asked.projection)
            kept = dvemb_plan.embedding_bytes(samples, 0, size)
            if dvemb_plan.embeddings_fit(samples, 0, size, machine.memory):
                products = 4 * samples * asked.epochs * size * min(size, asked.projection)
                seconds += products / machine.flops
                needed += kept + 4 * size * asked.projection
                said.append(f"embeddings of about {size:,} numbers a sample ({size_text(kept)})")
            else:
                said.append(f"embeddings ({size_text(kept)}) pass their bound and are not kept")
        return Cost(seconds, int(needed), ", ".join(said))

    def _value(self, problem: TrainingProblem) -> Scores:
        """Value the samples; the unit is that of the loss, summed over the run's steps."""
        # These load torch, which listing the methods does not.
        from dvaudit.gradients import Curvature
        from dvaudit.valuators.components import with_reduction
        from dvaudit.valuators.dvemb_run import RunSettings, run_once

        asked, components = self.settings, None
        if asked.components is not None:
            problem, components = with_reduction(problem, asked.components)
        told = RunSettings(
            asked.net,
            asked.epochs,
            asked.batch,
            asked.rate,
            Curvature(asked.curvature),
            asked.points,
            asked.query,
            asked.projection,
        )
        runs = [
            run_once(
                problem,
                told,
                seed,
                part(problem.progress, index / asked.runs, (index + 1) / asked.runs),
                embed=asked.embeddings and index == 0,
                components=components,
            )
            for index, seed in enumerate(fitting.run_seeds(problem.seed, asked.runs))
        ]
        return self._scores(runs)

    def _scores(self, runs: Sequence[Run]) -> Scores:
        asked, first = self.settings, runs[0]
        influence = np.mean([run.influence for run in runs], axis=0)
        each = np.stack([run.influence.sum(0) for run in runs])
        values = each.mean(0)
        phases = np.mean([run.phases for run in runs], axis=0)
        kept = first.embedded
        return Scores(
            values=values,
            flagged=values < 0,
            std_errors=fitting.standard_errors(each),
            columns={
                "influence_sum": values,
                "influence_mean": values / asked.epochs,
                "self_influence": np.mean([run.self_influence for run in runs], axis=0),
                "last_epoch": influence[-1],
            },
            status=self._status(runs),
            warnings=_warnings(runs),
            stats=self._stats(runs),
            tables={"phases": _phase_table(phases)},
            trace=_trace(influence, phases),
            arrays={} if kept is None else {"embeddings": kept.sums},
            other_arrays={} if kept is None else _query_arrays(kept),
        )

    def _stats(self, runs: Sequence[Run]) -> dict[str, Any]:
        first, fisher = runs[0], self.settings.curvature == "fisher"
        return {
            "points": first.plan.kind,
            "points_bytes": first.plan.bytes,
            "points_every": first.plan.every,
            "parameters": first.parameters,
            "rate_times_eigenvalue": [
                {"run": index, "step": probe.step, "product": probe.product}
                for index, run in enumerate(runs)
                for probe in run.probes
            ],
            "self_influence": "first order: sum over steps of eta / |B| |g|^2",
            "embeddings": None if first.embedded is None else first.embedded.projections,
            "embeddings_agreement": None if first.embedded is None else first.embedded.agreement,
            "embeddings_curvature": "fisher" if fisher else "gauss_newton",
            **_end_facts(first.embedded),
        }

    def _status(self, runs: Sequence[Run]) -> str:
        asked, first = self.settings, runs[0]
        times = "one run" if len(runs) == 1 else f"{len(runs):,} runs"
        said = [
            f"{times} of {count(asked.epochs, 'epoch')} at rate {asked.rate:g}, {asked.curvature} "
            f"curvature, {first.plan.words}.",
            NOT_A_DETECTOR,
        ]
        said[0] = said[0][0].upper() + said[0][1:]
        if first.left_out:
            said.append(first.left_out)
        if first.embedded is not None and first.embedded.end_left_out:
            said.append(first.embedded.end_left_out)
        return " ".join(said)


def _warnings(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return where the values, or what is read from the embeddings, cannot be relied on."""
    first, said = runs[0], []
    top = max((probe for run in runs for probe in run.probes), key=lambda each: each.product)
    if top.product > 1:
        said.append(
            f"The learning rate times the largest curvature eigenvalue is {top.product:.3g} in "
            f"step {top.step + 1:,}: above 1 the influence of early steps is unreliable, above "
            f"2 it explodes. There a rate of {1 / top.eigenvalue:.2g} comes to 1; try that or less."
        )
    if first.embedded is not None and first.embedded.agreement < FAITHFUL:
        said.append(
            f"{COARSE}: on the trusted loss its rank "
            f"correlation with the values is {first.embedded.agreement:.2f}; raise "
            "`projection`, or lower the rate."
        )
    return tuple(said)


def _query_arrays(kept: Embedded) -> dict[str, NDArray[Any]]:
    found: dict[str, NDArray[Any]] = {
        "query_embeddings": kept.queries,
        "query_rows": kept.query_rows,
    }
    if kept.end is not None:
        found |= {"end": kept.end.net, "axes": kept.end.axes}
    return found


def _end_facts(kept: Embedded | None) -> dict[str, Any]:
    """Return what the stored end of the run is, and why there is none."""
    if kept is None:
        return {"end": None, "end_left_out": ""}
    return {
        "end": None if kept.end is None else kept.end.facts,
        "end_left_out": kept.end_left_out,
    }


def _phase_table(phases: NDArray[np.float64]) -> pd.DataFrame:
    """Return epoch, mean |influence| / eta, sum of influence / eta, |u_t| and training loss."""
    frame = pd.DataFrame(phases, columns=list(PHASES))
    frame.insert(0, "epoch", np.arange(1, len(phases) + 1))
    return frame


def _trace(influence: NDArray[np.float64], phases: NDArray[np.float64]) -> Trace:
    """Return influence by epoch, which adds up to the values."""
    points = np.arange(1, len(influence) + 1, dtype=np.float64)
    return Trace(points, influence.astype(np.float32), "epoch", True, phases[:, 3])
