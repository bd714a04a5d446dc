"""Use case of the self-test: errors planted in a person's own data, and which method finds them.

Nothing here loads torch before a self-test runs: the web server imports this module.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit import findings, valuators
from dvaudit.core.dataset import Dataset, Kind, Task
from dvaudit.core.device import resolve_device
from dvaudit.core.errors import NotFoundError, SettingsError, UnsuitableDataError, some
from dvaudit.core.joining import joined
from dvaudit.core.machine import this_machine
from dvaudit.core.progress import Progress, part, silent
from dvaudit.findings import Plant, Planted
from dvaudit.findings.planting import NOISE_STRENGTH, PICTURE_NOISE
from dvaudit.store import DatasetRecord, RunKind, RunRecord, RunStatus, Workspace
from dvaudit.stored import latest, load_stored, load_trusted, queue, ready

MOST_SEEDS = 20


def start_selftest(
    ws: Workspace,
    dataset_id: str,
    names: Sequence[str],
    *,
    share: float = 0.1,
    kind: Plant | str = Plant.UNIFORM,
    seeds: Sequence[int] = (0, 1, 2),
    trusted: str | None = None,
    audit: str | None = None,
    device: str = "auto",
) -> str:
    """Queue a self-test of the methods `names`, with their default settings; return the run id.

    Args:
        share: of the labelled samples that nobody vouches for, above 0 and at most 0.5.
        kind: flips to any other class ("uniform"), along the confusions that an audit found
            ("pairs"), or noise in the features ("noise"): of two standard deviations in every
            number of a table or vector; in images, whose feature vectors are valued in their place,
            of a deviation drawn for each sample evenly from 0 to 3. Methods whose net takes
            pictures are then left out, and named in the result.
        seeds: one round of planting and valuing for each.
        trusted: another dataset of the workspace, for the methods that need one.
        audit: whose confusions "pairs" follows; None takes the newest finished one.

    Raises:
        NotFoundError: no such dataset or audit.
        SettingsError: unknown methods, or a share, kind or seeds out of bounds.
        UnsuitableDataError: the data takes no such errors, or a method does not do its task.
    """
    record = ready(ws, dataset_id)
    _check_methods(record, names)
    wanted = _kind(kind)
    _check_numbers(share, seeds)
    if wanted not in kinds_for(record):
        raise UnsuitableDataError(
            f"{record.name} takes no {wanted} errors: flips need classes, and noise needs images, "
            f"vectors or numeric columns. Possible here: {some(kinds_for(record)) or 'none'}."
        )
    if trusted is not None:
        ready(ws, trusted)
    left_out = [name for name in names if wanted is Plant.NOISE and takes_pictures(record, name)]
    if len(left_out) == len(names):
        raise UnsuitableDataError(
            f"Noise is planted in the feature vectors of {record.name}, and {some(left_out)} "
            "trains on its pictures; choose other methods, or plant label flips."
        )
    params = {
        "valuators": [name for name in names if name not in left_out],
        "left_out": left_out,
        "share": float(share),
        "kind": wanted.value,
        "seeds": [int(seed) for seed in seeds],
        "trusted": trusted,
        "pairs": _pairs(ws, record, audit) if wanted is Plant.PAIRS else None,
        "device": device,
    }
    return queue(ws, dataset_id, RunKind.SELFTEST, execute_selftest, params)


def selftests_of(ws: Workspace, dataset_id: str) -> tuple[RunRecord, ...]:
    """Return the self-tests of a dataset, newest first."""
    return ws.runs(dataset_id, RunKind.SELFTEST)


def kinds_for(record: DatasetRecord) -> tuple[Plant, ...]:
    """Return the kinds of errors that can be planted in a dataset."""
    possible = []
    if record.task is Task.CLASSIFICATION and len(record.class_names) > 1:
        possible += [Plant.UNIFORM, Plant.PAIRS]
    labelled = record.task in (Task.CLASSIFICATION, Task.REGRESSION)
    if labelled and findings.takes_noise(record.kind, record.roles):
        possible.append(Plant.NOISE)
    return tuple(possible)


def takes_pictures(record: DatasetRecord, name: str) -> bool:
    """Return whether a method's net, by its default settings, takes the images themselves."""
    net = str(getattr(valuators.get(name).settings, "net", "auto"))
    return record.kind is Kind.IMAGE and valuators.wants_pictures(net)


