"""Use cases of training: how a ranking's tenths are learned, and which half is best to train on.

Nothing here loads torch before a training runs: the web server imports this module.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit import valuators
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.device import resolve_device
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.core.machine import Cost, this_machine
from dvaudit.core.progress import Progress, part
from dvaudit.core.sampling import stratified_rows
from dvaudit.models.proxy_size import WIDTHS, proxy_seconds
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.stored import load_stored, queue, ready

if TYPE_CHECKING:
    from dvaudit.valuators.windows import WindowCurve

GROUPS = 10
MOST_EPOCHS = 1000
WINDOW_ROWS = 20_000  # a window's kernel is dense: two fifths of these squared in float64, 0.5 GB
LEAST_TRUSTED = 30  # fewer tell no accuracy
WINDOWS, WINDOW_SHARE, TEST_SHARE = 11, 0.4, 0.2  # of the samples, for the estimate
START_SECONDS = 4.0  # until the worker has loaded torch


def start_training(
    ws: Workspace,
    run_id: str,
    *,
    valuator: str,
    epochs: int = 10,
    seed: int = 0,
    device: str = "auto",
) -> str:
    """Queue the training of a small net on an audited dataset; return the new run's id.

    Args:
        run_id: a finished audit.
        valuator: the method of that audit whose values make the ten groups.

    Raises:
        NotFoundError: no such run.
        UnsuitableDataError: the run is no finished audit, or the dataset has no classes.
        SettingsError: a method that the audit did not run, or a number of epochs out of bounds.
    """
    audit = _finished_audit(ws, run_id)
    column = f"{valuator}.value"
    columns = [str(name) for name in ws.run_samples(run_id).columns]
    if column not in columns:
        known = [name.removesuffix(".value") for name in columns if name.endswith(".value")]
        raise SettingsError(
            f"Audit {run_id} holds no values by {valuator!r}; choose one of: {', '.join(known)}."
        )
    if not 1 <= epochs <= MOST_EPOCHS:
        raise SettingsError(f"epochs is {epochs}; give a whole number from 1 to {MOST_EPOCHS:,}.")
    params = {
        "audit": run_id,
        "valuator": valuator,
        "epochs": epochs,
        "seed": seed,
        "device": device,
    }
    return queue(ws, audit.dataset_id, RunKind.TRAINING, execute_training, params)


def trainings_of(ws: Workspace, run_id: str) -> tuple[RunRecord, ...]:
    """Return the trainings on an audit, newest first."""
    runs = ws.runs(ws.run(run_id).dataset_id, RunKind.TRAINING)
    return tuple(run for run in runs if run.params["audit"] == run_id)


def estimate_training(ws: Workspace, run_id: str, *, epochs: int = 10) -> Cost:
    """Return what a training on an audit would cost, its feature vectors being in the cache."""
    record, machine = ready(ws, ws.run(run_id).dataset_id), this_machine()
    samples, classes = record.samples or 0, len(record.class_names)
    dimensions = int(ws.run_summary(run_id)["record"]["features"]["dimensions"])
    net = proxy_seconds(samples, dimensions, classes, epochs, machine)
    rows = min(samples, WINDOW_ROWS)
    window, tests = WINDOW_SHARE * rows, TEST_SHARE * rows
    products = 2 * window * (window + tests) * dimensions + window**3 / 3
    kept = 4 * samples * (dimensions + 2 * WIDTHS[-1])
    return Cost(
        START_SECONDS + net + WINDOWS * products / machine.flops,
        int(kept + 2 * 8 * window**2),
        f"a small net, {epochs} epochs, then {WINDOWS} windows of {round(window):,} samples",
    )


def execute_training(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Train on the dataset of an audit and store what was seen; the worker calls this.

    The result's samples are id, value and group (1 = the least useful tenth, missing where the
    method gave no value); its tables are `groups` (epoch, group, loss, accuracy, velocity) and
    `windows` (offset, accuracy, trained, held_out).
    """
    from dvaudit.models import group_dynamics, score_groups  # here: they load torch

    start, params = time.perf_counter(), run.params
    audit = _finished_audit(ws, params["audit"])
    record = ws.run_summary(audit.id)["record"]
    device = resolve_device(params["device"])
    data = load_stored(ws, run.dataset_id, part(progress, 0.0, 0.05))
    vectors = _vectors(ws, data, record, device, part(progress, 0.05, 0.2))
    values = ws.run_samples(audit.id)[f"{params['valuator']}.value"].to_numpy(dtype=float)
    known = np.flatnonzero(data.labelled)
    codes = _codes(data)[known]
    groups = score_groups(values, GROUPS)
    dynamics = group_dynamics(
        vectors[known],
        codes,
        len(data.class_names),
        groups[known],
        epochs=params["epochs"],
        seed=params["seed"],
        device=device,
        progress=part(progress, 0.2, 0.6),
    )
    curve, said = _windows(
        data, vectors, values, seed=params["seed"], device=device, progress=part(progress, 0.6, 1.0)
    )
    numbers = pd.Series(groups + 1).astype("Int64")
    ws.save_findings(
        run.id,
        samples=pd.DataFrame(
            {"id": list(data.ids), "value": values, "group": numbers.mask(numbers == 0)}
        ),
        tables={"groups": dynamics.assign(group=dynamics["group"] + 1), "windows": _table(curve)},
        summary={
            **{name: params[name] for name in ("audit", "valuator", "epochs", "seed")},
            "device": device,
            "samples": len(data),
            "trained": len(known),
            "group_samples": np.bincount(groups[groups >= 0], minlength=GROUPS).tolist(),
            "held_out": said,
            "features": record["features"]["extractor"],
            "seconds": round(time.perf_counter() - start, 3),
        },
        neighbours={},
    )


