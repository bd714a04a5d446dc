"""The cut-off a person chooses: what counts as flagged in an audit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CutBy(StrEnum):
    """What draws the line between flagged and not flagged."""

    METHODS = "methods"
    RANK = "rank"
    MARGIN = "margin"


@dataclass(frozen=True)
class CutOff:
    """`METHODS` takes the audit's own flags; `RANK` the `rank` most suspicious samples; `MARGIN`
    those whose suggestion beats the given label by more than `margin`."""

    by: CutBy = CutBy.METHODS
    rank: int = 0
    margin: float = 0.0

    def words(self) -> str:
        """Return the rule in words, to follow "flagged:"."""
        if self.by is CutBy.RANK:
            return f"the {self.rank:,} most suspicious {'sample' if self.rank == 1 else 'samples'}"
        if self.by is CutBy.MARGIN:
            return f"samples whose label loses to another by more than {self.margin:.3g}"
        return "what the methods flag themselves"
