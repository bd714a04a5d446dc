"""One audit from data to findings: vectors, values, findings, and the record to run it again."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit import costs, findings, reporting, reports, valuators
from dvaudit.core.dataset import Dataset, Kind, Task
from dvaudit.core.device import machine_of, resolve_device
from dvaudit.core.errors import DvauditError, SettingsError, UnsuitableDataError
from dvaudit.core.joining import take
from dvaudit.core.machine import Machine
from dvaudit.core.progress import Progress, in_proportion, part, silent
from dvaudit.core.result import ValuationResult
from dvaudit.core.sampling import stratified_rows
from dvaudit.core.settings import check_seed
from dvaudit.core.trace import Watch, unwatched
from dvaudit.findings import Findings
from dvaudit.valuators import Level, Method

SCHEMA_VERSION = 1
PLANE = "plane"  # the stored array of Audit.plane
RATE_ROWS = 2000  # samples that tell the share of wrong labels within two percent or so
RECORDED_PACKAGES = ("dvaudit", "numpy", "pandas", "scipy", "scikit-learn", "torch", "pillow")


@dataclass(frozen=True, eq=False)
class Audit:
    """A finished audit.

    Attributes:
        results: by valuator name, in the order asked for: of methods that value samples.
        contributors: the same of methods that value contributors.
        record: schema version, fingerprint, settings, seed, device, versions and timings: enough
            to run the audit again; JSON-able.
        plane: (n, 2) places of the samples on their first two principal components, see
            findings.on_grid; None where they were not asked for.
    """

    data: Dataset
    results: Mapping[str, ValuationResult]
    findings: Findings
    record: Mapping[str, Any]
    contributors: Mapping[str, ValuationResult] = field(default_factory=dict)
    plane: NDArray[np.uint16] | None = None

    @property
    def failed(self) -> Mapping[str, str]:
        """Return why, by the name of each method that failed while others did not."""
        found: Mapping[str, str] = self.record["failed"]
        return found

    def to_frame(self) -> pd.DataFrame:
        """Return one row per sample: the consensus, then each valuator's own columns."""
        return self.findings.samples

    def summary(self) -> dict[str, Any]:
        """Return the record with the counts and the error rate; JSON-able."""
        return reporting.summary_of(self.data, self.findings, dict(self.record))

    def save(self, folder: str | Path, choice: reports.Choice | None = None) -> list[Path]:
        """Write samples, corrections, report.html and audit.json; return their paths.

        A method that values contributors adds contributors.csv.

        Args:
            choice: which sections the report has, and how many samples it shows.
        """
        wanted = choice or reports.Choice()
        report = reporting.report_of(self.data, self.findings, dict(self.record), wanted.shown)
        written = reports.write_all(report, Path(folder), wanted)
        for result in self.contributors.values():
            written.append(
                reports.write_csv(contributor_frame(result), Path(folder) / "contributors.csv")
            )
        if any(result.trace is not None for result in self.results.values()):
            written.append(
                reports.write_parquet(self.trace_frame(), Path(folder) / "trace.parquet")
            )
        return written

    def trace_frame(self) -> pd.DataFrame:
        """Return values over training: valuator, id, step, value; a row for each one known."""
        frames = [
            result.trace.to_frame(result.ids).assign(valuator=name)
            for name, result in self.results.items()
            if result.trace is not None
        ]
        return pd.concat(frames, ignore_index=True)[["valuator", "id", "step", "value"]]


def contributor_frame(result: ValuationResult) -> pd.DataFrame:
    """Return one row per contributor: contributor, samples, value, std_error, and the rest."""
    columns = dict(result.columns)
    errors = np.zeros(len(result.ids)) if result.std_errors is None else result.std_errors
    return pd.DataFrame(
        {
            "contributor": list(result.ids),
            "samples": columns.pop("samples").astype(np.int64),
            "value": result.values,
            "std_error": errors,
            **columns,
        }
    )


