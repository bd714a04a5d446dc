"""How long a run is still to take, from how far it has come when."""

from __future__ import annotations

from collections import deque
from typing import Final

_TELLS_AFTER: Final = 3.0  # seconds of work from which its speed says how long the rest takes
_TELLS_FROM: Final = 0.1  # or the share of the work done
_LATELY: Final = 20.0  # seconds whose speed is that of late


class Remaining:
    """Seconds left at the speed so far or, where it is slower, of late: stages are of unlike speed.

    Args:
        start: time of the first report, in seconds of any clock.
        fraction: of that report; work done before a resume tells nothing.
    """

    def __init__(self, start: float, fraction: float) -> None:
        self._first = start, fraction
        self._lately = deque([self._first])

    def told(self, now: float, fraction: float) -> float | None:
        """Return the seconds left; None at first, before the long part has begun."""
        self._lately.append((now, fraction))
        while now - self._lately[1][0] >= _LATELY:
            self._lately.popleft()
        start, before = self._first
        if fraction <= before:
            return None
        if now - start < _TELLS_AFTER and fraction - before < _TELLS_FROM:
            return None
        left = (now - start) * (1 - fraction) / (fraction - before)
        since, behind = self._lately[0]
        if now - since < _LATELY or fraction <= behind:
            return left
        return max(left, (now - since) * (1 - fraction) / (fraction - behind))
