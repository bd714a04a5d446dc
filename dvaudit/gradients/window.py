"""The window of LiveVal: how far ahead of a step its reference lies. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass

from dvaudit.core.errors import SettingsError


@dataclass(frozen=True)
class Window:
    """How far ahead the reference lies, in steps, and when that changes.

    Attributes:
        start, least, most: delta_1 and its bounds.
        step: by how much it changes.
        slow, rapid: rates of loss change a step below and above which it shrinks and grows.
    """

    start: int = 2
    least: int = 1
    most: int = 3
    step: int = 1
    slow: float = 0.05
    rapid: float = 0.1

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.start <= self.most or self.step < 0:
            raise SettingsError(
                f"The window is {self.start} between {self.least} and {self.most}, by "
                f"{self.step}; give 1 <= least <= start <= most and a step of 0 or more."
            )
        if self.slow > self.rapid:
            raise SettingsError(
                f"The slow rate {self.slow:g} is above the rapid rate {self.rapid:g}; swap them."
            )

    def after(self, delta: int, rate: float) -> int:
        """Return the next window (14)."""
        if rate > self.rapid:
            return min(delta + self.step, self.most)
        return max(delta - self.step, self.least) if rate < self.slow else delta
