"""The interface every valuator fills, and the checks made for all of them.

A new method is one file: a final class with its texts, a frozen Settings dataclass, `estimate`
and `_value`, decorated with `registry.register` and imported in the package's `__init__`.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Task
from dvaudit.core.errors import MissingDependencyError, UnsuitableDataError
from dvaudit.core.machine import Cost, Machine
from dvaudit.core.progress import Progress, silent
from dvaudit.core.result import ValuationResult
from dvaudit.core.settings import check_seed, parse
from dvaudit.core.trace import Trace
from dvaudit.valuators.magnitudes import require_finite, require_moderate
from dvaudit.valuators.shared import Shared


@dataclass(frozen=True, eq=False)
class Problem:
    """What a method sees: only samples with a known label, m of them, as vectors.

    Attributes:
        vectors: (m, d).
        labels: (m,) int64 class codes, or float64 targets.
        class_names: the classes that `labels` index; each has at least one sample.
    """

    task: Task
    vectors: NDArray[np.floating]
    labels: NDArray[np.int64] | NDArray[np.float64]
    class_names: tuple[str, ...]
    seed: int
    device: str
    progress: Progress
    shared: Shared


@dataclass(frozen=True, eq=False)
class Scores:
    """What a method returns for the m samples of a Problem; see ValuationResult for the fields.

    `status` says what was done, `warnings` what a person must know before trusting the values.
    `suggested` holds class codes (-1 for none) or float targets (NaN for none). `arrays` have a
    row for each of the m samples, several numbers long; `other_arrays` are of something else and
    are kept as they are.
    """

    values: NDArray[np.float64]
    flagged: NDArray[np.bool_] | None = None
    suggested: NDArray[np.int64] | NDArray[np.float64] | None = None
    margins: NDArray[np.float64] | None = None
    std_errors: NDArray[np.float64] | None = None
    class_scores: NDArray[np.float64] | None = None
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    status: str = ""
    warnings: tuple[str, ...] = ()
    stats: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    trace: Trace | None = None
    arrays: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    other_arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Level(StrEnum):
    """What a method gives a value to."""

    SAMPLE = "sample"
    CONTRIBUTOR = "contributor"


class Method(ABC):
    """What every method says of itself, and how it is asked for values.

    Attributes:
        summary: what it measures.
        use: when to choose it, and when not to.
        draws: what the seed decides; empty where the same data gives the same values with any.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    use: ClassVar[str]
    draws: ClassVar[str] = ""
    reference: ClassVar[str]
    tasks: ClassVar[frozenset[Task]]
    level: ClassVar[Level]
    needs: ClassVar[frozenset[str]] = frozenset()
    detects_mislabels: ClassVar[bool]
    measures_hardness: ClassVar[bool] = False  # clean data is pruned highest value first
    order_free: ClassVar[bool] = True  # values do not depend on the order of the samples
    baseline: ClassVar[bool] = False  # there to be compared with
    requires: ClassVar[str | None] = None  # a package that is no dependency of dvaudit
    Settings: ClassVar[type]

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings: Any = parse(self.Settings, settings or {}, self.name)

    @abstractmethod
    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        """Return the cost of `value` on data of this size, vectors given."""

    @abstractmethod
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
        """Return the values of the samples or contributors of `data`.

        Args:
            trusted: samples whose labels are known to be right, for methods that need them.

        Raises:
            UnsuitableDataError: the task is not one of `tasks`, no sample has a label,
                something of `needs` is missing, or numbers are too large.
            SettingsError: a seed out of range.
            NumericalError: values that are not finite.
        """

    def check(self, kind: Kind, task: Task) -> None:
        """Refuse what can be told before any work, from the settings and the form of the data.

        Raises:
            MissingDependencyError: a package that the method needs is not installed.
            UnsuitableDataError: the task is not one of `tasks`, or the settings ask for samples
                of another kind.
            SettingsError: settings that contradict each other.
        """
        if self.requires is not None and find_spec(self.requires) is None:
            raise MissingDependencyError(
                f"{self.name} needs the package {self.requires}, which is not installed; install "
                f"it with: pip install 'dvaudit[{self.requires}]'"
            )
        if task not in self.tasks:
            raise UnsuitableDataError(
                f"{self.name} works on {' and '.join(sorted(self.tasks))}; this dataset is for "
                f"{task}. Choose another method, or set the label column and the task."
            )

    def _check(self, data: Dataset, seed: int) -> None:
        check_seed(seed)
        self.check(data.kind, data.task)
        if data.task is not Task.UNSUPERVISED and not data.labelled.any():
            raise UnsuitableDataError(
                f"None of the {len(data):,} samples has a label; choose the label column."
            )


