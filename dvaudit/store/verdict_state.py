"""What the verdict log amounts to, kept in memory and brought up to date by its new rows only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dvaudit.core.decisions import Decision, Entry
from dvaudit.core.people import folded


@dataclass
class _State:
    read: int = 0
    decisions: dict[str, Decision] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    spellings: dict[str, list[str]] = field(default_factory=dict)  # by folded name


class States:
    """Decisions and versions in force, by dataset. Reading costs what was stored since.

    The log only grows, in the order of its numbers, whichever process adds to it.
    """

    def __init__(self, since: Callable[[str, int], list[Entry]]) -> None:
        self._since = since
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    def decisions(self, dataset_id: str) -> dict[str, Decision]:
        """The decision in force of every sample that has one, oldest first; a copy."""
        with self._lock:
            return self._current(dataset_id).decisions.copy()

    def versions(self, dataset_id: str) -> dict[str, int]:
        """The newest version number of every sample ever decided on; a copy."""
        with self._lock:
            return self._current(dataset_id).versions.copy()

    def spellings(self, dataset_id: str, reviewer: str) -> list[str]:
        """Every spelling of a reviewer's name in the log, the first one first; at least the own."""
        with self._lock:
            found = self._current(dataset_id).spellings.get(folded(reviewer), [])
            return found.copy() or [reviewer]

    def _current(self, dataset_id: str) -> _State:
        state = self._states.setdefault(dataset_id, _State())
        for entry in self._since(dataset_id, state.read):
            state.read = entry.number
            state.versions[entry.sample_id] = entry.version
            spelled = state.spellings.setdefault(folded(entry.reviewer), [])
            if entry.reviewer not in spelled:
                spelled.append(entry.reviewer)
            state.decisions.pop(entry.sample_id, None)
            if entry.decision is not None:
                state.decisions[entry.sample_id] = entry.decision
        return state
