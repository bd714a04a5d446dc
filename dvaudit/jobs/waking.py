"""Waking the supervisors of this process at once; those of other processes look by themselves."""

from __future__ import annotations

import threading
from pathlib import Path

_lock = threading.Lock()
_sleepers: dict[Path, list[threading.Event]] = {}


def attend(root: Path, event: threading.Event) -> None:
    """Let `wake` of the same workspace folder set an event."""
    with _lock:
        _sleepers.setdefault(root, []).append(event)


def leave(root: Path, event: threading.Event) -> None:
    """Take an event back; nothing happens where it is not there."""
    with _lock:
        left = [other for other in _sleepers.pop(root, []) if other is not event]
        if left:
            _sleepers[root] = left


def wake(root: Path) -> None:
    """Tell those who attend to a workspace that there is something to do."""
    with _lock:
        for event in _sleepers.get(root, []):
            event.set()
