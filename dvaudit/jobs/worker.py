"""Worker process: `python -m dvaudit.jobs.worker ROOT RUN_ID [ALLOWED_PREFIX ...]`."""

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

NICENESS: Final = 5  # the web server goes first on a shared processor


def main(arguments: Sequence[str]) -> int:
    """Work on one claimed run; return 0 when it is done, cancelled or no longer to be done."""
    root, run_id, *allowed = arguments
    faulthandler.enable()
    if hasattr(os, "nice"):
        with contextlib.suppress(PermissionError):
            os.nice(NICENESS)
    run_dir = Path(root) / "runs" / run_id
    run_dir.mkdir(parents=True, exist_ok=True)
    # The lock comes before the slow imports: until it is held the run counts as starting.
    try:
        with hold(run_dir):
            return _work(Path(root), run_id, allowed)
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
