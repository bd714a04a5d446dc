"""Drawing negatives for each class and scoring its positives against them (appendix A.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvaudit import kernels
from dvaudit.core.progress import Progress, silent
from dvaudit.valuators.base import Problem
from dvaudit.valuators.cg_score import complexity_gap, corrected_partial, gap_terms

SMALL = 2000  # rows of a system that one core solves; larger ones get all cores, one at a time


@dataclass(frozen=True, eq=False)
class SubsetScores:
    """The scores of one class's p positives in one run, and how the system was solved.

    Attributes:
        gap, partial: (p,) CG(i) and the partial score.
        corrected: (p,) the partial score less its even-odds point at the subset's class ratio.
        record: ridge, forced, duplicate_rows, zero_rows, precision.
    """

    gap: NDArray[np.float64]
    partial: NDArray[np.float64]
    corrected: NDArray[np.float64]
    record: dict[str, Any]


def subset_scores(
    vectors: NDArray[np.floating],
    positives: NDArray[np.int64],
    negatives: NDArray[np.int64],
    *,
    ridge: float = 0.0,
    precision: str = "auto",
    device: str = "cpu",
    progress: Progress = silent,
) -> SubsetScores:
    """Return the scores of `positives` (+1) against the drawn `negatives` (-1), in closed form.

    Args:
        vectors: (m, d); `positives` and `negatives` are row numbers into it, at least one
            positive.
    """
    rows = np.concatenate([positives, negatives])
    signs = np.where(np.arange(len(rows)) < len(positives), 1.0, -1.0)
    system = kernels.KernelSystem(vectors[rows], precision, device)
    inverse = system.inverse(ridge, progress)
    solutions, diagonal = inverse.solve(signs[:, None])
    own = slice(0, len(positives))
    solution, diagonal = solutions[own, 0], diagonal[own]
    partial = gap_terms(solution, diagonal, signs[own]).partial
    share = np.full(len(positives), len(positives) / len(rows))
    record = {
        "ridge": inverse.ridge,
        "forced": inverse.forced,
        "duplicate_rows": inverse.gram.duplicate_rows,
        "zero_rows": inverse.gram.zero_rows,
        "precision": system.precision,
    }
    gap, corrected = complexity_gap(solution, diagonal), corrected_partial(partial, diagonal, share)
    return SubsetScores(gap, partial, corrected, record)


def negatives_drawn(positives: int, others: int, ratio: float) -> int:
    """Return int(positives x ratio), at least 1, at most `others` (appendix A.2)."""
    return min(others, max(1, int(positives * ratio)))


def draw(
    others: NDArray[np.int64], size: int, seed: int, label: int, run: int
) -> NDArray[np.int64]:
    """Return `size` of `others` without replacement, in their order.

    The draw depends on (seed, class, run) alone, so runs may be done in any order, anywhere.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(label, run)))
    return others[np.sort(rng.choice(len(others), size, replace=False))]


def content_order(vectors: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return row numbers ordered by content, so that a shuffled dataset gets the same draws."""
    keys = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in vectors]
    return np.argsort(np.array(keys, dtype="S16"), kind="stable")


@dataclass(frozen=True, eq=False)
class ClassRun:
    """One class in one run: row numbers of its positives and drawn negatives, and the scores."""

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    scores: SubsetScores


class ClassDraws:
    """The systems of every (class, run) of a problem; a context that owns its worker threads.

    Attributes:
        counts, drawn: (k,) samples of each class, and negatives drawn for it in a run.
        partly: the classes that do not meet all others at once.
    """

    def __init__(self, problem: Problem, ratio: float, ridge: float, precision: str) -> None:
        self.problem, self.ridge, self.precision = problem, ridge, precision
        self.order = content_order(problem.vectors)
        self.codes = problem.labels.astype(np.int64)
        self.counts = np.bincount(self.codes)
        others = len(self.codes) - self.counts
        self.drawn = np.array(
            [
                negatives_drawn(own, rest, ratio)
                for own, rest in zip(self.counts.tolist(), others.tolist(), strict=True)
            ]
        )
        self.partly: list[int] = np.flatnonzero(self.drawn < others).tolist()
        self._workers: ThreadPoolExecutor | None = None

    def __enter__(self) -> ClassDraws:
        if self.problem.device == "cpu":
            import torch  # here, since listing the methods loads no torch

            from dvaudit.linalg.threads import serial_workers

            self._workers = serial_workers(min(torch.get_num_threads(), len(self.counts)))
        return self

    def __exit__(self, *_: object) -> None:
        if self._workers is not None:
            self._workers.shutdown(cancel_futures=True)

    def run(self, number: int, labels: list[int]) -> Iterator[ClassRun]:
        """Yield run `number` of each class of `labels`: the large ones first."""
        small = [label for label in labels if self.counts[label] + self.drawn[label] <= SMALL]
        if self._workers is None:
            small = []
        for label in set(labels).difference(small):
            yield self._solve(label, number)
        if self._workers is not None:
            yield from self._workers.map(lambda label: self._solve(label, number), small)

    def met(self, runs: int) -> float:
        """Return the share of the data that each class has met after `runs`, expected, at least."""
        others = len(self.codes) - self.counts
        missed = others * (1 - self.drawn / np.maximum(others, 1)) ** runs
        return float(1 - missed.max() / len(self.codes))

    def _solve(self, label: int, number: int) -> ClassRun:
        own = self.codes[self.order] == label
        positives, others = self.order[own], self.order[~own]
        negatives = draw(others, int(self.drawn[label]), self.problem.seed, label, number)
        found = subset_scores(
            self.problem.vectors,
            positives,
            negatives,
            ridge=self.ridge,
            precision=self.precision,
            device=self.problem.device,
        )
        return ClassRun(positives, negatives, found)
