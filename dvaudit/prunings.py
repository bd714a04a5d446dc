"""Use case of pruning: what removing samples costs a model, and the data without them.

Nothing here loads torch or scikit-learn before a pruning runs: the web server imports this module.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit import valuators
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.device import resolve_device
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.core.machine import Cost, available_memory, this_machine
from dvaudit.core.progress import Progress, part
from dvaudit.findings.pruning import (
    Proxy,
    Series,
    cut_grid,
    known,
    removal_order,
    window_grid,
)
from dvaudit.findings.pruning_curves import (
    MOST_HELD_OUT,
    MOST_TRAINED,
    TEST_SHARE,
    curves,
    kernel_rows,
)
from dvaudit.findings.pruning_material import Material, contributors, corrected_labels
from dvaudit.findings.pruning_scores import NET_EPOCHS
from dvaudit.models.proxy_size import proxy_seconds
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.stored import load_stored, load_trusted, queue, ready

CONSENSUS = "consensus"
MOST_SEEDS = 10
LEAST_SAMPLES = 20  # with a value
LEAST_TRUSTED = 30  # fewer tell no score
MOST_CONTRIBUTORS = 100
START_SECONDS = 4.0  # until the worker has loaded torch
RIDGE_ROWS = 2000


def start_pruning(
    ws: Workspace,
    run_id: str,
    *,
    valuator: str,
    series: Sequence[Series | str] = (Series.LOWEST, Series.HIGHEST),
    proxy: Proxy | str = Proxy.KERNEL,
    balanced: bool = False,
    seeds: Sequence[int] = (0, 1, 2),
    steps: int = 18,
    most: float = 0.9,
    width: float = 0.1,
    trusted: str | None = None,
    device: str = "auto",
) -> str:
    """Queue pruning curves on a finished audit; return the new run's id. Random is always drawn.

    Args:
        valuator: a method of the audit, or "consensus".
        balanced: remove the same share of every class.
        seeds: one held-out split and one random order each.
        steps: cuts, or places of the window, from 0 to the share `most` of the samples.
        width: of the window, as a share of the samples.
        trusted: another dataset to score on; None takes the samples marked as trusted where
            there are enough, else a random split.

    Raises:
        NotFoundError: no such run or trusted set.
        UnsuitableDataError: the run is no finished audit, or the data has no labels.
        SettingsError: anything else that cannot be done, and why.
    """
    audit = finished_audit(ws, run_id)
    record = ready(ws, audit.dataset_id)
    require_enough(ws, run_id, valuator)
    wanted = [known(Series, item) for item in series]
    if not wanted or len(set(wanted)) < len(wanted):
        raise SettingsError("Choose one or more different orders to prune in.")
    model = known(Proxy, proxy)
    if record.task is Task.REGRESSION and model is Proxy.LOGISTIC:
        raise SettingsError("Logistic regression predicts classes; choose kernel ridge or the net.")
    if record.task is Task.REGRESSION and balanced:
        raise SettingsError("There are no classes to keep in balance where labels are numbers.")
    if not 1 <= len(set(seeds)) == len(seeds) <= MOST_SEEDS:
        raise SettingsError(
            f"There are {len(seeds)} seeds, {len(set(seeds))} of them different; give 1 to "
            f"{MOST_SEEDS} different ones."
        )
    cut_grid(1000, most, steps)
    window_grid(1000, width, steps)
    if trusted is not None:
        ready(ws, trusted)
    params = {
        "audit": run_id,
        "valuator": valuator,
        "series": [item.value for item in wanted if item is not Series.RANDOM],
        "proxy": model.value,
        "balanced": bool(balanced),
        "seeds": [int(seed) for seed in seeds],
        "steps": int(steps),
        "most": float(most),
        "width": float(width),
        "trusted": trusted,
        "device": device,
    }
    return queue(ws, audit.dataset_id, RunKind.PRUNING, execute_pruning, params)


def prunings_of(ws: Workspace, run_id: str) -> tuple[RunRecord, ...]:
    """Return the prunings on an audit, newest first."""
    runs = ws.runs(ws.run(run_id).dataset_id, RunKind.PRUNING)
    return tuple(run for run in runs if run.params["audit"] == run_id)


def values_of(samples: pd.DataFrame, valuator: str) -> NDArray[np.float64]:
    """Return (n,) values that an audit gave, higher = more useful; the consensus by its rank.

    Raises:
        SettingsError: a method that the audit did not run.
    """
    column = "suspicion_rank" if valuator == CONSENSUS else f"{valuator}.value"
    if column not in samples:
        known = [str(n).removesuffix(".value") for n in samples.columns if n.endswith(".value")]
        raise SettingsError(
            f"The audit holds no values by {valuator!r}; choose one of: "
            f"{', '.join([*known, CONSENSUS])}."
        )
    numbers = pd.to_numeric(samples[column], errors="coerce")
    return np.asarray(numbers.to_numpy(dtype=float, na_value=np.nan))


def require_enough(ws: Workspace, run_id: str, valuator: str) -> None:
    """Refuse a pruning of fewer than LEAST_SAMPLES samples with a label and a value.

    Raises:
        SettingsError: a method that the audit did not run.
        UnsuitableDataError: too few samples.
    """
    samples = ws.run_samples(run_id)
    usable = np.isfinite(values_of(samples, valuator)) & samples["given_label"].notna().to_numpy()
    if (found := int(usable.sum())) < LEAST_SAMPLES:
        raise UnsuitableDataError(
            f"{found:,} samples have a label and a value by {valuator!r}; pruning needs at least "
            f"{LEAST_SAMPLES}. Choose other values, or label more samples."
        )


def finished_audit(ws: Workspace, run_id: str) -> RunRecord:
    """Return the record of a finished audit of labelled data.

    Raises:
        UnsuitableDataError: another run, an audit that is not done, or data without labels.
    """
    run = ws.run(run_id)
    if run.kind is not RunKind.AUDIT or run.status is not RunStatus.DONE:
        raise UnsuitableDataError(
            f"Run {run_id} is no finished audit ({run.kind}, {run.status}); name one that is done."
        )
    record = ready(ws, run.dataset_id)
    if record.task not in (Task.CLASSIFICATION, Task.REGRESSION):
        raise UnsuitableDataError(
            f"{record.name} has no labels, so no model can be scored on it; set a label column."
        )
    return run


def estimate_pruning(
    ws: Workspace,
    run_id: str,
    *,
    valuator: str | None = None,
    series: Sequence[Series | str] = (Series.LOWEST, Series.HIGHEST),
    proxy: Proxy | str = Proxy.KERNEL,
    seeds: int = 3,
    steps: int = 18,
    width: float = 0.1,
) -> Cost:
    """Return what a pruning would cost, its feature vectors being in the cache.

    Raises:
        UnsuitableDataError: `valuator` is given and has valued too few samples.
    """
    if valuator is not None:
        require_enough(ws, run_id, valuator)
    record, machine = ready(ws, ws.run(run_id).dataset_id), this_machine()
    dimensions = int(ws.run_summary(run_id)["record"]["features"]["dimensions"])
    classes = len(record.class_names)
    wanted = {Series(item) for item in series} | {Series.RANDOM}
    samples, model = record.samples or 0, Proxy(proxy)
    rows = min(round((1 - TEST_SHARE) * samples), MOST_TRAINED)
    if model is Proxy.KERNEL:
        rows = min(rows, kernel_rows(machine.memory))
        factors = len(wanted) - ({Series.LOWEST, Series.WINDOW} <= wanted)
        work = rows**2 * (dimensions + MOST_HELD_OUT) * 2 + factors * 2 * rows**3 / 3
        if Series.WINDOW in wanted:
            work += steps * 2 * rows**2 * width * rows / 3
        work = seeds * work + 12 * min(rows, RIDGE_ROWS) ** 3
        needed = int(8 * rows * (2.4 * rows + 2 * dimensions))
        plan = f"one factorisation an order, {rows:,} samples"
        return Cost(START_SECONDS + work / machine.flops, needed, plan)
    fits = seeds * len(wanted) * (steps + 1)
    if model is Proxy.NET:
        each = 0.6 * proxy_seconds(rows, dimensions, classes or 1, NET_EPOCHS, machine)
    else:
        each = 100 * 4 * 0.6 * rows * dimensions * max(classes, 1) / machine.flops
    plan = f"{fits:,} fits on up to {rows:,} samples"
    return Cost(START_SECONDS + fits * (each + 0.02), 16 * rows * dimensions, plan)


def execute_pruning(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Make the curves of a pruning and store them; the worker calls this.

    The result's samples are id and value. Its tables are `curves` (series, proxy, balanced, seed,
    removed, share, score, offset: places before a window, else 0), `classes` and `contributors`
    (series, seed, removed, offset, name, lost: share of the part's samples removed, score,
    held_out). Its arrays are `order-SERIES`, positions in removal order, by seed for random.
    """
    start, params = time.perf_counter(), run.params
    audit = finished_audit(ws, params["audit"])
    data = load_stored(ws, run.dataset_id, part(progress, 0.0, 0.05))
    trusted = load_trusted(ws, params["trusted"], data, part(progress, 0.05, 0.07))
    values = values_of(ws.run_samples(audit.id), params["valuator"])
    device = resolve_device(params["device"])
    material, said = _material(ws, audit, data, trusted, values, device, part(progress, 0.07, 0.2))
    grid = cut_grid(len(material.rows), params["most"], params["steps"])
    plans = [_plan(material, Series(name), params, grid) for name in params["series"]]
    plans.append(_plan(material, Series.RANDOM, params, grid))
    done = curves(
        material,
        plans,
        Proxy(params["proxy"]),
        seeds=params["seeds"],
        device=device,
        memory=available_memory(),
        progress=part(progress, 0.2, 0.98),
    )
    progress(0.98, "Saving")
    ws.save_findings(
        run.id,
        samples=pd.DataFrame({"id": list(data.ids), "value": values}),
        tables={
            "curves": done.curves.assign(proxy=params["proxy"], balanced=params["balanced"]),
            "classes": done.classes,
            "contributors": done.contributors,
        },
        summary={
            **{name: value for name, value in params.items() if name != "function"},
            "samples": len(data),
            "pruned": len(material.rows),
            "trained": done.trained,
            "drawn": done.drawn,
            "held_out": done.held_out,
            "held_out_words": said,
            "ridge": done.ridge,
            "features": ws.run_summary(audit.id)["record"]["features"]["extractor"],
            "seconds": round(time.perf_counter() - start, 3),
        },
        neighbours={},
        arrays={
            f"order-{series.slug}": np.stack(
                [material.rows[order] for order in orders.values()]
            ).astype(np.int32)
            for series, orders, _ in plans
        },
    )


