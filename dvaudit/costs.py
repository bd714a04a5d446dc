"""What the stages of an audit cost: said before it starts, and what its progress goes by."""

from __future__ import annotations

from collections.abc import Iterable

from dvaudit import features, findings
from dvaudit.core.dataset import Kind
from dvaudit.core.machine import Cost, Machine
from dvaudit.valuators import Method

START_SECONDS = 4.0  # until the worker has loaded torch
READ_SECONDS, SAVE_SECONDS = 2.0, 1.0
TYPICAL_DIMENSIONS = {Kind.IMAGE: 4096, Kind.TABULAR: 128, Kind.VECTOR: 512}


def of_methods(
    methods: Iterable[Method],
    samples: int,
    dimensions: int,
    classes: int,
    machine: Machine,
) -> dict[str, Cost]:
    """Return what each method costs by name, vectors given.

    Args:
        classes: 0 for regression and for data without labels.
    """
    return {
        method.name: method.estimate(samples, dimensions, classes or 1, machine)
        for method in methods
    }


def of_features(kind: Kind, extractor: str | None, samples: int, machine: Machine) -> float | None:
    """Return the seconds of extracting; None for an extractor that was not measured.

    Args:
        extractor: None is the automatic one.
    """
    used = extractor or features.automatic_for(kind)
    return features.extraction_seconds(used, samples, machine)


def of_findings(samples: int, dimensions: int, machine: Machine) -> float:
    """Return the seconds of what follows the methods: the nearest samples take most of it."""
    return findings.neighbour_seconds(samples, dimensions, machine)
