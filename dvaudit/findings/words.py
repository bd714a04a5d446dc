"""Counts in sentences."""

from __future__ import annotations


def counted(number: int, one: str, many: str) -> str:
    """Return "1 group" or "2,345 groups"."""
    return f"1 {one}" if number == 1 else f"{number:,} {many}"