Plan = tuple[Series, dict[int, NDArray[np.int64]], list[tuple[int, int]]]


def _plan(
    material: Material, series: Series, params: Mapping[str, Any], grid: NDArray[np.int64]
) -> Plan:
    """Return the orders of a series by seed, and the places that are removed at each cut."""
    codes = material.targets if params["balanced"] and material.class_names else None
    seeds = params["seeds"] if series is Series.RANDOM else [params["seeds"][0]]
    orders = {
        seed: removal_order(
            material.values,
            series,
            codes=None if codes is None else codes.astype(np.int64),
            seed=seed,
        )
        for seed in seeds
    }
    if series is Series.WINDOW:
        return series, orders, window_grid(len(material.rows), params["width"], params["steps"])
    return series, orders, [(0, int(gone)) for gone in grid]


def _material(
    ws: Workspace,
    audit: RunRecord,
    data: Dataset,
    trusted: Dataset | None,
    values: NDArray[np.float64],
    device: str,
    progress: Progress,
) -> tuple[Material, str]:
    """Return what is pruned and what it is scored on, and the latter in words."""
    from dvaudit.valuators.trusted import given_split

    record = ws.run_summary(audit.id)["record"]
    marked = 0 if data.trusted is None else int((data.trusted & data.labelled).sum())
    split = given_split(data, trusted) if trusted is not None or marked >= LEAST_TRUSTED else None
    whole = data if split is None else split.data
    used = record["features"]
    shared = valuators.Shared(used["extractor"], used["settings"], ws.feature_cache)
    found = shared.features(whole, seed=record["seed"], device=device, progress=progress)
    allowed = np.isfinite(values) & data.labelled
    if data.trusted is not None:
        allowed &= ~data.trusted
    rows = np.flatnonzero(allowed)
    if len(rows) < LEAST_SAMPLES:
        raise UnsuitableDataError(
            f"{len(rows):,} samples of {data.name} have a label and a value and are not marked as "
            f"trusted; pruning needs at least {LEAST_SAMPLES}."
        )
    assert whole.labels is not None
    labels: NDArray[np.int64] | NDArray[np.float64] = whole.labels.astype(np.float64)
    if whole.class_names:
        labels = whole.labels.astype(np.int64)
    corrected, judged = corrected_labels(whole, ws.decisions(audit.dataset_id))
    held = np.zeros(0, dtype=np.int64) if split is None else split.trusted[0]
    parts, names = contributors(data, MOST_CONTRIBUTORS)
    every = np.full(len(whole), -1, dtype=np.int64)
    every[: len(data)] = parts
    material = Material(
        vectors=found.matrix,
        labels=labels,
        truth=corrected,
        class_names=whole.class_names,
        rows=rows,
        values=values[rows],
        held_out=held,
        parts=every,
        contributors=names,
    )
    return material, _held_out_words(split.words if split else None, judged)


def _held_out_words(given: str | None, judged: int) -> str:
    if given is not None:
        return f"Scored on {given}. They are neither trained on nor removed."
    said = (
        f"Scored on a random {TEST_SHARE:.0%} of the samples, another one for each seed, that "
        "nothing is trained on. Their labels may be wrong like all others"
    )
    if judged:
        return f"{said}, except where the {judged:,} verdicts that change a label are applied."
    return f"{said}: removing wrong labels then gains less on the chart than it does in truth."
