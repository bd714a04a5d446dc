"""Runs that somebody is about to ask for: a page says so, and the supervisors get ready.

What is said lies in a file of the workspace, since another process may supervise it.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from dvaudit.jobs.waking import wake
from dvaudit.store import RunKind, Workspace

LASTS: Final = 600.0  # seconds that an expectation is held after it was last said
SAID_AGAIN: Final = 10.0  # seconds before it is written once more


@dataclass(frozen=True)
class Expected:
    """The kind of run that is expected, and the import string of what gets a process ready."""

    kind: RunKind
    prepare: str


def expect(ws: Workspace, kind: RunKind, prepare: Callable[[], None]) -> None:
    """Say that a run of a kind is likely to be submitted soon; the last kind said counts.

    Args:
        prepare: called in the waiting process, to load what such a run needs.
    """
    wanted = Expected(kind, f"{prepare.__module__}:{prepare.__name__}")
    path = _path(ws.root)
    if (before := _said(path)) and before[0] == wanted and before[1] < SAID_AGAIN:
        return
    # Where nothing can be written, the run itself will say so.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{uuid.uuid4().hex}.tmp")
        try:
            draft.write_text(json.dumps(asdict(wanted)), encoding="utf-8")
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    wake(ws.root)


def expected(root: Path) -> Expected | None:
    """Return what is expected in a workspace now, None where nothing is."""
    said = _said(_path(root))
    return said[0] if said is not None and said[1] < LASTS else None


def _path(root: Path) -> Path:
    return root / "cache" / "expected.json"


def _said(path: Path) -> tuple[Expected, float] | None:
    """Return what was said last, and the seconds since; None where nothing readable was."""
    try:
        # A clock that was set back makes no expectation last longer.
        age = abs(time.time() - path.stat().st_mtime)
        found = json.loads(path.read_text(encoding="utf-8"))
        return Expected(RunKind(found["kind"]), str(found["prepare"])), age
    except (OSError, ValueError, KeyError, TypeError):
        return None
