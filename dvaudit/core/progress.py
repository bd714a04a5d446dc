"""Progress: the one callback through which long work reports and learns that it is cancelled."""

from __future__ import annotations

from typing import Protocol


class Cancelled(BaseException):
    """Raised by a progress callback when the person asked to stop; passes `except Exception`."""


class Progress(Protocol):
    def __call__(self, fraction: float, stage: str) -> None:
        """Report that `fraction` (0 to 1) is done and `stage` is running; may raise Cancelled."""


def silent(fraction: float, stage: str) -> None:
    """Ignore every report."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return a Progress whose 0 to 1 is the stretch `start` to `end` of `progress`."""

    def report(fraction: float, stage: str) -> None:
        progress(start + (end - start) * min(max(fraction, 0.0), 1.0), stage)

    return report
