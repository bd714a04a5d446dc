"""Values over training stored with an audit without having run one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dvaudit.core.trace import Trace
from dvaudit.dynamics import ALL
from dvaudit.findings import early_detection
from dvaudit.store import RunKind, RunStatus, Workspace

POINTS = 6
_PARTS = ("early", "classes")


def made_up_trace(n: int, *, additive: bool = False, unit: str = "epoch", seed: int = 0) -> Trace:
    """The first three samples fall, the others rise; the very last is never valued."""
    rng = np.random.default_rng(seed)
    slope = np.where(np.arange(n) < 3, -1.0, 1.0) * rng.uniform(0.5, 1.5, n)
    points = np.arange(1, POINTS + 1, dtype=np.float64)
    values = points[:, None] * slope + rng.normal(0, 0.1, (POINTS, n))
    values[:, -1] = np.nan
    return Trace(points, values.astype(np.float32), unit, additive, 2 / points)


def values_so_far(trace: Trace) -> np.ndarray:
    """Sums or means until each point, one sample and point at a time."""
    found = np.full(trace.values.shape, np.nan)
    for at in range(len(trace.points)):
        for row in range(trace.values.shape[1]):
            until = [float(x) for x in trace.values[: at + 1, row] if np.isfinite(x)]
            if until:
                found[at, row] = sum(until) / (1 if trace.additive else len(until))
    return found


def class_means(trace: Trace, labels: list[str] | None) -> pd.DataFrame:
    """Point, label, value, samples of all and of each class."""
    rows = []
    for point, values in zip(trace.points, values_so_far(trace), strict=True):
        groups = {ALL: np.ones(len(values), dtype=bool)}
        if labels is not None:
            groups |= {name: np.array([x == name for x in labels]) for name in sorted(set(labels))}
        for name, inside in groups.items():
            known = values[inside & np.isfinite(values)]
            if len(known):
                rows.append((float(point), name, float(known.mean()), len(known)))
    return pd.DataFrame(rows, columns=["point", "label", "value", "samples"])


def add_trace(
    ws: Workspace, run: str, method: str = "aum", *, classes: bool = True, **made: Any
) -> Trace:
    """Let a stored audit have followed a training by `method`; return what it told."""
    samples = ws.run_samples(run)
    trace = made_up_trace(len(samples), **made)
    samples[f"{method}.value"] = values_so_far(trace)[-1]
    labels = samples["given_label"].astype(str).tolist() if classes else None
    summary = ws.run_summary(run)
    held = summary.setdefault("traces", {})
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    arrays = {}
    for name in held:
        tables |= {f"{part}-{name}": ws.run_table(run, f"{part}-{name}") for part in _PARTS}
        arrays[f"trace-{name}"] = np.array(ws.run_array(run, f"trace-{name}"))
    held[method] = {"unit": trace.unit, "additive": trace.additive}
    tables |= {
        f"early-{method}": early_detection(trace),
        f"classes-{method}": class_means(trace, labels),
    }
    if method == "dvemb":
        tables["dvemb-phases"] = made_up_phases()
    arrays[f"trace-{method}"] = np.ascontiguousarray(trace.values.T)
    near = [ws.run_neighbours(run, at) for at in range(len(samples))]
    neighbours = {name: np.array([row[name] for row in near]) for name in near[0]}
    ws.save_findings(run, samples, tables, summary, neighbours, arrays)
    return trace


def made_up_phases(
    magnitude: tuple[float, ...] = (0.1, 0.2, 0.2, 0.4, 0.8, 1.6), halves: bool = False
) -> pd.DataFrame:
    """What dvemb tells of its epochs; twice over where there are two halves."""
    epochs = len(magnitude)
    one = pd.DataFrame(
        {
            "epoch": np.arange(1, epochs + 1),
            "magnitude": magnitude,
            "influence": np.linspace(1, 2, epochs),
            "adjoint_norm": np.linspace(0.5, 0.25, epochs),
            "training_loss": np.linspace(2, 0.4, epochs),
        }
    )
    if not halves:
        return one
    return pd.concat([one.assign(part=0), one.assign(part=1)], ignore_index=True)


def add_audit_at_work(ws: Workspace, dataset: str, status: RunStatus, *methods: str) -> str:
    """Store an audit with these methods that is running, or stopped on its way; return its id."""
    params = {"valuators": list(methods), "settings": {}, "extractor": None, "seed": 0}
    run = ws.add_run(dataset, RunKind.AUDIT, {"function": "none:none", **params})
    if status is RunStatus.QUEUED:
        return run
    assert ws.queue.claim_one(run)
    begun = ws.queue.begin(run, pid=None)
    assert begun is not None
    ws.queue.report(run, 0.4, "dvgs: training 1 of 3", 130.0)
    if status is not RunStatus.RUNNING:
        assert ws.queue.finish(run, begun.attempt, status, "made up")
    return run


def tell_samples(
    ws: Workspace, run: str, method: str, points: Sequence[float], training: int = 0
) -> None:
    """Let a running method have told of every sample until now.

    A sample's value is its position times the point; the last has none.
    """
    samples = len(ws.samples(ws.run(run).dataset_id))
    values = np.outer(points, np.arange(samples)).astype(np.float32)
    values[:, -1] = np.nan
    for point, row in zip(points, values, strict=True):
        ws.live_values(run, method).add(training, point, row)


def told(method: str, points: int, classes: tuple[str, ...], training: int = 0) -> pd.DataFrame:
    """What a running method has told until now."""
    rows = [
        (method, training, float(point), label, 0.1 * point + 0.01 * at, 2.0 / (point + 1))
        for point in range(points)
        for at, label in enumerate((ALL, *classes))
    ]
    columns = ["valuator", "training", "point", "label", "value", "loss"]
    return pd.DataFrame(rows, columns=columns)