def _finished_audit(ws: Workspace, run_id: str) -> RunRecord:
    """Return the record of a finished audit of classes.

    Raises:
        UnsuitableDataError: another run, an audit that is not done, or data without classes.
    """
    run = ws.run(run_id)
    if run.kind is not RunKind.AUDIT or run.status is not RunStatus.DONE:
        raise UnsuitableDataError(
            f"Run {run_id} is no finished audit ({run.kind}, {run.status}); name one that is done."
        )
    record = ready(ws, run.dataset_id)
    if record.task is not Task.CLASSIFICATION:
        raise UnsuitableDataError(
            f"{record.name} is for {record.task}. A training shows how classes are learned; audit "
            "a dataset whose label is a class."
        )
    return run


def _vectors(
    ws: Workspace, data: Dataset, record: Mapping[str, Any], device: str, progress: Progress
) -> NDArray[np.floating]:
    """Return the vectors that the audit valued, from the cache where they are still there."""
    used = record["features"]
    shared = valuators.Shared(used["extractor"], used["settings"], ws.feature_cache)
    return shared.features(data, seed=record["seed"], device=device, progress=progress).matrix


def _codes(data: Dataset) -> NDArray[np.int64]:
    assert data.labels is not None
    return data.labels.astype(np.int64)


def _windows(
    data: Dataset,
    vectors: NDArray[np.floating],
    values: NDArray[np.float64],
    *,
    seed: int,
    device: str,
    progress: Progress,
) -> tuple[WindowCurve, str]:
    """Return the window curve, and in words what it was tested and trained on.

    The samples that a person vouches for are held out where there are enough of them; otherwise
    a random, class-stratified fifth of those with a value is.
    """
    from dvaudit.valuators.windows import window_curve  # here: it loads torch

    codes, usable = _codes(data), data.labelled & np.isfinite(values)
    trusted = np.zeros(len(data), dtype=bool)
    if data.trusted is not None:
        trusted = data.trusted & data.labelled
    held_out = None
    said = (
        "Tested on a random fifth of the samples, stratified by class, that no window trains on; "
        "nobody has checked their labels, and wrong ones lower every point."
    )
    if trusted.sum() >= LEAST_TRUSTED:
        usable &= ~trusted
        held_out = (vectors[trusted], codes[trusted])
        said = (
            f"Tested on the {int(trusted.sum()):,} samples marked as trusted, that no window "
            "trains on."
        )
    rows = np.flatnonzero(usable)
    chosen = rows[stratified_rows(codes[rows], WINDOW_ROWS, seed)]
    if len(chosen) < len(rows):
        said += f" Of {len(rows):,} samples {len(chosen):,} were drawn for it, stratified by class."
    curve = window_curve(
        vectors[chosen],
        codes[chosen],
        values[chosen],
        held_out=held_out,
        seed=seed,
        device=device,
        progress=progress,
    )
    return curve, said


def _table(curve: WindowCurve) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "offset": curve.offsets,
            "accuracy": curve.accuracy,
            "trained": curve.trained,
            "held_out": curve.held_out,
        }
    )
