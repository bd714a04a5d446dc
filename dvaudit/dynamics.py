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
from dvaudit.store import Workspace

EVERY_SECONDS = 1.0  # between two looks of the app at a running method
ALL = "All"  # the line of all classes together
PHASES = "phases"
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
    """Return what a running audit's methods have told of their training so far.

    Columns: valuator, training (0 for its first, where it makes several), point, label (ALL for
    all), value (mean so far), loss. None before the first word.
    """
    return ws.live(run_id)


def live_watch(ws: Workspace, run_id: str, data: Dataset) -> Watch:
    """Return the watch that keeps class means of the values while methods of an audit train."""
    codes, names = _classes(data)
    rows: list[dict[str, Any]] = []
    last = 0.0
    trainings: dict[str, tuple[int, float]] = {}  # number and last point by valuator

    def told(name: str, point: float, values: NDArray[np.float32], known: dict[str, Any]) -> None:
        nonlocal last
        training, before = trainings.get(name, (0, -1.0))
        training += point <= before
        trainings[name] = (training, point)
        loss = next((known[key] for key in ("loss", "trusted_loss") if key in known), float("nan"))
        for label, mean, _ in _means(values.astype(np.float64), codes, names):
            place = {"valuator": name, "training": training, "point": point}
            rows.append({**place, "label": label, "value": mean, "loss": loss})
        if time.monotonic() - last > EVERY_SECONDS:
            ws.write_live(run_id, pd.DataFrame(rows))
            last = time.monotonic()

    return told


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
