"""Functions that runs of the tests call in worker processes."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path

from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress
from dvaudit.store import RunRecord, Workspace


def units(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Do five units, each once over all attempts; pause before unit `gate` until a file appears."""
    folder = ws.run_dir(run.id)
    pause = threading.Event()
    for unit in range(5):
        progress(unit / 5, f"unit {unit}")
        while unit == run.params.get("gate") and not (folder / "go").exists():
            progress(unit / 5, f"at the gate {unit}")
            pause.wait(0.02)
        done = folder / f"unit-{unit}"
        if not done.exists():
            _note(folder, str(unit))
            done.touch()


def fail(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    progress(0.4, "about to fail")
    raise ValueError("bad sample 3\nand more about it")


def refuse(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    raise UnsuitableDataError("All 10 samples have one class; add another.")


def deaf(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Stay away from Progress, as inside a long library call."""
    progress(0.1, "deaf")
    threading.Event().wait()


def crash(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    ctypes.string_at(0)


def with_child(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Fork a process, which inherits the lock, and wait with it."""
    child = os.fork()
    if child == 0:
        threading.Event().wait()
    _note(ws.run_dir(run.id), str(child))
    progress(0.1, "forked")
    threading.Event().wait()


def chatter(ws: Workspace, run: RunRecord, progress: Progress) -> None:
    """Note the environment of a worker."""
    threads = os.environ["OMP_NUM_THREADS"]
    _note(ws.run_dir(run.id), f"{os.nice(0)} {threads} {os.getpgrp() == os.getpid()}")


def get_ready() -> None:
    """Load nothing, and say something that belongs to no run."""
    print("ready before there is a run")


def never_ready() -> None:
    threading.Event().wait()


def fail_to_get_ready() -> None:
    raise ValueError("a library is missing")


def _note(folder: Path, line: str) -> None:
    with (folder / "notes.txt").open("a") as file:
        file.write(f"{line}\n")
