"""Use cases before an audit: what it would cost, and what can be told to fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dvaudit import costs, features, valuators
from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, this_machine
from dvaudit.core.settings import parse
from dvaudit.store import DatasetRecord, Workspace
from dvaudit.stored import ready

Settings = Mapping[str, Mapping[str, Any]]


def checked_methods(
    record: DatasetRecord, names: Sequence[str], settings: Settings | None = None
) -> list[valuators.Method]:
    """Return valuators with their settings, checked against the form of a dataset.

    Raises:
        SettingsError: an unknown valuator or setting, a value out of bounds, or values that
            contradict each other.
        UnsuitableDataError: a valuator does not do the task, or its net not the kind of samples.
        MissingDependencyError: a package that a valuator needs is not installed.
    """
    assert record.kind is not None
    methods = [valuators.get(name, (settings or {}).get(name)) for name in names]
    for method in methods:
        method.check(record.kind, record.task or Task.UNSUPERVISED)
    return methods


def estimate(
    ws: Workspace, dataset_id: str, names: Sequence[str], settings: Settings | None = None
) -> dict[str, Cost]:
    """Return what each valuator would cost on a dataset, vectors given; refuses what
    `checked_methods` does."""
    record = ready(ws, dataset_id)
    assert record.kind is not None
    assert record.samples is not None
    methods = checked_methods(record, names, settings)
    dimensions, classes = costs.TYPICAL_DIMENSIONS[record.kind], len(record.class_names)
    return costs.of_methods(methods, record.samples, dimensions, classes, this_machine())


def estimate_rest(
    ws: Workspace,
    dataset_id: str,
    extractor: str | None = None,
    extractor_settings: Mapping[str, Any] | None = None,
) -> Cost:
    """Return what an audit costs beside its valuators: start, reading, features and neighbours.

    Features are computed the first time only. `plan` says what is counted.

    Raises:
        SettingsError: an unknown extractor or setting of it, or a value out of bounds.
    """
    record = ready(ws, dataset_id)
    assert record.kind is not None
    assert record.samples is not None
    used = features.get(extractor or features.automatic_for(record.kind))
    parse(used.Settings, extractor_settings or {}, used.name)
    machine, dimensions = this_machine(), costs.TYPICAL_DIMENSIONS[record.kind]
    extracting = costs.of_features(record.kind, extractor, record.samples, machine)
    near = costs.of_findings(record.samples, dimensions, machine)
    plan = "reading, features, neighbours"
    if extracting is None:
        plan = "reading, neighbours; features come on top"
    seconds = costs.START_SECONDS + near + (extracting or 0.0)
    return Cost(seconds, 4 * record.samples * dimensions, plan)