def value(
    data: Dataset,
    valuator: str,
    *,
    trusted: Dataset | None = None,
    seed: int = 0,
    device: str = "auto",
    extractor: str | None = None,
    progress: Progress = silent,
    **settings: Any,
) -> ValuationResult:
    """Value every labelled sample, or contributor, by one method; its settings are keywords.

    Args:
        trusted: samples whose labels are known to be right, for the methods that need them.
        settings: of the method. `net` may be a torch module of your own, or a function from the
            shape of a sample and the number of outputs to one, for methods that train a net.

    Raises:
        UnsuitableDataError: data or trusted that was not loaded, or that the method does not do.
        SettingsError: an unknown method or setting, or a setting or seed out of bounds.
        NumericalError: values that are not finite.
    """
    _require_loaded(data, trusted)
    module = settings.pop("net") if callable(settings.get("net")) else None
    method = valuators.get(valuator, settings)
    if module is not None and not (
        isinstance(method, valuators.TrainedValuator) and hasattr(method.settings, "net")
    ):
        raise SettingsError(f"{valuator} trains no net, so it takes no module of your own.")
    shared = valuators.Shared(extractor, module=module)
    return method.value(
        data,
        trusted=trusted,
        seed=seed,
        device=resolve_device(device),
        progress=progress,
        shared=shared,
    )


def audit(
    data: Dataset,
    names: Sequence[str] = ("kernel-loo", "cg-score"),
    *,
    trusted: Dataset | None = None,
    seed: int = 0,
    device: str = "auto",
    extractor: str | None = None,
    extractor_settings: Mapping[str, Any] | None = None,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    cache: Path | None = None,
    progress: Progress = silent,
    watch: Watch = unwatched,
) -> Audit:
    """Value `data` by each method of `names` and gather the findings.

    What a method can be told to be unable to do is refused before any work. One that fails later
    costs nothing of the others: it is named in `Audit.failed`.

    Args:
        trusted: samples whose labels are known to be right, for the methods that need them.
        extractor: feature extractor; None chooses by the kind of data.
        settings: by valuator name, setting names and values.
        cache: folder where feature vectors are kept by content.
        watch: told of values while methods train.

    Raises:
        UnsuitableDataError: data or trusted that was not loaded, or that a method does not do.
        SettingsError: no method, one named twice, settings for a method not in `names`, or a
            setting or seed out of bounds.
        DvauditError: what the first method fails with, where all fail.
    """
    start = time.perf_counter()
    _require_loaded(data, trusted)
    check_seed(seed)
    methods = _methods(names, settings or {})
    for method in methods:
        method.check(data.kind, data.task)
    place = resolve_device(device)
    shared = valuators.Shared(extractor, extractor_settings, cache, watch)
    # Contributors come last: their features are those of the data with the trusted set.
    methods.sort(key=lambda method: method.level is not Level.SAMPLE)
    stages = _Stages(data, methods, extractor, machine_of(place), progress)
    vectors = shared.features(data, seed=seed, device=place, progress=stages.features)
    stages.go_on(int(vectors.matrix.shape[1]))
    results: dict[str, ValuationResult] = {}
    failed: dict[str, DvauditError] = {}
    for method in methods:
        try:
            results[method.name] = method.value(
                data,
                trusted=trusted,
                seed=seed,
                device=place,
                progress=_named(stages.methods[method.name], method.title),
                shared=shared,
            )
        except DvauditError as error:
            failed[method.name] = error
    if not results:
        raise _all_failed(failed)
    of_samples = {
        name: made for name, made in results.items() if valuators.lookup(name).level is Level.SAMPLE
    }
    found = findings.find(
        data,
        vectors.matrix,
        of_samples,
        rate=_rate_beside(data, vectors.matrix, of_samples, seed, place),
        progress=_named(stages.findings, "Findings"),
    )
    record = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset": {"name": data.name, "fingerprint": data.fingerprint, "samples": len(data)},
        "features": {
            "extractor": vectors.extractor,
            "settings": dict(vectors.settings),
            "dimensions": int(vectors.matrix.shape[1]),
            "from_cache": vectors.from_cache,
            "seconds": round(vectors.seconds, 3),
            "notes": list(vectors.notes),
        },
        "valuators": {
            name: {"status": result.status, "warnings": list(result.warnings), **result.stats}
            for name, result in results.items()
        },
        "failed": {name: str(error) for name, error in failed.items()},
        "seed": seed,
        "device": place,
        "versions": _versions(),
        "seconds": round(time.perf_counter() - start, 3),
    }
    plane = findings.on_grid(findings.principal_components(vectors.matrix, 2, seed))
    progress(1.0, "Done")
    of_contributors = {name: made for name, made in results.items() if name not in of_samples}
    return Audit(data, of_samples, found, record, of_contributors, plane)


