"""Settings beyond what the data allow: said, and never lowered in silence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Clamp:
    """A setting by name, what was asked for, the less that was used, and why."""

    setting: str
    asked: int
    used: int
    why: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.asked:,} asked for, {self.used:,} used, {self.why}"
