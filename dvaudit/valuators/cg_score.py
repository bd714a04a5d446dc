"""CG-score: the complexity gap a sample makes, one-vs-rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Kind, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.progress import part
from dvaudit.core.settings import setting
from dvaudit.core.words import count
from dvaudit.models.proxy_size import WIDTHS, proxy_seconds
from dvaudit.valuators.atypical import ATYPICAL, atypical_kind, margins
from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.kernel_plan import KernelSettings, choose_plan
from dvaudit.valuators.kernel_problem import REGRESSION_CUTOFF, robust_units
from dvaudit.valuators.kernel_quantities import Measure, Quantities, Solution
from dvaudit.valuators.kernel_solving import evaluate, plan_of
from dvaudit.valuators.ranking import rank_correlation
from dvaudit.valuators.registry import register

if TYPE_CHECKING:
    from dvaudit.models.proxy import ProxyRun


@dataclass(frozen=True)
class GapTerms:
    """The three terms of CG(i), equation (6) of the paper, each of shape (m,)."""

    cross: NDArray[np.float64]  # (h_i . s_-i)^2 / d_i
    partial: NDArray[np.float64]  # 2 s_i (h_i . s_-i), the partial CG-score
    diagonal: NDArray[np.float64]  # s_i^2 d_i


def complexity_gap(
    solution: NDArray[np.float64], diagonal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return CG(i) = a_i^2 / d_i, shape (m,), with a = H^-1 s and d = diag H^-1."""
    return np.asarray(solution**2 / diagonal)


def gap_terms(
    solution: NDArray[np.float64], diagonal: NDArray[np.float64], targets: NDArray[np.float64]
) -> GapTerms:
    """Return the terms of CG(i), which add up to `complexity_gap`; all arguments (m,)."""
    others = solution - targets * diagonal  # h_i . s_-i
    return GapTerms(others**2 / diagonal, 2 * targets * others, targets**2 * diagonal)


@register
@final
class CgScore(Valuator):
    name = "cg-score"
    title = "CG-score"
    summary = (
        "How much harder the labels are to fit with the sample than without it. High gaps mark "
        "wrong labels and atypical samples. Needs no training and no trusted data."
    )
    use = (
        "Beside the kernel leave-one-out, to tell atypical samples from wrong ones, and to prune "
        "clean data. Above about 100,000 samples take the subsampled score."
    )
    draws = "On large data only: the samples that the ridge is chosen on, and the blocks."
    reference = "Nohyun, Choi, Chung: Data Valuation Without Training of a Model, ICLR 2023"
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    detects_mislabels = True
    measures_hardness = True

    @dataclass(frozen=True)
    class Settings(KernelSettings):
        ridge: float = setting(
            0.0,
            "Added to the kernel's diagonal. 0 is the paper's score; 0.1 is steadier on tables. "
            "Duplicates force a small one.",
            low=0.0,
            high=1e6,
        )
        space: str = setting(
            "input",
            "Score the features themselves, or the penultimate layer of a small net trained on "
            "them first (classification). A net that has fitted wrong labels refutes few of them: "
            "the ranking holds, the flags do not.",
            choices=("input", "penultimate"),
            label="Vectors scored",
        )
        epochs: int = setting(
            10,
            "Epochs the small net is trained for (penultimate).",
            low=1,
            high=1000,
            label="Epochs of the small net",
        )
        correlate_epochs: bool = setting(
            False,
            "Score after every epoch and report how well successive rankings agree (penultimate); "
            "as many factorisations as epochs.",
            label="Compare epochs",
        )

    def check(self, kind: Kind, task: Task) -> None:
        """Refuse also a space that is learned from classes where there are none."""
        super().check(kind, task)
        if self.settings.space == "penultimate" and task is not Task.CLASSIFICATION:
            raise UnsuitableDataError(
                "cg-score.space is 'penultimate', whose net is trained on classes, and this "
                "dataset has numeric targets; set cg-score.space to 'input'."
            )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        plan = choose_plan(samples, dimensions, classes, machine, self.settings)
        if self.settings.space == "input":
            return plan.cost(machine)
        plan = choose_plan(samples, WIDTHS[-1], classes, machine, self.settings)
        cost = plan.cost(machine)
        times = self.settings.epochs if self.settings.correlate_epochs else 1
        training = proxy_seconds(samples, dimensions, classes, self.settings.epochs, machine)
        kept = 4 * samples * (WIDTHS[-1] * (times + 1) + dimensions)
        words = f"a small net, {count(self.settings.epochs, 'epoch')}, then {cost.plan}"
        return Cost(times * cost.seconds + training, cost.bytes + kept, words)

    def _value(self, problem: Problem) -> Scores:
        if self.settings.space == "input":
            return self._scores(problem)
        run = self._proxy(problem)
        gaps, epochs = [], sorted(run.features_by_epoch)
        for done, epoch in enumerate(epochs):
            start, end = (0.3 + 0.7 * step / len(epochs) for step in (done, done + 1))
            watched = part(problem.progress, start, end)
            features = run.features_by_epoch[epoch]
            scores = self._scores(replace(problem, vectors=features, progress=watched))
            gaps.append(-scores.values)
        said = (
            f"Scored on the penultimate layer of a net trained for "
            f"{count(self.settings.epochs, 'epoch')} "
            f"(training accuracy {run.accuracy[-1]:.3f}). {scores.status}"
        )
        return replace(scores, status=said, stats={**scores.stats, **_proxy_stats(run, gaps)})

    def _proxy(self, problem: Problem) -> ProxyRun:
        from dvaudit.models import proxy  # here, since listing the methods loads no torch

        epochs = self.settings.epochs
        return proxy.train_proxy(
            problem.vectors,
            problem.labels.astype(np.int64),
            len(problem.class_names),
            epochs=epochs,
            keep=range(1, epochs + 1) if self.settings.correlate_epochs else None,
            seed=problem.seed,
            device=problem.device,
            progress=part(problem.progress, 0.0, 0.3),
        )

    def _scores(self, problem: Problem) -> Scores:
        plan = plan_of(problem, self.settings)
        measured = evaluate(problem, plan, self.settings.ridge, _measure(problem))
        found = measured.quantities
        columns = {
            "cg_score": -found["value"],
            "partial_cg": found["partial"],
            "cg_cross_term": found["cross"],
            "cg_partial_term": found["partial"],
            "cg_diagonal_term": found["diagonal"],
            **measured.interval_columns(one_signed=True),
        }
        if problem.task is Task.CLASSIFICATION:
            flagged = _refuted(problem, found["corrected"])
            kinds = atypical_kind(
                -found["value"], found["corrected"], _codes(problem), found["margin"]
            )
            columns["partial_cg_corrected"] = found["corrected"]
            columns["cg_atypical"] = (kinds == ATYPICAL).astype(np.float64)
        else:
            flagged = robust_units(found["residual"]) > REGRESSION_CUTOFF
        return Scores(
            values=found["value"],
            flagged=flagged,
            std_errors=measured.std_errors,
            columns=columns,
            status=" ".join(measured.said),
            warnings=tuple(measured.warned),
            stats=measured.stats,
        )


