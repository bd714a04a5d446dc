"""What methods that value contributors get: samples by contributor, and a trusted set."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.progress import Progress, silent
from dvaudit.core.result import ValuationResult
from dvaudit.valuators.base import Level, Method
from dvaudit.valuators.magnitudes import require_finite, require_moderate, single
from dvaudit.valuators.shared import Shared
from dvaudit.valuators.trusted import Split, given_split, held_out

LEAST = 2  # samples on either side: a distance between sets needs two of each
UNNAMED = "(missing)"  # as readers call it


@dataclass(frozen=True, eq=False)
class ContributorProblem:
    """m labelled samples of K contributors, and v trusted samples, in one feature space.

    Attributes:
        inputs: (m, d) vectors, or (m, channels, height, width) pictures in [0, 1]; float32.
        labels: (m,) int64 class codes, or float64 targets.
        outputs: classes, or 1 for regression.
        codes: (m,) contributor of each sample.
        names: the K contributors.
        ids: of the m samples.
        trusted_inputs, trusted_labels: (v, ...) and (v,), in the same code.
    """

    task: Task
    inputs: NDArray[np.float32]
    labels: NDArray[Any]
    outputs: int
    codes: NDArray[np.int64]
    names: tuple[str, ...]
    ids: tuple[str, ...]
    trusted_inputs: NDArray[np.float32]
    trusted_labels: NDArray[Any]
    seed: int
    device: str
    progress: Progress

    @property
    def counts(self) -> NDArray[np.int64]:
        """(K,) samples of each contributor."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class ContributorScores:
    """What a method returns for the K contributors of a problem."""

    values: NDArray[np.float64]
    std_errors: NDArray[np.float64] | None
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    status: str = ""
    warnings: tuple[str, ...] = ()
    stats: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


class ContributorValuator(Method):
    """A method that gives every contributor a value; higher = more useful.

    Its Settings have `holdout`: the share of the samples, drawn at random and stratified by
    class, that stands in for a trusted set where none is given.
    """

    level = Level.CONTRIBUTOR
    needs = frozenset({"groups", "trusted"})
    detects_mislabels = False

    @abstractmethod
    def estimate_among(
        self,
        contributors: int | None,
        samples: int,
        dimensions: int,
        classes: int,
        machine: Machine,
    ) -> Cost:
        """Return the cost of `value` among so many contributors; of None, the most it may be."""

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        """Return the most that `value` may cost, among any number of contributors."""
        return self.estimate_among(None, samples, dimensions, classes, machine)

    @abstractmethod
    def _value(self, problem: ContributorProblem) -> ContributorScores:
        """Return the scores of the problem's K contributors."""

    def value(
        self,
        data: Dataset,
        *,
        trusted: Dataset | None = None,
        seed: int = 0,
        device: str = "cpu",
        progress: Progress = silent,
        shared: Shared | None = None,
    ) -> ValuationResult:
        """Value every contributor of `data`; samples without a label take no part."""
        self._check(data, seed)
        if data.groups is None:
            raise UnsuitableDataError(
                f"{self.name} values contributors, and {data.name} names none; choose the column "
                "that says who contributed each sample (--group)."
            )
        start = time.perf_counter()
        split = given_split(data, trusted) or held_out(data, self.settings.holdout, seed)
        _require_enough(split)
        problem = _problem(split, shared or Shared(), seed, device, progress)
        scores = self._value(problem)
        require_finite(scores.values, problem.names, self.name)
        stats = {
            **scores.stats,
            "settings": asdict(self.settings),
            "device": device,
            "scored": len(problem.inputs),
            "trusted": split.words,
            "trusted_samples": len(problem.trusted_inputs),
            "unlabelled": int((~data.labelled).sum()),
            "seconds_total": round(time.perf_counter() - start, 3),
        }
        columns = {"samples": problem.counts.astype(np.float64), **scores.columns}
        return ValuationResult(
            valuator=self.name,
            ids=problem.names,
            given_labels=np.full(len(problem.names), None, dtype=object),
            values=scores.values,
            std_errors=scores.std_errors,
            columns=columns,
            status=f"Measured against {split.words}. {scores.status}",
            warnings=scores.warnings,
            stats=stats,
            tables=scores.tables,
            detects_mislabels=False,
        )


def _require_enough(split: Split) -> None:
    given, chosen = split.valued[0], split.trusted[0]
    if len(given) < LEAST or len(chosen) < LEAST:
        raise UnsuitableDataError(
            f"Contributors are compared on at least {LEAST} labelled samples, towards at least "
            f"{LEAST} trusted ones; there are {len(given):,} and {len(chosen):,}. Mark fewer "
            "samples as trusted, or give more data or a trusted set of its own."
        )


def _problem(
    split: Split, shared: Shared, seed: int, device: str, progress: Progress
) -> ContributorProblem:
    data, (rows,), (chosen,) = split.data, split.valued, split.trusted
    assert data.labels is not None
    assert data.groups is not None
    if data.kind is Kind.IMAGE and shared.extractor is None:
        inputs = shared.pictures(data, progress)
    else:
        matrix = shared.features(data, seed=seed, device=device, progress=progress).matrix
        inputs = single(matrix, data.ids)
    labels: NDArray[Any] = data.labels
    outputs = 1
    if data.task is Task.CLASSIFICATION:
        labels, outputs = labels.astype(np.int64), len(data.class_names)
    else:
        known = np.concatenate([rows, chosen])
        require_moderate(labels[known], [data.ids[row] for row in known])
    named = [UNNAMED if name is None else str(name) for name in data.groups[rows]]
    names, codes = np.unique(np.array(named, dtype=object).astype(str), return_inverse=True)
    return ContributorProblem(
        task=data.task,
        inputs=inputs[rows],
        labels=labels[rows],
        outputs=outputs,
        codes=codes.astype(np.int64),
        names=tuple(str(name) for name in names),
        ids=tuple(data.ids[row] for row in rows),
        trusted_inputs=inputs[chosen],
        trusted_labels=labels[chosen],
        seed=seed,
        device=device,
        progress=progress,
    )
