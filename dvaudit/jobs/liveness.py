"""Who works on a run: the process that holds its lock. The system drops the lock on any death."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

LOCK_NAME: Final = "lock"
_PROBES_OVER: Final = 10.0  # seconds; a probe holds the lock for microseconds


@contextlib.contextmanager
def hold(run_dir: Path) -> Iterator[None]:
    """Hold the lock of a run, waiting while supervisors probe it.

    Raises:
        filelock.Timeout: another process works on the run.
    """
    with FileLock(run_dir / LOCK_NAME, timeout=_PROBES_OVER):
        yield


def is_held(run_dir: Path) -> bool:
    """True while a process works on the run."""
    lock = FileLock(run_dir / LOCK_NAME, timeout=0)
    try:
        with lock:
            return False
    except Timeout:
        return True


def kill_group(pid: int) -> None:
    """End a worker and all processes it started; nothing happens where they are gone."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            os.kill(pid, signal.SIGTERM)
        else:
            os.killpg(pid, signal.SIGKILL)


def process_exists(pid: int) -> bool:
    """True while the system lists the process; also for another one that got its number."""
    if sys.platform == "win32":
        return True  # signal 0 would end it there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def ending(returncode: int) -> str:
    """Say in a sentence how a worker ended that did not say so itself."""
    if returncode >= 0:
        return f"The worker process ended by itself with exit status {returncode}."
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = "unknown"
    hint = "; too little memory is the usual cause" if name == "SIGKILL" else ""
    return f"The worker process was ended by signal {-returncode} ({name}){hint}."
