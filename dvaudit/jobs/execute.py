"""One attempt of a run, in the process that holds its lock."""

from __future__ import annotations

import traceback
from collections.abc import Sequence

from dvaudit.core.errors import DvauditError
from dvaudit.core.progress import Cancelled, Progress
from dvaudit.jobs import logs
from dvaudit.jobs.functions import resolve
from dvaudit.jobs.reporter import Reporter
from dvaudit.store import RunRecord, RunStatus, Workspace


def attempt(
    ws: Workspace, run: RunRecord, allowed: Sequence[str], also: Progress | None = None
) -> BaseException | None:
    """Call the function of a running run and store how it ended.

    Reports go to the run's row, and to `also`. Returns what ended it early: Cancelled, or what
    the function raised, whose traceback is in the log; None when it is done.
    """
    try:
        with Reporter(ws.queue, run.id) as reporter:
            resolve(run.params, allowed)(ws, run, _both(reporter, also))
    except Cancelled as cancelled:
        ws.queue.finish(run.id, run.attempt, RunStatus.CANCELLED)
        return cancelled
    except BaseException as error:
        logs.append(ws.run_dir(run.id), traceback.format_exc())
        ws.queue.finish(run.id, run.attempt, RunStatus.FAILED, reason(error))
        return error
    ws.queue.finish(run.id, run.attempt, RunStatus.DONE)
    return None


def reason(error: BaseException) -> str:
    """One line: the message of a DvauditError alone, type and first line of others."""
    if isinstance(error, DvauditError):
        return " ".join(str(error).split())
    kind = type(error).__name__
    lines = str(error).strip().splitlines()
    return f"{kind}: {lines[0]}" if lines else kind


def _both(first: Progress, second: Progress | None) -> Progress:
    if second is None:
        return first
    other = second

    def report(fraction: float, stage: str) -> None:
        first(fraction, stage)
        other(fraction, stage)

    return report
