"""Use cases of values over training: kept with an audit, and followed while it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import NotFoundError
from dvaudit.core.result import ValuationResult
from dvaudit.core.trace import Trace, Watch
from dvaudit.findings import early_detection, so_far
from dvaudit.pipeline import PLANE, Audit
from dvaudit.store import LiveFolder, LiveValues, Workspace

EVERY_SECONDS = 1.0  # between two looks of the app at a running method
ALL = "All"  # the line of all classes together
PHASES = "phases"
MOST_POINTS, FEWEST_POINTS = 64, 8  # of a training that are kept while it goes on
MOST_LIVE = 2**26  # bytes of the values kept of it, in files: 16 points of a million samples
MOST_SCORES = 20_000_000  # class scores of all samples that are kept with an audit, 80 MB


@dataclass(frozen=True, eq=False)
class StoredTrace:
    """Values over the training of one method of an audit.

    Attributes:
        points: (S,) when, in `unit`s ("step" or "epoch").
        values: (n, S) float32 in dataset order, mapped to memory: value gained between two points
            where `additive`, else the value at the point; NaN where not valued.
        classes: one row for each point and class: point, label (ALL for all), mean value so far,
            samples.
        early: one row for each point, see findings.early_detection.
    """

    points: NDArray[np.float64]
    values: NDArray[np.float32]
    unit: str
    additive: bool
    classes: pd.DataFrame
    early: pd.DataFrame


def store_audit(ws: Workspace, run_id: str, done: Audit) -> None:
    """Keep what an audit found, and the values over training of methods that have them."""
    found = done.findings
    near = found.neighbours
    tables, arrays, traces = _kept(done.results)
    ws.save_findings(
        run_id,
        samples=found.samples,
        tables={
            "classes": found.classes,
            "duplicates": found.duplicates,
            "confusions": found.confusions,
            **tables,
        },
        summary={**done.summary(), "traces": traces},
        neighbours={
            "all_index": near.all_index,
            "all_distance": near.all_distance,
            "same_index": near.same_index,
            "same_distance": near.same_distance,
            "other_index": near.other_index,
            "other_distance": near.other_distance,
        },
        arrays=arrays if done.plane is None else {**arrays, PLANE: done.plane},
    )
    for name in done.results:
        ws.live_values(run_id, name).clear()  # the traces hold more


def traced(ws: Workspace, run_id: str) -> list[str]:
    """Return the methods of an audit that followed a training."""
    return list(ws.run_summary(run_id).get("traces", {}))


def trace_of(ws: Workspace, run_id: str, name: str) -> StoredTrace:
    """Return the values over the training of a method.

    Raises:
        NotFoundError: the method was not run, or follows no training.
    """
    kept = ws.run_summary(run_id).get("traces", {})
    if name not in kept:
        raise NotFoundError(
            f"Run {run_id} has no values over training by {name!r}; it has those of: "
            f"{', '.join(kept) or 'no method'}."
        )
    early = ws.run_table(run_id, f"early-{name}")
    return StoredTrace(
        early["point"].to_numpy(dtype=np.float64),
        ws.run_array(run_id, f"trace-{name}"),
        str(kept[name]["unit"]),
        bool(kept[name]["additive"]),
        ws.run_table(run_id, f"classes-{name}"),
        early,
    )


def phases_of(ws: Workspace, run_id: str) -> pd.DataFrame | None:
    """Return dvemb's influence by epoch over the learning rate; None where it was not run."""
    try:
        return ws.run_table(run_id, f"dvemb-{PHASES}")
    except NotFoundError:
        return None


def followed(ws: Workspace, run_id: str) -> pd.DataFrame | None:
    """Return what a running audit's methods have told of their newest training so far.

    Columns: valuator, training (0 for its first, where it makes several), point, label (ALL for
    all), value (mean so far), loss. The method that spoke last comes last. None before the first
    word.
    """
    return ws.live(run_id)


def told_values(ws: Workspace, run_id: str, name: str) -> LiveValues | None:
    """Return what a running method has told of every sample so far; None before its first word."""
    return ws.live_values(run_id, name).read()


def live_watch(ws: Workspace, run_id: str, data: Dataset) -> Watch:
    """Return the watch that keeps what methods of an audit tell while they train.

    Of each method's newest training it keeps evenly spaced points, at most MOST_POINTS and the
    newest: the class means in the table of `followed`, the samples' values in files of
    `told_values`. What an earlier attempt told is forgotten.
    """
    codes, names = _classes(data)
    kept: dict[str, _Told] = {}
    last = 0.0
    ws.clear_live(run_id)

    def told(name: str, point: float, values: NDArray[np.float32], known: dict[str, Any]) -> None:
        nonlocal last
        of = kept.pop(name, None) or _Told(ws.live_values(run_id, name), _most_points(len(data)))
        kept[name] = of  # the last to speak comes last
        if not of.takes(point):
            return
        loss = next((known[key] for key in ("loss", "trusted_loss") if key in known), float("nan"))
        means = _means(values.astype(np.float64), codes, names)
        of.add(point, values, [(label, mean, loss) for label, mean, _ in means])
        if time.monotonic() - last > EVERY_SECONDS:
            rows = [(name, *row) for name, one in kept.items() for row in one.rows()]
            columns = ["valuator", "training", "point", "label", "value", "loss"]
            ws.write_live(run_id, pd.DataFrame(rows, columns=columns))
            last = time.monotonic()

    return told