class _Stages:
    """The progress of an audit's stages, each as long as it is estimated to take."""

    def __init__(
        self,
        data: Dataset,
        methods: Sequence[Method],
        extractor: str | None,
        machine: Machine,
        progress: Progress,
    ) -> None:
        self._data, self._methods, self._machine = data, methods, machine
        extracting = costs.of_features(data.kind, extractor, len(data), machine) or 0.0
        later = self._later(costs.TYPICAL_DIMENSIONS[data.kind])
        self._progress, self._reached = progress, 0.0
        self._share = extracting / ((extracting + sum(later)) or 1.0)

    def features(self, fraction: float, stage: str) -> None:
        """Report on the features; vectors from the cache say only that they are there."""
        if fraction < 1:
            self._reached = self._share * fraction
        self._progress(self._reached, stage)

    def go_on(self, dimensions: int) -> None:
        """Divide what is left among the stages after the features."""
        rest = part(self._progress, self._reached, 1.0)
        stages = in_proportion(rest, self._later(dimensions))
        self.methods = {
            method.name: stage for method, stage in zip(self._methods, stages, strict=False)
        }
        self.findings = stages[-1]

    def _later(self, dimensions: int) -> list[float]:
        samples, classes = len(self._data), len(self._data.class_names)
        found = costs.of_methods(self._methods, samples, dimensions, classes, self._machine)
        return [
            *(cost.seconds for cost in found.values()),
            costs.of_findings(samples, dimensions, self._machine),
        ]


def _all_failed(failed: Mapping[str, DvauditError]) -> DvauditError:
    """Return one error for all: of the first one's kind, saying each reason once."""
    first = next(iter(failed.values()))
    if len({str(error) for error in failed.values()}) == 1:
        return first
    return type(first)(" ".join(f"{name}: {error}" for name, error in failed.items()))


def _require_loaded(data: object, trusted: object) -> None:
    given = {"data": data} if trusted is None else {"data": data, "trusted": trusted}
    for name, what in given.items():
        if not isinstance(what, Dataset):
            raise UnsuitableDataError(
                f"{name} is a {type(what).__name__} and no dataset; load it first, where its "
                f"label column can be named: {name} = dvaudit.load(...)."
            )


def _rate_beside(
    data: Dataset,
    matrix: NDArray[np.floating],
    results: Mapping[str, ValuationResult],
    seed: int,
    device: str,
) -> findings.ErrorRate | None:
    """Estimate the share of wrong labels where methods rank samples and none scores classes.

    By kernel-loo on at most RATE_ROWS samples: how many of a ranking to flag follows from it.
    """
    ranked = [result for result in results.values() if result.detects_mislabels]
    if (
        data.task is not Task.CLASSIFICATION
        or data.labels is None
        or not ranked
        or any(result.class_scores is not None for result in ranked)
    ):
        return None
    labelled = np.flatnonzero(data.labelled)
    rows = labelled[stratified_rows(data.labels[labelled].astype(np.int64), RATE_ROWS, seed)]
    part_of = replace(
        take(data, rows),
        kind=Kind.VECTOR,
        images=None,
        table=None,
        vectors=matrix[rows].astype(np.float64),
    )
    name = "kernel-loo"
    scored = valuators.get(name).value(part_of, seed=seed, device=device)
    return findings.label_rate(part_of, {name: scored})


def _methods(
    names: Sequence[str], settings: Mapping[str, Mapping[str, Any]]
) -> list[valuators.Method]:
    if not names:
        raise SettingsError(f"Name at least one valuator of: {', '.join(valuators.names())}.")
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise SettingsError(f"{', '.join(repeated)} is named twice; name each valuator once.")
    stray = [name for name in settings if name not in names]
    if stray:
        raise SettingsError(
            f"There are settings for {', '.join(stray)}, which is not among the valuators of "
            f"this audit: {', '.join(names)}."
        )
    return [valuators.get(name, settings.get(name)) for name in names]


def _named(progress: Progress, title: str) -> Progress:
    return lambda fraction, stage: progress(fraction, f"{title}: {stage}")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # dvaudit itself, when run from a checkout
            found[package] = "not installed"
    return found