class Valuator(Method):
    """A method that gives every labelled sample a value; higher = more useful."""

    level = Level.SAMPLE

    @abstractmethod
    def _value(self, problem: Problem) -> Scores:
        """Return the scores of the problem's m samples."""

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
        """Value every labelled sample of `data`; samples without a label get NaN.

        Raises:
            UnsuitableDataError: the task is not one of `tasks`, no sample has a label, or
                targets are too large.
            SettingsError: a seed out of range.
            NumericalError: values that are not finite.
        """
        self._check(data, seed)
        shared = shared or Shared()
        start = time.perf_counter()
        features = shared.features(data, seed=seed, device=device, progress=progress)
        rows = np.flatnonzero(data.labelled)
        labels, class_names = compact_labels(data, rows)
        problem = Problem(
            data.task,
            features.matrix if len(rows) == len(data) else features.matrix[rows],
            labels,
            class_names,
            seed,
            device,
            progress,
            shared,
        )
        scores = self._value(problem)
        stats = {
            **scores.stats,
            "settings": asdict(self.settings),
            "extractor": features.extractor,
            "device": device,
            "scored": len(rows),
            "unlabelled": len(data) - len(rows),
            "seconds_total": round(time.perf_counter() - start, 3),
        }
        return expand(self, data, rows, class_names, scores, stats)


def compact_labels(
    data: Dataset, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64] | NDArray[np.float64], tuple[str, ...]]:
    """Return the labels of `rows`, codes renumbered over the classes that occur in them.

    Raises:
        UnsuitableDataError: regression targets beyond magnitudes.LARGEST.
    """
    assert data.labels is not None
    if data.task is not Task.CLASSIFICATION:
        targets = data.labels[rows].astype(np.float64)
        require_moderate(targets, [data.ids[row] for row in rows])
        return targets, ()
    present, codes = np.unique(data.labels[rows].astype(np.int64), return_inverse=True)
    return codes.astype(np.int64), tuple(data.class_names[code] for code in present)


def one_class(class_names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the warning of data of a single class; nothing for regression and for more."""
    if len(class_names) != 1:
        return ()
    return ("Only one class occurs, so there is nothing to tell apart.",)


def expand(
    method: Method,
    data: Dataset,
    rows: NDArray[np.int64],
    class_names: tuple[str, ...],
    scores: Scores,
    stats: Mapping[str, Any],
) -> ValuationResult:
    """Return the scores of `rows` as a result for all samples, NaN or None elsewhere.

    Raises:
        NumericalError: a value that is not finite.
    """
    require_finite(scores.values, [data.ids[row] for row in rows], method.name)

    def spread(part: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = np.full((len(data), *part.shape[1:]), np.nan)
        whole[rows] = part
        return whole

    def spread_array(part: NDArray[np.floating]) -> NDArray[np.floating]:
        if np.array_equal(rows, np.arange(len(data))):
            return part
        whole = np.full((len(data), *part.shape[1:]), np.nan, dtype=part.dtype)
        whole[rows] = part
        return whole

    flagged = None
    if scores.flagged is not None:
        flagged = np.zeros(len(data), dtype=bool)
        flagged[rows] = scores.flagged
    suggested = None
    if scores.suggested is not None:
        suggested = np.full(len(data), None, dtype=object)
        suggested[rows] = _label_text(scores.suggested, class_names)
    return ValuationResult(
        valuator=method.name,
        ids=data.ids,
        given_labels=data.label_text(),
        values=spread(scores.values),
        flagged=flagged,
        suggested_labels=suggested,
        margins=None if scores.margins is None else spread(scores.margins),
        std_errors=None if scores.std_errors is None else spread(scores.std_errors),
        class_scores=None if scores.class_scores is None else spread(scores.class_scores),
        scored_classes=class_names,
        columns={key: spread(column) for key, column in scores.columns.items()},
        status=scores.status,
        warnings=(*one_class(class_names), *scores.warnings),
        stats=stats,
        tables=scores.tables,
        detects_mislabels=method.detects_mislabels,
        trace=None if scores.trace is None else scores.trace.spread(rows, len(data)),
        arrays={
            **{name: spread_array(array) for name, array in scores.arrays.items()},
            **scores.other_arrays,
        },
    )


def _label_text(
    suggested: NDArray[np.int64] | NDArray[np.float64], class_names: tuple[str, ...]
) -> list[str | None]:
    if class_names:
        return [class_names[int(code)] if code >= 0 else None for code in suggested]
    return [f"{target:.6g}" if np.isfinite(target) else None for target in suggested]
