"""What the server and the command line ask of runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from filelock import Timeout

from dvaudit.core.progress import Progress
from dvaudit.jobs.execute import attempt
from dvaudit.jobs.functions import ALLOWED, check
from dvaudit.jobs.liveness import hold
from dvaudit.jobs.waking import wake
from dvaudit.store import RunStatus, Workspace, WorkspaceError

_POLL = 0.25


def submit(ws: Workspace, run_id: str, *, allowed: Sequence[str] = ALLOWED) -> None:
    """Hand a queued run to whichever supervisor serves the workspace; twice is as good as once.

    Raises:
        NotFoundError: no such run.
        UnknownFunctionError: its function is not one that runs may call.
    """
    check(ws.run(run_id).params, allowed)
    ws.queue.submit(run_id)
    wake(ws.root)


def cancel(ws: Workspace, run_id: str) -> None:
    """Cancel a queued run at once; ask an active one to stop, and kill it after a grace period.

    A run that has ended stays as it is.
    """
    ws.queue.cancel(run_id)


def resume(ws: Workspace, run_id: str) -> None:
    """Queue a failed, cancelled or interrupted run again; its folder is as it was left.

    Raises:
        WorkspaceError: the run is done or still live.
    """
    ws.queue.resume(run_id)
    wake(ws.root)


def work_here(
    ws: Workspace,
    run_id: str,
    *,
    progress: Progress | None = None,
    allowed: Sequence[str] = ALLOWED,
) -> None:
    """Do a queued run in this process, beside the limits of the supervisors, and return when done.

    Where a worker has it already, wait for that one.

    Raises:
        WorkspaceError: the run ended elsewhere in another state than done.
        BaseException: what the function raised; Cancelled when somebody cancelled it.
    """
    if not ws.queue.claim_one(run_id):
        _await_other(ws, run_id)
        return
    try:
        with hold(ws.run_dir(run_id)):
            run = ws.queue.begin(run_id, pid=None)
            problem = None if run is None else attempt(ws, run, allowed, progress)
    except Timeout:
        run, problem = None, None
    if problem is not None:
        raise problem
    if run is None:
        _await_other(ws, run_id)


def _await_other(ws: Workspace, run_id: str) -> None:
    pause = threading.Event()
    while (run := ws.run(run_id)).status.is_live:
        pause.wait(_POLL)
    if run.status is not RunStatus.DONE:
        raise WorkspaceError(f"Run {run_id} is {run.status}: {run.error or 'it was stopped'}")