def _codes(problem: Problem) -> NDArray[np.int64]:
    return problem.labels.astype(np.int64)


def _measure(problem: Problem) -> Measure:
    """Return what is taken of each solved system: from the column of the sample's own class."""
    classification = problem.task is Task.CLASSIFICATION
    codes = _codes(problem) if classification else np.zeros(len(problem.labels), dtype=np.int64)

    def measure(solved: Solution) -> Quantities:
        own = codes[solved.rows]
        solution = np.take_along_axis(solved.solution, own[:, None], 1)[:, 0]
        target = np.take_along_axis(solved.targets, own[:, None], 1)[:, 0]
        terms = gap_terms(solution, solved.diagonal, target)
        share = np.bincount(own)[own] / len(own)
        return {
            "margin": margins(solved.solution, solved.diagonal, own),
            "value": -complexity_gap(solution, solved.diagonal),
            "cross": terms.cross,
            "partial": terms.partial,
            "diagonal": terms.diagonal,
            "corrected": corrected_partial(terms.partial, solved.diagonal, share),
            "residual": solution / np.sqrt(solved.diagonal),
        }

    return measure


def _refuted(problem: Problem, corrected: NDArray[np.float64]) -> NDArray[np.bool_]:
    codes = _codes(problem)
    counts = np.bincount(codes)[codes].astype(np.float64)
    return sign_test(corrected, counts, counts / len(codes))


def _proxy_stats(run: ProxyRun, gaps: list[NDArray[np.float64]]) -> dict[str, Any]:
    stats: dict[str, Any] = {
        "proxy_accuracy": [round(float(value), 6) for value in run.accuracy],
        "proxy_loss": [round(float(value), 6) for value in run.loss],
    }
    if len(gaps) > 1:
        stats["epoch_spearman"] = [
            round(rank_correlation(one, next_one), 6) for one, next_one in pairwise(gaps)
        ]
    return stats


def corrected_partial(
    partial: NDArray[np.float64], diagonal: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the partial score less its even-odds point, (m,): positive = label refuted.

    partial = -2 d f, with f the leave-one-out prediction of the sample's own class, so the
    paper's test (partial > 0) asks whether f < 0, that is P(class | sample) < 1/2. That is the
    even-odds point at the paper's 1:1 ratio only. With a share p of the samples in the class the
    even-odds point of f is 2 p - 1; at 1:1 the two tests are the same. Classes of more than half
    keep the paper's test, or most samples of a majority would be flagged for being unsurprising.

    Args:
        share: (m,) the class's share of the samples that the system was solved on.
    """
    return np.asarray(partial + 2 * diagonal * np.minimum(2 * share - 1, 0))


def sign_test(
    corrected: NDArray[np.float64], positives: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which labels the corrected partial score refutes, (m,).

    A lone sample of its class, and a class without any other, have nothing to be compared with.

    Args:
        positives, share: (m,) how many samples the class has in the system, and its share.
    """
    return np.asarray((corrected > 0) & (positives > 1.5) & (share < 1))
