"""Use cases of contributors: who adds what to a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dvaudit import valuators
from dvaudit.core.dataset import Role
from dvaudit.core.device import resolve_device
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.machine import Cost, this_machine
from dvaudit.core.progress import Progress, part
from dvaudit.pipeline import contributor_frame
from dvaudit.store import RunKind, RunRecord, Workspace
from dvaudit.stored import latest, load_stored, load_trusted, queue, ready
from dvaudit.valuators.contributing import ContributorValuator

METHOD = "davinz"
CURVES = "curves"
KEPT = (
    *("kappa", "baseline_weight", "baseline_in_domain", "baseline_out_of_domain", "net"),
    *("performance", "full_performance", "trusted"),
)


def start_contributors(
    ws: Workspace,
    dataset_id: str,
    *,
    trusted: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
) -> str:
    """Check the settings and queue a valuation of the contributors; return the run id.

    Args:
        trusted: another dataset of the workspace; None takes the samples marked as trusted, or
            holds a random part out.

    Raises:
        SettingsError: an unknown setting, or a value out of bounds.
        UnsuitableDataError: a dataset that is not ready, names no contributors, or has a task
            that the method does not do.
    """
    record = ready(ws, dataset_id)
    method = valuators.get(METHOD, settings)
    if record.task not in method.tasks:
        raise UnsuitableDataError(
            f"{method.title} works on {' and '.join(sorted(method.tasks))}; {record.name} is for "
            f"{record.task}. Set a label column."
        )
    if Role.GROUP not in record.roles.values():
        raise UnsuitableDataError(
            f"{record.name} has no column that names contributors; import it again and give one "
            "the role group."
        )
    if trusted is not None:
        ready(ws, trusted)
    params = {"trusted": trusted, "settings": dict(settings or {}), "seed": seed, "device": device}
    return queue(ws, dataset_id, RunKind.CONTRIBUTORS, execute_contributors, params)


def execute_contributors(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Value the contributors of a dataset and store the result; the worker calls this."""
    params = run.params
    data = load_stored(ws, run.dataset_id, part(progress, 0.0, 0.05))
    trusted = load_trusted(ws, params["trusted"], data, part(progress, 0.05, 0.1))
    result = valuators.get(METHOD, params["settings"]).value(
        data,
        trusted=trusted,
        seed=params["seed"],
        device=resolve_device(params["device"]),
        progress=part(progress, 0.1, 0.98),
        shared=valuators.Shared(cache=ws.feature_cache),
    )
    progress(0.98, "Saving")
    frame = contributor_frame(result)
    ws.save_findings(
        run.id,
        samples=frame,
        tables=dict(result.tables),
        summary={
            **{name: result.stats[name] for name in KEPT},
            "game": result.stats["settings"]["game"],
            "samples": int(frame["samples"].sum()),
            "contributors": len(frame),
            "status": result.status,
            "warnings": list(result.warnings),
            "notes": list(data.notes),
            "record": dict(result.stats),
        },
        neighbours={"row": np.arange(len(frame))},
    )


def latest_contributors(ws: Workspace, dataset_id: str) -> RunRecord | None:
    """Return the newest finished valuation of the contributors of a dataset, or None."""
    return latest(ws, dataset_id, RunKind.CONTRIBUTORS)


def estimate_contributors(
    ws: Workspace,
    dataset_id: str,
    settings: Mapping[str, Any] | None = None,
    *,
    contributors: int | None = None,
) -> Cost:
    """Return what a valuation of so many contributors would cost; of None, at most."""
    record = ready(ws, dataset_id)
    assert record.samples is not None
    method = valuators.get(METHOD, settings)
    assert isinstance(method, ContributorValuator)
    classes = len(record.class_names) or 1
    return method.estimate_among(contributors, record.samples, 784, classes, this_machine())
