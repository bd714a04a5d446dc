"""Progress: the one callback through which long work reports and learns that it is cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Protocol


class Cancelled(BaseException):
    """Raised by a progress callback when the person asked to stop; passes `except Exception`."""


class Progress(Protocol):
    def __call__(self, fraction: float, stage: str) -> None:
        """Report that `fraction` (0 to 1) is done and `stage` is running; may raise Cancelled."""


def silent(fraction: float, stage: str) -> None:
    """Ignore every report."""


def in_proportion(progress: Progress, seconds: Sequence[float]) -> list[Progress]:
    """Return a Progress for each of several stages in a row, as long as it is to take.

    Args:
        seconds: of each stage; what is estimated to take no time gets a hundredth of the longest,
            so that no stage passes unseen.
    """
    least = max(seconds, default=0.0) / 100 or 1.0
    ends = [0.0, *accumulate(max(each, least) for each in seconds)]
    return [part(progress, start / ends[-1], end / ends[-1]) for start, end in pairwise(ends)]


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return a Progress whose 0 to 1 is the stretch `start` to `end` of `progress`."""

    def report(fraction: float, stage: str) -> None:
        progress(start + (end - start) * min(max(fraction, 0.0), 1.0), stage)

    return report
