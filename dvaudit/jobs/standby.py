"""A worker that has loaded what an expected run needs, and waits to be told which run it is."""

from __future__ import annotations

import logging
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from dvaudit.jobs.expecting import Expected, expected
from dvaudit.jobs.liveness import kill_group
from dvaudit.jobs.processes import STANDBY, start
from dvaudit.store import RunKind

REST: Final = 60.0  # seconds after one that ended by itself, lest one after another fails
PAUSE: Final = 3.0  # seconds after a run was done, in which its result is shown undisturbed
_LOG = logging.getLogger(__name__)


class Standby:
    """At most one waiting process of a supervisor, for as long as its kind of run is expected.

    It reads from a pipe that ends with this process, so it never outlives the supervisor.
    """

    def __init__(
        self, root: Path, allowed: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._root = root
        self._allowed = tuple(allowed)
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._serves: Expected | None = None
        self._handed: subprocess.Popen[bytes] | None = None
        self._rests_until = -float("inf")

    @property
    def pid(self) -> int | None:
        """The waiting process, None where there is none."""
        return None if self._process is None else self._process.pid

    def keep(self) -> None:
        """Start a process where one is expected, and end the one that no longer is.

        Loading takes a processor, so it waits for the run that was handed over last.
        """
        wanted = expected(self._root)
        if self._process is not None and self._process.poll() is not None:
            _LOG.warning("A waiting worker ended with status %s", self._process.returncode)
            self._rests_until = self._clock() + REST
            self.end()
        if self._process is not None and wanted != self._serves:
            self.end()
        if self._handed is not None and self._handed.poll() is not None:
            self._handed = None
            self._rests_until = self._clock() + PAUSE
        free = self._process is None and self._handed is None
        if wanted is not None and free and self._clock() >= self._rests_until:
            self._start(wanted)

    def hand(self, kind: RunKind, run_id: str) -> subprocess.Popen[bytes] | None:
        """Hand a run to the waiting process and return it; None where none waits for the kind."""
        process, serves = self._process, self._serves
        if process is None or serves is None or serves.kind is not kind:
            return None
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                pipe.write(f"{run_id}\n".encode())
        except OSError:  # it has died
            return None
        self._process, self._serves, self._handed = None, None, process
        return process

    def end(self) -> None:
        """End the waiting process, which does nothing yet; one that was handed a run goes on."""
        process, self._process, self._serves = self._process, None, None
        if process is None:
            return
        assert process.stdin is not None
        process.stdin.close()
        if process.poll() is None:
            kill_group(process.pid)
        process.wait()

    def _start(self, wanted: Expected) -> None:
        try:
            self._process = start(
                [STANDBY, str(self._root), wanted.prepare, *self._allowed],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=None,
            )
        except OSError:
            _LOG.warning("No waiting worker could be started", exc_info=True)
            self._rests_until = self._clock() + REST
        else:
            self._serves = wanted
