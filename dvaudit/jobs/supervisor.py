"""Supervisor: starts workers for queued runs, and notices those that died or will not stop."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dvaudit.jobs import logs, waking
from dvaudit.jobs.functions import ALLOWED
from dvaudit.jobs.liveness import ending, is_held, kill_group, process_exists
from dvaudit.jobs.processes import start
from dvaudit.jobs.standby import Standby
from dvaudit.store import RunKind, RunStatus, Workspace
from dvaudit.store.runs import ActiveRun

LIMITS: Final[Mapping[RunKind, int]] = dict.fromkeys(RunKind, 1)
GRACE: Final = 5.0  # seconds between a request to stop and the kill
START_GRACE: Final = 30.0  # seconds a worker may take to its lock when nobody can see its process
TAKES_OVER: Final = 15.0  # seconds that a waiting worker may still take to load and to its lock
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
        takes_over: float = TAKES_OVER,
        interval: float = 0.25,
    ) -> None:
        self._root = Path(root).absolute()
        self._allowed = tuple(allowed)
        self._limits = limits
        self._grace = grace
        self._start_grace = start_grace
        self._takes_over = takes_over
        self._interval = interval
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._leaving: list[subprocess.Popen[bytes]] = []  # their runs were started again already
        self._handed: dict[str, float] = {}  # runs no lock was seen of yet, and since when
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ws = Workspace(self._root)
        self._standby = Standby(self._ws.root, self._allowed)

    def start(self) -> None:
        """Start ticking; starting twice changes nothing."""
        if self._thread is None:
            self._stopping.clear()
            waking.attend(self._ws.root, self._wake)
            self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop ticking and leave workers at work; `start` goes on from there."""
        self._stopping.set()
        self._wake.set()
        waking.leave(self._ws.root, self._wake)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._standby.end()
        self._ws.close()

    @property
    def busy(self) -> bool:
        """True while a worker that this supervisor started has not been seen to end."""
        return bool(self._workers or self._leaving)

    @property
    def waiting(self) -> int | None:
        """The number of the process that waits for an expected run; None where there is none."""
        return self._standby.pid

    def tick(self) -> None:
        """Look at every active run once, then start what waits and has a free slot."""
        active = self._ws.queue.active()
        for run in active:
            self._look_after(run)
        self._handed = {run.id: self._handed[run.id] for run in active if run.id in self._handed}
        # One that ended just now, with its run not yet written down as ended, is for the next tick.
        over = self._workers.keys() - {run.id for run in active}
        for run_id in [key for key in over if self._workers[key].poll() is not None]:
            del self._workers[run_id]
        self._leaving = [worker for worker in self._leaving if worker.poll() is None]
        for run in self._ws.queue.claim(self._limits):
            self._start_worker(run)
        self._standby.keep()

    def _loop(self) -> None:
        while True:
            self._wake.wait(self._interval)
            if self._stopping.is_set():
                return
            self._wake.clear()
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
            self._handed.pop(run.id, None)
            _end_leaderless(run, returncode)
            return
        if self._never_came(run, running=running):
            self._spawn(run)
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

    def _never_came(self, run: ActiveRun, *, running: bool) -> bool:
        """True where the waiting worker that was handed a run will not do it; it is gone then."""
        since = self._handed.get(run.id)
        asked = run.cancel_requested is not None
        if since is None or asked or run.status is not RunStatus.STARTING:
            return False
        if running and time.monotonic() - since < self._takes_over:
            return False
        worker = self._workers.pop(run.id, None)
        if worker is not None:
            if running:
                kill_group(worker.pid)
            worker.wait()
        return True

    def _start_worker(self, run: ActiveRun) -> None:
        if run.id in self._workers:  # of the attempt before, on its way out
            self._leaving.append(self._workers.pop(run.id))
        waiting = self._standby.hand(self._ws.run(run.id).kind, run.id)
        if waiting is None:
            self._spawn(run)
        else:
            self._workers[run.id] = waiting
            self._handed[run.id] = time.monotonic()

    def _spawn(self, run: ActiveRun) -> None:
        self._handed.pop(run.id, None)
        log = logs.open_log(self._ws.run_dir(run.id))
        try:
            self._workers[run.id] = start(
                [str(self._root), run.id, *self._allowed],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        except OSError as error:
            reason = f"No worker process could be started ({error})."
            self._ws.queue.finish(run.id, run.attempt, RunStatus.FAILED, reason)
        finally:
            os.close(log)


def _end_leaderless(run: ActiveRun, returncode: int | None) -> None:
    """Kill what a dead worker forked: such processes inherit its lock and keep it."""
    if run.pid is not None and (returncode is not None or not process_exists(run.pid)):
        kill_group(run.pid)


def _kill(run: ActiveRun, worker: subprocess.Popen[bytes] | None) -> None:
    if run.pid is not None:
        kill_group(run.pid)
    elif worker is not None:
        worker.kill()
