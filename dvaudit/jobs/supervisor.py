"""Supervisor: starts workers for queued runs, and notices those that died or will not stop."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dvaudit.jobs import logs
from dvaudit.jobs.functions import ALLOWED
from dvaudit.jobs.liveness import ending, is_held, kill_group, process_exists
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.store.runs import ActiveRun

LIMITS: Final[Mapping[RunKind, int]] = dict.fromkeys(RunKind, 1)
GRACE: Final = 5.0  # seconds between a request to stop and the kill
START_GRACE: Final = 30.0  # seconds a worker may take to its lock when nobody can see its process
WORKER: Final = "dvaudit.jobs.worker"
_LOG = logging.getLogger(__name__)


class Supervisor:
    """A thread of the server that brings the run table and the processes into line.

    Every tick depends on the table and the locks alone, so several supervisors of one workspace
    (two servers, a restart) do no harm. Workers outlive it; the next supervisor adopts them.
    """

    def __init__(
        self,
        root: Path,
        *,
        allowed: Sequence[str] = ALLOWED,
        limits: Mapping[RunKind, int] = LIMITS,
        grace: float = GRACE,
        start_grace: float = START_GRACE,
        interval: float = 0.25,
    ) -> None:
        self._root = Path(root).absolute()
        self._allowed = tuple(allowed)
        self._limits = limits
        self._grace = grace
        self._start_grace = start_grace
        self._interval = interval
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._ws = Workspace(self._root)

    def start(self) -> None:
        """Start ticking; starting twice changes nothing."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop ticking and leave workers at work; `start` goes on from there."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._ws.close()

    @property
    def busy(self) -> bool:
        """True while a worker that this supervisor started has not been seen to end."""
        return bool(self._workers)

    def tick(self) -> None:
        """Look at every active run once, then start what waits and has a free slot."""
        for run in self._ws.queue.active():
            self._look_after(run)
        for run_id in [key for key, worker in self._workers.items() if worker.poll() is not None]:
            del self._workers[run_id]
        for run in self._ws.queue.claim(self._limits):
            self._start_worker(run)

    def _loop(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self.tick()
            except Exception:  # a full disk or a busy database may pass; the next tick tries again
                _LOG.exception("The supervisor could not look after the runs")

    def _look_after(self, run: ActiveRun) -> None:
        worker = self._workers.get(run.id)
        returncode = None if worker is None else worker.poll()
        run_dir = self._ws.run_dir(run.id)
        logs.trim(run_dir)
        held = is_held(run_dir)
        running = worker is not None and returncode is None
        # The number of a process that is gone may belong to a stranger by now.
        if (held or running) and self._overdue(run):
            _kill(run, worker)
        if held:
            _end_leaderless(run, returncode)
            return
        if running:
            return  # on its way to the lock, or between its last word and its exit
        starting = run.status is RunStatus.STARTING
        if worker is None and starting and time.time() - run.updated < self._start_grace:
            return  # another supervisor started it a moment ago
        self._end(run, returncode)

    def _overdue(self, run: ActiveRun) -> bool:
        asked = run.cancel_requested
        return asked is not None and time.time() - asked > self._grace

    def _end(self, run: ActiveRun, returncode: int | None) -> None:
        """Write down the end of a worker that did not do so itself."""
        if run.pid is not None and returncode is not None:
            kill_group(run.pid)
        if run.cancel_requested is not None:
            status, error = RunStatus.CANCELLED, None
        elif returncode is None:
            status = RunStatus.INTERRUPTED
            error = (
                "The worker process is gone: the machine or the server was stopped. Start it again."
            )
        else:
            status, error = RunStatus.FAILED, ending(returncode)
        self._ws.queue.finish(run.id, run.attempt, status, error)

    def _start_worker(self, run: ActiveRun) -> None:
        log = logs.open_log(self._ws.run_dir(run.id))
        try:
            self._workers[run.id] = subprocess.Popen(
                # -P: a file in the current folder must not stand in for a library.
                [sys.executable, "-P", "-m", WORKER, str(self._root), run.id, *self._allowed],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=worker_environment(),
            )
        except OSError as error:
            reason = f"No worker process could be started ({error})."
            self._ws.queue.finish(run.id, run.attempt, RunStatus.FAILED, reason)
        finally:
            os.close(log)


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


def _end_leaderless(run: ActiveRun, returncode: int | None) -> None:
    """Kill what a dead worker forked: such processes inherit its lock and keep it."""
    if run.pid is not None and (returncode is not None or not process_exists(run.pid)):
        kill_group(run.pid)


def _kill(run: ActiveRun, worker: subprocess.Popen[bytes] | None) -> None:
    if run.pid is not None:
        kill_group(run.pid)
    elif worker is not None:
        worker.kill()
