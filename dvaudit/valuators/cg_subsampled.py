"""Subsampled CG-score: each class against a few random others, averaged over runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.settings import setting
from dvaudit.core.words import count
from dvaudit.valuators.base import Problem, Scores, Valuator
from dvaudit.valuators.cg_draws import SMALL, ClassDraws, negatives_drawn
from dvaudit.valuators.cg_score import sign_test
from dvaudit.valuators.kernel_plan import KernelSettings, choose_plan
from dvaudit.valuators.registry import register
from dvaudit.valuators.running import RunningScores

SEEN = 0.5  # share of the data that each class meets before an automatic run may stop
USUAL_RUNS = 6  # what an automatic run on ten classes takes; for the estimate only


@register
@final
class CgSubsampled(Valuator):
    name = "cg-subsampled"
    title = "CG-score, subsampled"
    summary = (
        "The CG-score of each class against a few samples of the others, drawn anew in each run "
        "and averaged, with standard errors. For many classes, and for data too large for the "
        "exact score."
    )
    use = (
        "With many classes, or where the exact CG-score is too slow. Its standard errors say how "
        "far to trust the order."
    )
    draws = "Which samples of the other classes each run compares with."
    reference = (
        "Nohyun, Choi, Chung: Data Valuation Without Training of a Model, ICLR 2023, appendix A.2"
    )
    tasks = frozenset({Task.CLASSIFICATION})
    detects_mislabels = True
    measures_hardness = True

    @dataclass(frozen=True)
    class Settings:
        ratio: float = setting(
            3.0,
            "Samples of other classes drawn for each sample of the class. The paper takes 3 for "
            "digits and clothes, 4 for photos.",
            low=0.1,
            high=1000.0,
            label="Others per sample of a class",
        )
        runs: int | None = setting(
            None,
            "Draws per class. Empty: until each class met half of the data and the ranking has "
            "settled.",
            low=1,
            high=10_000,
            label="Draws per class",
        )
        max_runs: int = setting(
            20,
            "Most draws per class where their number is left empty.",
            low=2,
            high=10_000,
            label="Draws per class at most",
        )
        settled: float = setting(
            0.95,
            "Rank reliability at which the ranking counts as settled, from the Spearman "
            "correlation between the averages of odd and even runs.",
            low=0.0,
            high=1.0,
            label="Rank reliability to stop at",
        )
        ridge: float = setting(
            0.0,
            "Added to the kernel's diagonal. 0 is the paper's score; 0.1 is steadier on tables. "
            "Duplicates force a small one.",
            low=0.0,
            high=1e6,
        )
        precision: str = setting(
            "auto",
            "Arithmetic: float64, float32 (half the memory), or auto: float64 where it fits.",
            choices=("auto", "float64", "float32"),
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        own = -(-samples // max(classes, 1))
        size = min(samples, own + negatives_drawn(own, samples - own, self.settings.ratio))
        exact = KernelSettings(plan="exact", precision=self.settings.precision)
        one = choose_plan(size, dimensions, 1, machine, exact).cost(machine)
        runs = self.settings.runs or min(USUAL_RUNS, self.settings.max_runs)
        if size == samples:
            runs = 1
        plan = (
            f"{classes:,} classes x {runs} runs of {size:,} samples (classes of equal size), "
            f"{one.plan}"
        )
        at_once = min(machine.cores, max(classes, 1)) if size <= SMALL else 1
        held = 8 * samples * 20 + at_once * (one.bytes + 8 * size * dimensions)
        return Cost(classes * runs * one.seconds, held, plan)

    def _value(self, problem: Problem) -> Scores:
        given = self.settings
        with ClassDraws(problem, given.ratio, given.ridge, given.precision) as draws:
            return _Averages(problem, draws, given).scores()


class _Averages:
    """The runs of one dataset, averaged."""

    def __init__(self, problem: Problem, draws: ClassDraws, settings: Any) -> None:
        self.problem, self.draws, self.settings = problem, draws, settings
        n = len(problem.labels)
        self.gap, self.partial, self.corrected = (RunningScores(n) for _ in range(3))
        self.negative_runs = np.zeros(n)
        self.records: list[dict[str, Any]] = []

    def scores(self) -> Scores:
        partly, limit = self.draws.partly, self.settings.runs or self.settings.max_runs
        self._add(0, list(range(len(self.draws.counts))), limit)
        runs = 1
        # A class that meets all others at once would only repeat its first run.
        while partly and runs < limit and not (self.settings.runs is None and self._settled(runs)):
            self._add(runs, partly, limit)
            runs += 1
        self.problem.progress(1.0, "averaging")
        return self._result(runs)

    def _add(self, run: int, labels: list[int], limit: int) -> None:
        self.problem.progress(run / limit, f"run {run + 1}")
        for done, found in enumerate(self.draws.run(run, labels), 1):
            rows, scores = found.positives, found.scores
            certain = len(rows) + len(found.negatives) == len(self.negative_runs)
            self.gap.add(rows, scores.gap, run, certain)
            self.partial.add(rows, scores.partial, run, certain)
            self.corrected.add(rows, scores.corrected, run, certain)
            self.negative_runs[found.negatives] += 1
            self.records.append(scores.record)
            self.problem.progress((run + done / len(labels)) / limit, f"run {run + 1}")

    def _settled(self, runs: int) -> bool:
        reliability = self.gap.reliability()
        return (
            self.draws.met(runs) >= SEEN
            and reliability is not None
            and reliability >= self.settings.settled
        )

    def _result(self, runs: int) -> Scores:
        codes, counts = self.draws.codes, self.draws.counts.astype(np.float64)
        share = counts / (counts + self.draws.drawn)
        reliability = self.gap.reliability()
        return Scores(
            values=-self.gap.mean,
            flagged=sign_test(self.corrected.mean, counts[codes], share[codes]),
            std_errors=self.gap.std_errors(),
            columns={
                "cg_score": self.gap.mean,
                "partial_cg": self.partial.mean,
                "partial_cg_corrected": self.corrected.mean,
                "cg_runs": self.gap.runs,
                "cg_negative_runs": self.negative_runs,
            },
            status=" ".join(self._said(runs, reliability)),
            warnings=tuple(self._warned(runs, reliability)),
            stats={
                **_combined(self.records, self.settings.ridge),
                "ratio": self.settings.ratio,
                "runs": runs,
                "runs_chosen": self.settings.runs is None,
                "classes_subsampled": len(self.draws.partly),
                "seen_least": self.draws.met(runs),
                "reliability": reliability,
            },
        )

    def _said(self, runs: int, reliability: float | None) -> list[str]:
        partly, classes = len(self.draws.partly), len(self.draws.counts)
        if not partly:
            said = ["No class has more others than the ratio asks for: one exact run per class."]
        else:
            said = [
                f"{runs:,} runs at 1:{self.settings.ratio:g} for {partly:,} of {classes:,} "
                f"classes; each class met about {self.draws.met(runs):.0%} of the data or more."
            ]
            if reliability is None:
                said.append("One run shows nothing of the spread, so it has no standard errors.")
            else:
                said.append(f"Rank reliability {reliability:.3f}.")
        return said

    def _warned(self, runs: int, reliability: float | None) -> list[str]:
        warned = _repaired(self.records, self.settings.ridge)
        chosen = self.settings.runs is None and bool(self.draws.partly)
        if chosen and reliability is not None and not self._settled(runs):
            warned.append(
                f"Stopped at the most runs allowed with a rank reliability of {reliability:.3f}; "
                "raise max_runs for a steadier ranking."
            )
        return warned


def _combined(records: list[dict[str, Any]], ridge: float) -> dict[str, Any]:
    """Return the JSON-able record of all systems: the largest of each figure."""
    return {
        "ridge": max(record["ridge"] for record in records),
        "ridge_asked": ridge,
        "ridge_forced": any(record["forced"] for record in records),
        "systems": len(records),
        "systems_forced": sum(record["forced"] for record in records),
        "precision": " and ".join(sorted({record["precision"] for record in records})),
        "duplicate_rows": max(record["duplicate_rows"] for record in records),
        "zero_rows": max(record["zero_rows"] for record in records),
    }


def _repaired(records: list[dict[str, Any]], ridge: float) -> list[str]:
    total, found = _combined(records, ridge), []
    if total["duplicate_rows"]:
        found.append(
            f"In one run up to {count(total['duplicate_rows'], 'sample points', 'samples point')} "
            "the same way as an earlier one."
        )
    if total["zero_rows"]:
        found.append(
            f"In one run up to {count(total['zero_rows'], 'sample has', 'samples have')} no "
            "direction (all features zero), taken as unlike every other."
        )
    if total["ridge_forced"]:
        found.append(
            f"The ridge was raised from {ridge:g} to at most {total['ridge']:g} in "
            f"{total['systems_forced']:,} of {len(records):,} systems."
        )
    return found
