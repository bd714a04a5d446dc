"""Use cases: one function per thing a person does. The pages and the command line call these.

Nothing here loads torch before an audit runs: the web server imports this module.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dvaudit import costs, exporting, jobs, patches, questions, sample
from dvaudit.contributions import (
    estimate_contributors,
    latest_contributors,
    start_contributors,
)
from dvaudit.core.errors import NotFoundError
from dvaudit.core.progress import Progress, in_proportion, part, silent
from dvaudit.core.settings import check_seed
from dvaudit.cuts import cut_changes, cut_file, export_cut, pruned_ids, pruned_positions
from dvaudit.dynamics import followed, live_watch, phases_of, store_audit, trace_of, traced
from dvaudit.earning import draw_audit_sample, earned_so_far, error_rate
from dvaudit.estimates import checked_methods, estimate, estimate_rest
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
from dvaudit.maps import map_points, map_refusal, map_runs, maps_of, start_map
from dvaudit.patches import apply_patch, apply_stored, fit_stored, read_patch
from dvaudit.pipeline import Audit, audit, value
from dvaudit.prunings import estimate_pruning, prunings_of, start_pruning
from dvaudit.readers import Preview, load, preview
from dvaudit.reports import Choice
from dvaudit.reviewing import (
    agreement,
    assign,
    bring_up_to_date,
    decide,
    decide_many,
    decisions,
    history_file,
    unassign,
    undo,
)
from dvaudit.selftests import kinds_for, selftests_of, start_selftest, takes_pictures
from dvaudit.store import DatasetStatus, RunKind, RunRecord, Workspace
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
from dvaudit.warming import expect_question

__all__ = [
    "DEFAULT_VALUATORS",
    "Audit",
    "Choice",
    "Neighbour",
    "Preview",
    "Product",
    "Progress",
    "Unjudged",
    "add_sample",
    "agreement",
    "apply_patch",
    "apply_stored",
    "assign",
    "audit",
    "bring_up_to_date",
    "cancel",
    "cut_changes",
    "cut_file",
    "decide",
    "decide_many",
    "decisions",
    "draw_audit_sample",
    "earned_so_far",
    "error_rate",
    "estimate",
    "estimate_contributors",
    "estimate_pruning",
    "estimate_rest",
    "estimate_training",
    "execute_audit",
    "execute_import",
    "execute_sample",
    "expect_question",
    "export",
    "export_cut",
    "find_position",
    "fit_stored",
    "followed",
    "history_file",
    "influence_by_class",
    "influence_on",
    "kinds_for",
    "latest_audit",
    "latest_contributors",
    "load",
    "load_like",
    "load_stored",
    "map_points",
    "map_refusal",
    "map_runs",
    "maps_of",
    "mean_influence",
    "most_influential",
    "neighbours_of",
    "net_influence",
    "phases_of",
    "planned_changes",
    "preview",
    "pruned_ids",
    "pruned_positions",
    "prunings_of",
    "queries_of",
    "questions",
    "read_patch",
    "resume",
    "selftests_of",
    "set_cut_off",
    "silent",
    "start_audit",
    "start_contributors",
    "start_import",
    "start_map",
    "start_pruning",
    "start_sample",
    "start_selftest",
    "start_training",
    "takes_pictures",
    "trace_of",
    "traced",
    "trainings_of",
    "unassign",
    "undo",
    "unjudged_suggestions",
    "value",
    "workspace",
]

DEFAULT_VALUATORS = ("kernel-loo", "cg-score")


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
        SettingsError: an unknown valuator, extractor or setting, a value or seed out of bounds,
            or settings that contradict each other.
        UnsuitableDataError: the dataset is not ready, or a valuator does not do its task or kind.
        MissingDependencyError: a package that a valuator needs is not installed.
    """
    check_seed(seed)
    checked_methods(ready(ws, dataset_id), names, settings)
    estimate_rest(ws, dataset_id, extractor, extractor_settings)  # refuses a wrong extractor
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
    names, settings, extractor = params["valuators"], params["settings"], params["extractor"]
    ahead = estimate_rest(ws, run.dataset_id, extractor).seconds - costs.START_SECONDS
    ahead += sum(each.seconds for each in estimate(ws, run.dataset_id, names, settings).values())
    shares = (costs.READ_SECONDS, costs.READ_SECONDS / 4, ahead, costs.SAVE_SECONDS)
    reading, vouching, auditing, saving = in_proportion(progress, shares)
    data = load_stored(ws, run.dataset_id, reading)
    done = audit(
        data,
        names,
        trusted=load_trusted(ws, params.get("trusted"), data, vouching),
        seed=params["seed"],
        device=params["device"],
        extractor=extractor,
        extractor_settings=params["extractor_settings"],
        settings=settings,
        cache=ws.feature_cache,
        progress=auditing,
        watch=live_watch(ws, run.id, data),
    )
    saving(0.0, "Saving")
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


# Export


def export(
    ws: Workspace,
    dataset_id: str,
    run_id: str | None,
    product: str,
    *,
    with_suggestions: bool = False,
    choice: Choice | None = None,
) -> Path:
    """Write a product of a dataset and its audit; return the file.

    Args:
        choice: what a report shows; everything where None.

    Raises:
        NotFoundError: a product other than the dataset is asked for and there is no audit.
    """
    wanted = Product(product)
    changes = planned_changes(ws, dataset_id, run_id, with_suggestions=with_suggestions)
    asked = exporting.state_of(ws, dataset_id, run_id, changes, choice)

    def write(folder: Path) -> Path:
        if wanted is Product.DATASET:
            return exporting.write_dataset(load_stored(ws, dataset_id), changes, folder)
        if wanted is Product.PATCH:
            return patches.write_stored_patch(ws, dataset_id, changes, folder)
        if run_id is None:
            raise NotFoundError(f"The {wanted} comes from an audit; run one first.")
        return exporting.write_product(ws, ws.run(run_id), wanted, changes, folder, choice)

    place = ws.exports / dataset_id / (run_id or "data")
    return exporting.in_own_folder(place, wanted.value, asked, write)


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


def start_sample(ws: Workspace) -> str:
    """Queue the import of the embedded sample, which queues its audit; return the dataset id.

    Where the workspace holds the sample, and its import has not failed, nothing is done.
    """
    for record in ws.datasets():
        if record.name == sample.NAME and record.status is not DatasetStatus.FAILED:
            return record.id
    path = ws.uploads / "sample" / "digits.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()  # the worker writes what is in it: that takes scikit-learn
    dataset_id = ws.add_dataset(sample.NAME, path, copy=True, roles={}, task=None)
    queue(ws, dataset_id, RunKind.IMPORT, execute_sample, {})
    return dataset_id


def execute_sample(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Write and import the embedded sample, and queue its audit; the worker calls this."""
    sample.write_sample(ws.dataset(run.dataset_id).source)
    execute_import(ws, run, progress)
    if not ws.runs(run.dataset_id, RunKind.AUDIT):
        start_audit(ws, run.dataset_id)
