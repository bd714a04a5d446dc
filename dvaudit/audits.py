"""Use cases: one function per thing a person does. The pages and the command line call these.

Nothing here loads torch before an audit runs: the web server imports this module.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dvaudit import exporting, features, findings, jobs, sample, valuators
from dvaudit.contributions import (
    estimate_contributors,
    latest_contributors,
    start_contributors,
)
from dvaudit.core.dataset import Kind, Task
from dvaudit.core.decisions import Decision, Verdict
from dvaudit.core.errors import NotFoundError, UnsuitableDataError
from dvaudit.core.machine import Cost, this_machine
from dvaudit.core.progress import Progress, part, silent
from dvaudit.dynamics import followed, live_watch, phases_of, store_audit, trace_of, traced
from dvaudit.exporting import Product, Unjudged, planned_changes, unjudged_suggestions
from dvaudit.findings import CutOff
from dvaudit.influences import (
    influence_by_class,
    influence_on,
    mean_influence,
    most_influential,
    net_influence,
    queries_of,
)
from dvaudit.pipeline import Audit, audit, value
from dvaudit.readers import Preview, load, preview
from dvaudit.selftests import kinds_for, selftests_of, start_selftest
from dvaudit.store import RunKind, RunRecord, Workspace
from dvaudit.stored import (
    Neighbour,
    find_position,
    latest,
    load_like,
    load_stored,
    load_trusted,
    neighbours_of,
    queue,
    ready,
)
from dvaudit.trainings import estimate_training, start_training, trainings_of

__all__ = [
    "DEFAULT_VALUATORS",
    "Audit",
    "Neighbour",
    "Preview",
    "Product",
    "Progress",
    "Unjudged",
    "add_sample",
    "audit",
    "cancel",
    "decide",
    "decisions",
    "estimate",
    "estimate_contributors",
    "estimate_rest",
    "estimate_training",
    "execute_audit",
    "execute_import",
    "export",
    "find_position",
    "followed",
    "influence_by_class",
    "influence_on",
    "kinds_for",
    "latest_audit",
    "latest_contributors",
    "load",
    "load_like",
    "load_stored",
    "mean_influence",
    "most_influential",
    "neighbours_of",
    "net_influence",
    "phases_of",
    "planned_changes",
    "preview",
    "queries_of",
    "resume",
    "selftests_of",
    "set_cut_off",
    "silent",
    "start_audit",
    "start_contributors",
    "start_import",
    "start_selftest",
    "start_training",
    "trace_of",
    "traced",
    "trainings_of",
    "undo",
    "unjudged_suggestions",
    "value",
    "workspace",
]

DEFAULT_VALUATORS = ("kernel-loo", "cg-score")
START_SECONDS = 4.0  # until the worker has loaded torch
TYPICAL_DIMENSIONS = {Kind.IMAGE: 4096, Kind.TABULAR: 128, Kind.VECTOR: 512}


@functools.cache
def workspace() -> Workspace:
    """Return this process's workspace: the folder DVAUDIT_HOME, or ~/.dvaudit."""
    return Workspace()


# Data


def start_import(
    ws: Workspace,
    path: Path,
    *,
    name: str,
    copy: bool = True,
    roles: Mapping[str, str] | None = None,
    task: str | None = None,
) -> str:
    """Register a dataset and queue its import; return the run id.

    Args:
        copy: keep the file in the workspace, byte for byte; otherwise it is read where it lies.
        roles: role of each column; what is not named is guessed.
    """
    dataset_id = ws.add_dataset(name, path, copy=copy, roles=dict(roles or {}), task=task)
    return queue(ws, dataset_id, RunKind.IMPORT, execute_import, {})