def execute_selftest(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Plant, value and measure for each seed, and store what was found; the worker calls this.

    The result's samples are id and planted (in how many rounds); its tables are `scores` (method,
    seed, planted, candidates, recall, auroc), `curves` (method, seed, reviewed, found) and
    `methods` (means over the seeds, see findings.mean_scores).
    """
    start, params = time.perf_counter(), run.params
    device = resolve_device(params["device"])
    data = load_stored(ws, run.dataset_id, part(progress, 0.0, 0.04))
    trusted = load_trusted(ws, params["trusted"], data, part(progress, 0.04, 0.05))
    seeds = params["seeds"]
    first = part(progress, 0.05, 0.1)
    # Flips leave the features as they are; noisy ones are not worth keeping.
    noisy = params["kind"] == Plant.NOISE
    pictures = data.kind is Kind.IMAGE
    shared = valuators.Shared(cache=None if noisy and not pictures else ws.feature_cache)
    used = shared.features(data, seed=seeds[0], device=device, progress=first)
    if noisy and pictures:
        data, trusted = _vectors(data, trusted, used.matrix, shared, seeds[0], device)
        shared = valuators.Shared()
    times = np.zeros(len(data), dtype=np.int64)
    rounds: list[_Round] = []
    for index, seed in enumerate(seeds):
        low, high = (0.1 + 0.88 * (index + step) / len(seeds) for step in (0, 1))
        planted = _plant(data, params, seed, pictures)
        times += planted.mask
        rounds.append(
            _round(
                planted,
                params,
                seed,
                trusted=trusted,
                device=device,
                shared=shared,
                progress=_named(part(progress, low, high), f"round {index + 1} of {len(seeds)}"),
            )
        )
    progress(0.98, "Saving")
    scores = pd.concat([done.scores for done in rounds], ignore_index=True)
    seconds = _seconds(data, params["valuators"], int(used.matrix.shape[1]))
    means = findings.mean_scores(scores, seconds)
    chance = float((scores["planted"] / scores["candidates"]).mean())
    advice = findings.recommend(means, chance)
    ws.save_findings(
        run.id,
        samples=pd.DataFrame({"id": list(data.ids), "planted": times}),
        tables={
            "scores": scores,
            "curves": pd.concat([done.curves for done in rounds], ignore_index=True),
            "methods": means,
        },
        summary={
            **{name: params[name] for name in ("valuators", "share", "kind", "seeds", "pairs")},
            "left_out": params.get("left_out", []),
            "noise": _noise(params, pictures),
            "trusted": None if trusted is None else trusted.name,
            "recommended": advice.method,
            "why": advice.why,
            "chance": chance,
            "samples": len(data),
            "features": used.extractor,
            "device": device,
            "seconds": round(time.perf_counter() - start, 3),
        },
        neighbours={},
    )


@dataclass(frozen=True, eq=False)
class _Round:
    """What was measured with one seed: a row per method, and a row per method and share."""

    scores: pd.DataFrame
    curves: pd.DataFrame


def _round(
    planted: Planted,
    params: Mapping[str, Any],
    seed: int,
    *,
    trusted: Dataset | None,
    device: str,
    shared: valuators.Shared,
    progress: Progress,
) -> _Round:
    names = params["valuators"]
    rows, lines = [], []
    grid = findings.review_grid(params["share"])
    mask = planted.mask[planted.candidates]
    k = int(mask.sum())
    for index, name in enumerate(names):
        stretch = part(progress, index / len(names), (index + 1) / len(names))
        result = valuators.get(name).value(
            planted.data,
            trusted=trusted,
            seed=seed,
            device=device,
            progress=_named(stretch, name),
            shared=shared,
        )
        values = result.values[planted.candidates]
        common = {"method": name, "seed": seed}
        rows.append(
            {
                **common,
                "planted": k,
                "candidates": len(values),
                "recall": findings.recall_at(values, mask, k),
                "auroc": findings.auroc(values, mask),
            }
        )
        found = findings.recall_curve(values, mask, grid)
        lines.append(pd.DataFrame({**common, "reviewed": grid, "found": found}))
    return _Round(pd.DataFrame(rows), pd.concat(lines, ignore_index=True))


def _vectors(
    data: Dataset,
    trusted: Dataset | None,
    matrix: NDArray[np.floating],
    shared: valuators.Shared,
    seed: int,
    device: str,
) -> tuple[Dataset, Dataset | None]:
    """Return both sets as feature vectors; the trusted set's by what the data's own learned."""
    vectors = findings.as_vectors(data, matrix)
    if trusted is None:
        return vectors, None
    both = shared.features(
        joined(data, trusted), seed=seed, device=device, progress=silent, fitted_on=len(data)
    )
    return vectors, findings.as_vectors(trusted, both.matrix[len(data) :])


def _noise(params: Mapping[str, Any], pictures: bool) -> list[float] | None:
    """Return the lowest and highest strength of the noise, in standard deviations."""
    if params["kind"] != Plant.NOISE:
        return None
    return list(PICTURE_NOISE) if pictures else [NOISE_STRENGTH, NOISE_STRENGTH]


def _plant(data: Dataset, params: Mapping[str, Any], seed: int, pictures: bool) -> Planted:
    if params["kind"] == Plant.NOISE:
        strength = PICTURE_NOISE if pictures else NOISE_STRENGTH
        return findings.plant_noise(data, params["share"], seed, strength=strength)
    pairs = None
    if params["kind"] == Plant.PAIRS:
        pairs = {(right, wrong): weight for right, wrong, weight in params["pairs"]}
    return findings.plant_flips(data, params["share"], seed, pairs=pairs)


def _seconds(data: Dataset, names: Sequence[str], dimensions: int) -> dict[str, float]:
    """Return what one run of each method costs by its own estimate.

    Times measured here would depend on the order: the first method pays for what all share.
    """
    machine, classes = this_machine(), len(data.class_names) or 1
    return {
        name: valuators.get(name).estimate(len(data), dimensions, classes, machine).seconds
        for name in names
    }


def _named(progress: Progress, title: str) -> Progress:
    return lambda fraction, stage: progress(fraction, f"{title}: {stage}")


def _check_methods(record: DatasetRecord, names: Sequence[str]) -> None:
    if not names or len(set(names)) < len(names):
        raise SettingsError(
            f"A self-test needs one or more different methods; given: {some(names) or 'none'}."
        )
    for name in names:
        method = valuators.get(name)
        if method.level is not valuators.Level.SAMPLE:
            raise UnsuitableDataError(f"{name} values contributors, not samples; leave it out.")
        if record.task not in method.tasks:
            raise UnsuitableDataError(
                f"{name} works on {' and '.join(sorted(method.tasks))}; {record.name} is for "
                f"{record.task or Task.UNSUPERVISED}. Choose another method."
            )


def _kind(kind: Plant | str) -> Plant:
    try:
        return Plant(kind)
    except ValueError:
        raise SettingsError(
            f"There is no kind of error {kind!r} to plant; choose from: {', '.join(Plant)}."
        ) from None


def _check_numbers(share: float, seeds: Sequence[int]) -> None:
    findings.check_share(share)
    if not 1 <= len(set(seeds)) == len(seeds) <= MOST_SEEDS:
        raise SettingsError(
            f"There are {len(seeds)} seeds, {len(set(seeds))} of them different; give 1 to "
            f"{MOST_SEEDS} different ones."
        )


def _pairs(ws: Workspace, record: DatasetRecord, audit: str | None) -> list[tuple[str, str, float]]:
    """Return the confusions an audit found as (right class, wrong class, samples)."""
    run = latest(ws, record.id, RunKind.AUDIT) if audit is None else ws.run(audit)
    if run is None or run.dataset_id != record.id or run.status is not RunStatus.DONE:
        raise UnsuitableDataError(
            f"{record.name} has no finished audit whose confusion pairs could be followed; run "
            "one, or plant uniform flips."
        )
    try:
        pairs = findings.confusion_pairs(ws.run_table(run.id, "confusions"))
    except NotFoundError:
        pairs = {}
    known = set(record.class_names)
    kept = [
        (right, wrong, weight)
        for (right, wrong), weight in pairs.items()
        if right in known and wrong in known and right != wrong and weight > 0
    ]
    if not kept:
        raise UnsuitableDataError(
            f"Audit {run.id} of {record.name} suggests no other class for any sample, so there "
            "are no confusion pairs to follow; plant uniform flips."
        )
    return kept
