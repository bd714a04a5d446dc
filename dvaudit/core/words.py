"""Counts in sentences."""

from __future__ import annotations


def count(number: int, one: str, many: str | None = None) -> str:
    """Return "1 class", "12,000 samples"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
