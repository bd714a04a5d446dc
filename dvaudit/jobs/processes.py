"""Starting worker processes, and the environment they get."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

WORKER: Final = "dvaudit.jobs.worker"
STANDBY: Final = "--standby"


def start(
    arguments: Sequence[str], *, stdin: int, stdout: int, stderr: int | IO[bytes] | None
) -> subprocess.Popen[bytes]:
    """Start a worker as the leader of a session of its own.

    Raises:
        OSError: the system starts no process.
    """
    return subprocess.Popen(
        # -P: a file in the current folder must not stand in for a library.
        [sys.executable, "-P", "-m", WORKER, *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        env=worker_environment(),
    )


def worker_environment() -> dict[str, str]:
    """This environment, with dvaudit importable, one thread per core, and text in UTF-8."""
    package_parent = str(Path(__file__).resolve().parents[2])
    path = os.environ.get("PYTHONPATH")
    cores = str(_cores())
    defaults = {"OMP_NUM_THREADS": cores, "MKL_NUM_THREADS": cores, "OPENBLAS_NUM_THREADS": cores}
    return {
        **defaults,
        **os.environ,
        "PYTHONPATH": os.pathsep.join([package_parent, path] if path else [package_parent]),
        "PYTHONUTF8": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # what a container or a batch system leaves to us
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
