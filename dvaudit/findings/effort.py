"""How long the findings take: comparing every sample with the others."""

from __future__ import annotations

from dvaudit.core.machine import Machine
from dvaudit.findings.forest import EXACT_ROWS, LEAF, TREES

EFFICIENCY = 0.25  # of a matrix product's speed: the nearest are sorted out, too; measured


def neighbour_seconds(samples: int, dimensions: int, machine: Machine) -> float:
    """Return the seconds that the nearest samples take, roughly: n^2 d, for a forest n LEAF d."""
    others = samples if samples <= EXACT_ROWS else TREES * LEAF
    return 2.0 * samples * others * dimensions / (EFFICIENCY * machine.flops)
