"""How long an extraction takes, roughly."""

from __future__ import annotations

from dvaudit.core.machine import Machine

# Operations per sample that a matrix product does in the time one sample was measured to take,
# reading included; for images, of ordinary photographs: small ones take a third.
OPERATIONS = {"patches": 2e8, "pixels": 5e7, "backbone": 5e9, "tabular": 5e6, "vectors": 0.0}


def extraction_seconds(extractor: str, samples: int, machine: Machine) -> float | None:
    """Return the seconds of extracting `samples`; None for an extractor that was not measured."""
    operations = OPERATIONS.get(extractor)
    return None if operations is None else operations * samples / machine.flops
