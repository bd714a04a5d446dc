"""Worker process: `python -m dvaudit.jobs.worker ROOT RUN_ID [ALLOWED_PREFIX ...]`.

Or `... worker --standby ROOT PREPARE [ALLOWED_PREFIX ...]`: load what PREPARE, an import string,
loads, and wait for the run's id on standard input.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from filelock import Timeout

from dvaudit.jobs.liveness import hold
from dvaudit.jobs.processes import STANDBY

NICENESS: Final = 5  # the web server goes first on a shared processor


def main(arguments: Sequence[str]) -> int:
    """Work on one claimed run; return 0 when it is done, cancelled or no longer to be done."""
    faulthandler.enable()
    if hasattr(os, "nice"):
        with contextlib.suppress(PermissionError):
            os.nice(NICENESS)
    if arguments[0] == STANDBY:
        _, root, prepare, *allowed = arguments
        return _stand_by(Path(root), prepare, allowed)
    root, run_id, *allowed = arguments
    return _take(Path(root), run_id, allowed)


def _stand_by(root: Path, prepare: str, allowed: Sequence[str]) -> int:
    import dvaudit.jobs.execute
    import dvaudit.store  # noqa: F401
    from dvaudit.jobs.functions import ALLOWED, find

    find(prepare, allowed or ALLOWED)()
    run_id = sys.stdin.readline().strip()
    if not run_id:
        return 0  # nothing is expected any more, or the supervisor is gone
    _speak_to(root / "runs" / run_id)
    return _take(root, run_id, allowed)


def _speak_to(run_dir: Path) -> None:
    """Let what this process prints go to the log of a run, and give it nothing to read."""
    from dvaudit.jobs.logs import open_log

    run_dir.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    for opened, ends in ((open_log(run_dir), (1, 2)), (os.open(os.devnull, os.O_RDONLY), (0,))):
        for end in ends:
            os.dup2(opened, end)
        os.close(opened)


def _take(root: Path, run_id: str, allowed: Sequence[str]) -> int:
    run_dir = root / "runs" / run_id
    run_dir.mkdir(parents=True, exist_ok=True)
    # The lock comes before the slow imports: until it is held the run counts as starting.
    try:
        with hold(run_dir):
            return _work(root, run_id, allowed)
    except Timeout:
        print(f"Another worker has run {run_id}.", flush=True)
        return 0


def _work(root: Path, run_id: str, allowed: Sequence[str]) -> int:
    from dvaudit.core.progress import Cancelled
    from dvaudit.jobs.execute import attempt
    from dvaudit.jobs.functions import ALLOWED
    from dvaudit.store import Workspace

    with Workspace(root) as ws:
        run = ws.queue.begin(run_id, os.getpid())
        if run is None:
            return 0
        print(f"Run {run.id}, attempt {run.attempt}: {dict(run.params)}", flush=True)
        problem = attempt(ws, run, allowed or ALLOWED)
        return 0 if problem is None or isinstance(problem, Cancelled) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