def _most_points(samples: int) -> int:
    """Return how many points of a training are kept while it goes on."""
    return min(MOST_POINTS, max(FEWEST_POINTS, MOST_LIVE // (4 * max(samples, 1))))


Row = tuple[str, float, float]  # label, mean value, loss


class _Told:
    """Keeps evenly spaced points of a method's newest training, and its newest one.

    Every point is kept until there are too many, then every second, every fourth and so on.
    """

    def __init__(self, folder: LiveFolder, most: int) -> None:
        self._folder, self._most = folder, most
        self._training, self._number, self._every = 0, -1, 1
        self._last, self._taken = -1.0, 0.0
        self._before: list[tuple[int, float]] = []  # points of the training before this one
        self._kept: dict[int, tuple[float, list[Row]]] = {}  # by the number of the point

    def takes(self, point: float) -> bool:
        """Return whether this point is to be added; a point before the last begins a training."""
        begins = point <= self._last
        self._last = point
        if begins:
            self._before = [(self._training, point) for point, _ in self._kept.values()]
            self._training, self._number, self._every = self._training + 1, -1, 1
            self._kept = {}
        self._number += 1
        late = time.monotonic() - self._taken > EVERY_SECONDS
        return self._number % self._every == 0 or late

    def add(self, point: float, values: NDArray[np.float32], rows: list[Row]) -> None:
        """Keep a point that `takes` approved, in place of one that is not to stay."""
        between = [number for number in self._kept if number % self._every]
        self._kept[self._number] = (point, rows)
        self._folder.add(self._training, point, values)
        while self._before:
            self._folder.drop(*self._before.pop())
        self._taken = time.monotonic()
        if len(self._kept) - len(between) > self._most:
            self._every *= 2
            between = [number for number in self._kept if number % self._every]
        self._forget([number for number in between if number != self._number])

    def rows(self) -> list[tuple[int, float, str, float, float]]:
        """Return training, point, label, mean and loss of all that is kept."""
        return [
            (self._training, point, *row) for point, rows in self._kept.values() for row in rows
        ]

    def _forget(self, numbers: list[int]) -> None:
        for number in numbers:
            point, _ = self._kept.pop(number)
            self._folder.drop(self._training, point)


def _kept(
    results: Mapping[str, ValuationResult],
) -> tuple[dict[str, pd.DataFrame], dict[str, NDArray[Any]], dict[str, Any]]:
    """Return tables, arrays and descriptions of what methods know beyond a value a sample."""
    tables: dict[str, pd.DataFrame] = {}
    arrays: dict[str, NDArray[Any]] = {}
    traces: dict[str, Any] = {}
    for name, result in results.items():
        tables.update({f"{name}-{key}": table for key, table in result.tables.items()})
        arrays.update({f"{name}-{key}": array for key, array in result.arrays.items()})
        scores = result.class_scores
        if scores is not None and scores.size <= MOST_SCORES:
            arrays[f"{name}-class_scores"] = scores.astype(np.float32)
        if result.trace is None:
            continue
        traces[name] = {"unit": result.trace.unit, "additive": result.trace.additive}
        arrays[f"trace-{name}"] = np.ascontiguousarray(result.trace.values.T)
        tables[f"early-{name}"] = early_detection(result.trace)
        tables[f"classes-{name}"] = _class_means(result.trace, result.given_labels)
    return tables, arrays, traces


def _class_means(trace: Trace, labels: NDArray[np.object_]) -> pd.DataFrame:
    present = pd.Series(labels, dtype=object)
    codes, found = pd.factorize(present, sort=True)
    names = tuple(map(str, found))
    if len(names) > len(labels) // 2:  # numbers, not classes
        codes, names = np.zeros(len(labels), dtype=np.int64), ()
    rows = [
        {"point": float(point), "label": label, "value": mean, "samples": samples}
        for point, values in zip(trace.points, so_far(trace), strict=True)
        for label, mean, samples in _means(values, codes, names)
    ]
    return pd.DataFrame(rows)


def _classes(data: Dataset) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if data.task is not Task.CLASSIFICATION or data.labels is None:
        return np.zeros(len(data), dtype=np.int64), ()
    return data.labels.astype(np.int64), data.class_names


def _means(
    values: NDArray[np.float64], codes: NDArray[np.int64], names: tuple[str, ...]
) -> list[tuple[str, float, int]]:
    """Return (label, mean, samples) of all and of each class with a finite value."""
    known = np.isfinite(values)
    if not known.any():
        return []
    found = [(ALL, float(values[known].mean()), int(known.sum()))]
    inside = known & (codes >= 0)
    counts = np.bincount(codes[inside], minlength=len(names))
    sums = np.bincount(codes[inside], values[inside], minlength=len(names))
    found += [
        (name, float(sums[code] / counts[code]), int(counts[code]))
        for code, name in enumerate(names)
        if counts[code]
    ]
    return found
