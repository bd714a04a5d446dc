"""The Progress of a worker: cheap to call, stored four times a second, tells of cancellation."""

from __future__ import annotations

import threading
import time
from collections import deque
from types import TracebackType
from typing import Final, Self

from dvaudit.core.progress import Cancelled
from dvaudit.jobs.remaining import Remaining
from dvaudit.store.runs import Runs

INTERVAL: Final = 0.25  # seconds between two writes
_QUIET_TURNS: Final = 4  # look for a cancellation this rarely while nothing is reported


class Reporter:
    """A Progress for one attempt of a run; used as a context manager around the work.

    A thread writes the newest report, so that the last one before a long silent stretch is stored
    too, and notices a cancellation, which the next call raises.
    """

    def __init__(self, queue: Runs, run_id: str, interval: float = INTERVAL) -> None:
        self._queue = queue
        self._run_id = run_id
        self._interval = interval
        # One place, taken and filled in one step each, so no report is lost between threads.
        self._newest: deque[tuple[float, str]] = deque(maxlen=1)
        self._remaining: Remaining | None = None  # from the first report on
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._loop, name="progress", daemon=True)

    def __call__(self, fraction: float, stage: str) -> None:
        """Report; see Progress.

        Raises:
            Cancelled: the person asked to stop.
            Exception: what kept an earlier report from being stored, such as a full disk.
        """
        fraction = min(max(float(fraction), 0.0), 1.0)
        if self._remaining is None:
            self._remaining = Remaining(time.monotonic(), fraction)
        self._newest.append((fraction, stage))
        if self._cancelled.is_set():
            raise Cancelled
        if self._problem is not None:
            raise self._problem

    def __enter__(self) -> Self:
        self._turn(quiet=0)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        if self._newest and self._problem is None:
            self._turn(quiet=0)

    def _loop(self) -> None:
        quiet = 0
        while not self._ended.wait(self._interval):
            try:
                quiet = self._turn(quiet)
            except Exception as error:  # handed to the thread that does the work
                self._problem = error
                return

    def _turn(self, quiet: int) -> int:
        """Store the newest report, or at times ask only; return the number of quiet turns."""
        if self._newest:
            fraction, stage = self._newest.pop()
            assert self._remaining is not None
            left = self._remaining.told(time.monotonic(), fraction)
            cancelled = self._queue.report(self._run_id, fraction, stage, left)
            quiet = 0
        else:
            cancelled = quiet % _QUIET_TURNS == 0 and self._queue.cancel_requested(self._run_id)
            quiet += 1
        if cancelled:
            self._cancelled.set()
        return quiet
