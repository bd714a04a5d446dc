"""Bagged blocks: exact systems of random stratified blocks, averaged over partitions.

An estimate of the quantity at the block's size, not at n. Its intervals are for the mean over
partitions; one partition into blocks of half the size says how the quantity moves with the size.
Cost and memory are linear in n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
from numpy.typing import NDArray

from dvaudit import kernels
from dvaudit.core.dataset import Task
from dvaudit.core.progress import Progress, part
from dvaudit.core.sampling import stratified_blocks
from dvaudit.valuators.base import Problem
from dvaudit.valuators.kernel_plan import SIDE_BY_SIDE, SIZE_ROUND, KernelPlan
from dvaudit.valuators.kernel_problem import kernel_targets
from dvaudit.valuators.kernel_quantities import (
    PRIMARY,
    Evaluation,
    Measure,
    Quantities,
    Solution,
)
from dvaudit.valuators.ranking import rank_correlation

CONFIDENCE = 0.95

_Found = tuple[Quantities, bool]  # what was measured of a block, and whether its ridge was forced


class _Sums:
    """Running sums of quantities over partitions."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.totals: Quantities = {}
        self.squares = np.zeros(samples)

    def add(self, rows: NDArray[np.int64], quantities: Mapping[str, NDArray[np.float64]]) -> None:
        for name, part_values in quantities.items():
            if name not in self.totals:
                self.totals[name] = np.zeros((self.samples, *part_values.shape[1:]))
            self.totals[name][rows] += part_values
        self.squares[rows] += quantities[PRIMARY] ** 2


class _Blocks:
    """Solves the blocks of partitions, and counts what had to be repaired."""

    def __init__(self, problem: Problem, plan: KernelPlan, ridge: float, measure: Measure) -> None:
        self.problem, self.plan, self.ridge, self.measure = problem, plan, ridge, measure
        self.targets = kernel_targets(problem)
        self.codes = np.zeros(len(problem.labels), dtype=np.int64)
        if problem.task is Task.CLASSIFICATION:
            self.codes = problem.labels.astype(np.int64)
        self.systems = self.forced = 0

    def partition(
        self, number: int, size: int, progress: Progress, stage: str
    ) -> Iterator[tuple[NDArray[np.int64], Quantities]]:
        """Yield the rows and quantities of each block of partition `number`."""
        blocks = stratified_blocks(self.codes, size, [self.problem.seed, number, size])
        with self._workers(size) as work:
            for index, (rows, found) in enumerate(
                zip(blocks, work(self._measured, blocks), strict=True)
            ):
                progress(index / len(blocks), stage)
                quantities, forced = found
                self.systems += 1
                self.forced += int(forced)
                yield rows, quantities

    @contextmanager
    def _workers(self, size: int) -> Iterator[Callable[..., Iterable[_Found]]]:
        """Give a `map`: small systems run side by side, one on each core of a CPU."""
        import torch  # here, since listing the methods loads no torch

        from dvaudit.linalg.threads import serial_workers

        cores = torch.get_num_threads() if self.problem.device == "cpu" else 1
        if cores == 1 or size > SIDE_BY_SIDE:
            yield map
            return
        pool = serial_workers(cores)
        try:
            yield pool.map
        finally:
            pool.shutdown(cancel_futures=True)

    def _measured(self, rows: NDArray[np.int64]) -> _Found:
        problem, targets = self.problem, self.targets[rows]
        system = kernels.KernelSystem(problem.vectors[rows], self.plan.precision, problem.device)
        inverse = system.inverse(self.ridge)
        solution, diagonal = inverse.solve(targets)
        return self.measure(Solution(solution, diagonal, targets, rows)), inverse.forced


def bagged(problem: Problem, plan: KernelPlan, ridge: float, measure: Measure) -> Evaluation:
    """Return the quantities averaged over `plan.partitions` random partitions."""
    m, count = len(problem.vectors), plan.partitions
    blocks, sums = _Blocks(problem, plan, ridge, measure), _Sums(m)
    for number in range(count):
        stage = f"partition {number + 1} of {count}"
        ends = (number / (count + SIZE_ROUND), (number + 1) / (count + SIZE_ROUND))
        for rows, quantities in blocks.partition(
            number, plan.block, part(problem.progress, *ends), stage
        ):
            sums.add(rows, quantities)
    means = {name: total / count for name, total in sums.totals.items()}
    variance = (sums.squares / count - means[PRIMARY] ** 2).clip(0) * count / (count - 1)
    systems, forced = blocks.systems, blocks.forced
    effect = _size_effect(blocks, means[PRIMARY])
    words = [
        f"{plan.words().capitalize()}: values are estimates at {round(m * count / systems):,} "
        f"samples, not at {m:,}. From blocks of {effect['half_block']:,} to {plan.block:,} the "
        f"median value changed by {effect['median_change']:.3g}, and the two rankings agree with "
        f"Spearman {effect['spearman']:.2f}.",
    ]
    warned = [f"The ridge was raised in {forced:,} of {systems:,} systems."] if forced else []
    half_width = _student((1 + CONFIDENCE) / 2, count - 1)
    record = {
        "plan": plan.words(),
        "precision": plan.precision,
        "ridge": ridge,
        "block": plan.block,
        "clamped": [] if plan.clamp is None else [asdict(plan.clamp)],
        "partitions": count,
        "systems": systems,
        "systems_with_forced_ridge": forced,
        "half_width_std_errors": half_width,
        "size_effect": effect,
        "seconds": {},
    }
    return Evaluation(means, words, warned, record, np.sqrt(variance / count), half_width)


def _student(probability: float, freedom: int) -> float:
    from scipy.special import stdtrit  # here, since listing the methods loads no scipy

    return float(stdtrit(freedom, probability))


def _size_effect(blocks: _Blocks, at_block: NDArray[np.float64]) -> dict[str, float]:
    """Return how the value moves from blocks of half the size to blocks of the size."""
    plan, half = blocks.plan, max(blocks.plan.block // 2, 2)
    smaller = np.zeros_like(at_block)
    progress = part(blocks.problem.progress, plan.partitions / (plan.partitions + SIZE_ROUND), 1.0)
    # A partition number that no other uses, so that its random blocks are its own.
    for rows, quantities in blocks.partition(plan.partitions, half, progress, "size effect"):
        smaller[rows] = quantities[PRIMARY]
    agreement = rank_correlation(at_block, smaller)
    return {
        "half_block": half,
        "median_change": float(np.median(at_block - smaller)),
        "spearman": agreement,
    }