def execute_import(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Read a registered dataset and store its samples and thumbnails; the worker calls this."""
    data = load_stored(ws, run.dataset_id, part(progress, 0.0, 0.6))
    ws.finish_dataset(run.dataset_id, data, part(progress, 0.6, 1.0))


# Audits


def estimate(
    ws: Workspace,
    dataset_id: str,
    names: Sequence[str],
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Cost]:
    """Return what each valuator would cost on a dataset, vectors given."""
    record = ready(ws, dataset_id)
    assert record.kind is not None
    assert record.samples is not None
    machine = this_machine()
    return {
        name: valuators.get(name, (settings or {}).get(name)).estimate(
            record.samples, TYPICAL_DIMENSIONS[record.kind], len(record.class_names) or 1, machine
        )
        for name in names
    }


def estimate_rest(ws: Workspace, dataset_id: str, extractor: str | None = None) -> Cost:
    """Return what an audit costs beside its valuators: start, reading, features and neighbours.

    Features are computed the first time only. `plan` says what is counted.
    """
    record = ready(ws, dataset_id)
    assert record.kind is not None
    assert record.samples is not None
    machine, dimensions = this_machine(), TYPICAL_DIMENSIONS[record.kind]
    extracting = features.extraction_seconds(
        extractor or features.automatic_for(record.kind), record.samples, machine
    )
    near = findings.neighbour_seconds(record.samples, dimensions, machine)
    plan = "reading, features, neighbours"
    if extracting is None:
        plan = "reading, neighbours; features come on top"
    seconds = START_SECONDS + near + (extracting or 0.0)
    return Cost(seconds, 4 * record.samples * dimensions, plan)


def start_audit(
    ws: Workspace,
    dataset_id: str,
    names: Sequence[str] = DEFAULT_VALUATORS,
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    extractor: str | None = None,
    extractor_settings: Mapping[str, Any] | None = None,
    trusted: str | None = None,
    seed: int = 0,
    device: str = "auto",
) -> str:
    """Check the settings and queue an audit; return the run id.

    Args:
        trusted: another dataset of the workspace, whose labels are known to be right; None takes
            the samples marked as trusted, where methods need some.

    Raises:
        SettingsError: an unknown valuator or setting, or a value out of bounds.
        UnsuitableDataError: the dataset is not ready, or a valuator does not do its task.
    """
    record = ready(ws, dataset_id)
    for name in names:
        method = valuators.get(name, (settings or {}).get(name))
        if record.task not in method.tasks:
            raise UnsuitableDataError(
                f"{name} works on {' and '.join(sorted(method.tasks))}; {record.name} is for "
                f"{record.task or Task.UNSUPERVISED}. Choose another method."
            )
    if trusted is not None:
        ready(ws, trusted)
    params = {
        "trusted": trusted,
        "valuators": list(names),
        "settings": {name: dict(given) for name, given in (settings or {}).items()},
        "extractor": extractor,
        "extractor_settings": dict(extractor_settings or {}),
        "seed": seed,
        "device": device,
    }
    return queue(ws, dataset_id, RunKind.AUDIT, execute_audit, params)


def execute_audit(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Audit a dataset of the workspace and store what was found; the worker calls this."""
    params = run.params
    data = load_stored(ws, run.dataset_id, part(progress, 0.0, 0.08))
    done = audit(
        data,
        params["valuators"],
        trusted=load_trusted(ws, params.get("trusted"), data, part(progress, 0.08, 0.1)),
        seed=params["seed"],
        device=params["device"],
        extractor=params["extractor"],
        extractor_settings=params["extractor_settings"],
        settings=params["settings"],
        cache=ws.feature_cache,
        progress=part(progress, 0.1, 0.98),
        watch=live_watch(ws, run.id, data),
    )
    progress(0.98, "Saving")
    store_audit(ws, run.id, done)


def cancel(ws: Workspace, run_id: str) -> None:
    """Ask a run to stop; it stops within seconds, and can be resumed."""
    jobs.cancel(ws, run_id)


def resume(ws: Workspace, run_id: str) -> None:
    """Queue a failed, cancelled or interrupted run again."""
    jobs.resume(ws, run_id)


def latest_audit(ws: Workspace, dataset_id: str) -> RunRecord | None:
    """Return the newest finished audit of a dataset, or None."""
    return latest(ws, dataset_id, RunKind.AUDIT)


def set_cut_off(ws: Workspace, run_id: str, cut: CutOff) -> None:
    """Choose what counts as flagged in an audit, on every page and in every file, for everybody."""
    ws.set_cut_off(run_id, cut)


# Review


def decide(
    ws: Workspace,
    dataset_id: str,
    sample_id: str,
    verdict: Verdict | str,
    label: str | None = None,
) -> None:
    """Store a person's verdict on a sample, durably; `label` is for a relabel only."""
    ws.decide(dataset_id, sample_id, verdict, label)


def undo(ws: Workspace, dataset_id: str) -> Decision | None:
    """Take the last verdict back; return what was taken back, or None."""
    return ws.undo(dataset_id)


def decisions(ws: Workspace, dataset_id: str) -> dict[str, Decision]:
    """Return the standing verdicts by sample id."""
    return ws.decisions(dataset_id)


# Export


def export(
    ws: Workspace,
    dataset_id: str,
    run_id: str | None,
    product: str,
    *,
    with_suggestions: bool = False,
) -> Path:
    """Write a product of a dataset and its audit; return the file.

    Raises:
        NotFoundError: a product other than the dataset is asked for and there is no audit.
    """
    wanted = Product(product)
    changes = planned_changes(ws, dataset_id, run_id, with_suggestions=with_suggestions)
    folder = ws.root / "exports" / dataset_id / (run_id or "data")
    if wanted is Product.DATASET:
        return exporting.write_dataset(load_stored(ws, dataset_id), changes, folder)
    if run_id is None:
        raise NotFoundError(f"The {wanted} comes from an audit; run one first.")
    return exporting.write_product(ws, ws.run(run_id), wanted, changes, folder)


def add_sample(ws: Workspace) -> str:
    """Import and audit the embedded sample in this process; return the dataset id.

    Where the workspace holds the sample with a finished audit, nothing is done.
    """
    for record in ws.datasets():
        if record.name == sample.NAME and latest_audit(ws, record.id):
            return record.id
    path = ws.uploads / "sample" / "digits.zip"
    sample.write_sample(path)
    run = ws.run(start_import(ws, path, name=sample.NAME))
    jobs.work_here(ws, run.id)
    jobs.work_here(ws, start_audit(ws, run.dataset_id))
    return run.dataset_id
