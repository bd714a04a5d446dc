"""What a person decided about a sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dvaudit.core.people import folded


class Verdict(StrEnum):
    KEEP = "keep"
    RELABEL = "relabel"
    DROP = "drop"
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on one sample; `label` is the new label as text, for RELABEL only."""

    sample_id: str
    verdict: Verdict
    label: str | None = None

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.RELABEL) != (self.label is not None):
            raise ValueError("a relabel needs a label, and no other verdict takes one")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a dataset's verdict log.

    Attributes:
        number: rows are numbered in the order they were stored.
        at: seconds since 1970, UTC.
        version: counts the rows of a sample from 1.
        decision: what is in force from here on; None for nothing.
        reviewer: who did it; empty where nobody said.
        undoes: number of the row this one takes back.
        action: names the rows stored, and undone, at once; None for a row by itself.
        resolves: it settles what reviewers had judged differently before.
    """

    number: int
    at: float
    sample_id: str
    version: int
    decision: Decision | None
    reviewer: str = ""
    undoes: int | None = None
    action: str | None = None
    resolves: bool = False


@dataclass(frozen=True)
class Assignment:
    """A queue shared out among reviewers; the newest one of a dataset counts.

    Attributes:
        number: assignments are numbered in the order they were made.
        at: seconds since 1970, UTC.
        made_by: who shared it out; empty where nobody said.
        queue: which queue it was, in words.
        parts: the sample ids of each reviewer, in the order to review.
    """

    number: int
    at: float
    made_by: str
    queue: str
    parts: Mapping[str, tuple[str, ...]]

    def of(self, reviewer: str) -> tuple[str, ...]:
        """Return a reviewer's part, in order; empty for somebody without one."""
        who = folded(reviewer)
        return next((part for name, part in self.parts.items() if folded(name) == who), ())
