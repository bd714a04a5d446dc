"""What a person decided about a sample."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    KEEP = "keep"
    RELABEL = "relabel"
    DROP = "drop"
    UNSURE = "unsure"


@dataclass(frozen=True)
class Decision:
    """A verdict on one sample; `label` is the new label as text, for RELABEL only."""

    sample_id: str
    verdict: Verdict
    label: str | None = None

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.RELABEL) != (self.label is not None):
            raise ValueError("a relabel needs a label, and no other verdict takes one")
