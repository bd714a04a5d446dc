"""The worker that waits for a run which somebody is about to ask for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import run_functions
from waiting import until

from dvaudit.jobs import Supervisor, cancel, expect, resume
from dvaudit.jobs.expecting import LASTS, Expected, expected
from dvaudit.jobs.liveness import process_exists
from dvaudit.jobs.processes import worker_environment
from dvaudit.jobs.standby import PAUSE, REST, Standby
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace

SERVER = """
import sys, threading
from pathlib import Path
from dvaudit.jobs import Supervisor
supervisor = Supervisor(Path(sys.argv[1]), allowed=("run_functions.",), interval=0.05)
supervisor.tick()
print(supervisor.waiting, flush=True)
threading.Event().wait()
"""
ALLOWED = ("run_functions.",)
Queued = Callable[..., str]
Supervise = Callable[..., Supervisor]
Reach = Callable[..., RunRecord]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")


class Clock:
    """Seconds that pass when told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def standby(ws: Workspace, clock: Clock) -> Iterator[Standby]:
    kept = Standby(ws.root, ALLOWED, clock)
    yield kept
    kept.end()


def waits(supervisor: Supervisor) -> int:
    """Return the number of the waiting process, once there is one."""
    return until(lambda: supervisor.waiting or 0)


def is_gone(pid: int) -> bool:
    return not process_exists(pid)


def is_zombie(pid: int) -> bool:
    """True for a process that has ended, and whose exit status nobody collects."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def has_no_workers(supervisor: Supervisor) -> bool:
    supervisor.tick()
    return not supervisor.busy


def forget(ws: Workspace) -> None:
    """Let what is expected be of long ago."""
    path = ws.root / "cache" / "expected.json"
    then = path.stat().st_mtime - LASTS - 1
    os.utime(path, (then, then))


# Doing runs


def test_an_expected_run_is_done_by_the_process_that_waits_for_it(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    supervisor = supervise()
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    pid = waits(supervisor)
    assert not supervisor.busy
    run_id = queued("chatter", kind="query")
    run = reach(run_id, RunStatus.DONE)
    assert (run.pid, run.attempt) == (pid, 1)
    niceness, _, leads_group = (ws.run_dir(run_id) / "notes.txt").read_text().split()
    assert (int(niceness), leads_group) == (min(19, os.nice(0) + 5), "True")
    until(lambda: not supervisor.busy)
    assert is_gone(pid)


def test_its_log_is_that_of_the_run_alone(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    supervisor = supervise()
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    waits(supervisor)
    run_id = queued("crash", kind="query")
    assert "SIGSEGV" in (reach(run_id, RunStatus.FAILED).error or "")
    log = ws.run_log(run_id)
    assert log.startswith(f"Run {run_id}, attempt 1")
    assert "in crash" in log


def test_runs_of_other_kinds_get_a_process_of_their_own(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    supervisor = supervise()
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    pid = waits(supervisor)
    assert reach(queued("units"), RunStatus.DONE).pid != pid
    assert supervisor.waiting == pid
    assert reach(queued("units", kind="query"), RunStatus.DONE).pid == pid


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_is_done_where_the_waiting_process_has_died_or_hangs(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach, ending: signal.Signals
) -> None:
    supervisor = supervise(takes_over=0.3)
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    pid = waits(supervisor)
    os.kill(pid, ending)
    run = reach(queued("units", kind="query"), RunStatus.DONE)
    assert run.pid not in (None, pid)
    assert run.attempt == 1
    assert is_gone(pid)


@pytest.mark.parametrize("prepare", [run_functions.never_ready, run_functions.fail_to_get_ready])
def test_a_run_is_done_where_nothing_gets_ready(
    ws: Workspace,
    queued: Queued,
    supervise: Supervise,
    reach: Reach,
    prepare: Callable[[], None],
) -> None:
    supervisor = supervise(takes_over=0.3)
    expect(ws, RunKind.QUERY, prepare)
    pid = waits(supervisor)
    assert reach(queued("units", kind="query"), RunStatus.DONE).pid != pid
    until(lambda: is_gone(pid))


def test_what_may_not_be_called_gets_nothing_ready(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    supervisor = supervise(allowed=("run_functions.",))
    expect(ws, RunKind.QUERY, os.abort)
    pid = waits(supervisor)
    until(lambda: supervisor.waiting is None)
    assert is_gone(pid)
    assert reach(queued("units", kind="query"), RunStatus.DONE).error is None


@pytest.mark.parametrize("function", ["units", "deaf"])
def test_its_run_can_be_cancelled(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach, function: str
) -> None:
    supervisor = supervise()
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    pid = waits(supervisor)
    run_id = queued(function, kind="query", gate=2)
    until(lambda: ws.run(run_id).fraction > 0)
    cancel(ws, run_id)
    assert reach(run_id, RunStatus.CANCELLED).error is None
    until(lambda: is_gone(pid))


def test_a_run_is_cancelled_before_the_waiting_process_takes_it(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    supervisor = supervise(takes_over=600)
    expect(ws, RunKind.QUERY, run_functions.never_ready)
    pid = waits(supervisor)
    run_id = queued("units", kind="query")
    reach(run_id, RunStatus.STARTING)
    cancel(ws, run_id)
    reach(run_id, RunStatus.CANCELLED)
    until(lambda: is_gone(pid))
    assert not (ws.run_dir(run_id) / "notes.txt").exists()


# Coming and going


def test_none_waits_where_nothing_is_expected_any_more(ws: Workspace, supervise: Supervise) -> None:
    supervisor = supervise()
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    pid = waits(supervisor)
    forget(ws)
    until(lambda: supervisor.waiting is None)
    assert is_gone(pid)
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    assert waits(supervisor) != pid


def test_stopping_the_supervisor_ends_it(ws: Workspace, supervise: Supervise) -> None:
    supervisor = supervise()
    expect(ws, RunKind.QUERY, run_functions.never_ready)
    pid = waits(supervisor)
    supervisor.stop()
    assert is_gone(pid)
    assert supervisor.waiting is None


def test_it_ends_with_the_server(ws: Workspace) -> None:
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(ws.root)],
        env=worker_environment(),
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    server.kill()
    server.communicate()
    until(lambda: is_gone(pid) or is_zombie(pid))


def test_another_waits_a_while_after_the_run(
    ws: Workspace, standby: Standby, clock: Clock, queued: Queued
) -> None:
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    standby.keep()
    first = standby.pid
    handed = standby.hand(RunKind.QUERY, queued("units", kind="query"))
    assert handed is not None
    assert handed.pid == first
    assert standby.pid is None
    if handed.poll() is None:
        standby.keep()
        assert standby.pid is None
    assert handed.wait(60) == 0  # the run was claimed by nobody
    standby.keep()
    assert standby.pid is None
    clock.now += PAUSE
    standby.keep()
    assert standby.pid not in (None, first)


def test_one_that_fails_is_not_started_again_at_once(
    ws: Workspace, standby: Standby, clock: Clock
) -> None:
    expect(ws, RunKind.QUERY, run_functions.fail_to_get_ready)
    standby.keep()
    first = standby.pid
    assert first is not None

    def ended() -> bool:
        standby.keep()
        return standby.pid is None

    until(ended)
    clock.now += REST - 1
    standby.keep()
    assert standby.pid is None
    clock.now += 1
    standby.keep()
    assert standby.pid not in (None, first)


def test_another_kind_takes_the_place(ws: Workspace, standby: Standby) -> None:
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    standby.keep()
    first = standby.pid
    assert first is not None
    expect(ws, RunKind.MAP, run_functions.get_ready)
    standby.keep()
    assert standby.pid not in (None, first)
    assert is_gone(first)
    assert standby.hand(RunKind.QUERY, "r0001") is None


def test_no_process_to_be_had_is_no_problem(
    ws: Workspace, standby: Standby, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    standby.keep()
    assert standby.pid is None
    assert standby.hand(RunKind.QUERY, "r0001") is None


# What is expected


def test_an_expectation_is_written_once_in_a_while(ws: Workspace) -> None:
    assert expected(ws.root) is None
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    path = ws.root / "cache" / "expected.json"
    before = path.stat()
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    assert path.stat().st_ino == before.st_ino
    assert expected(ws.root) == Expected(RunKind.QUERY, "run_functions:get_ready")
    forget(ws)
    assert expected(ws.root) is None
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    assert expected(ws.root) is not None
    assert list(path.parent.glob("*.tmp")) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "other", "prepare": "a:b"}'])
def test_an_unreadable_expectation_is_none(ws: Workspace, text: str) -> None:
    path = ws.root / "cache" / "expected.json"
    path.write_text(text)
    assert expected(ws.root) is None
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    assert json.loads(path.read_text()) == {
        "kind": "query",
        "prepare": "run_functions:get_ready",
    }


def test_a_workspace_that_cannot_be_written_is_no_problem(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    expect(ws, RunKind.QUERY, run_functions.get_ready)
    assert expected(ws.root) is None


# Waking


def test_a_submitted_run_wakes_the_supervisor_at_once(
    ws: Workspace, queued: Queued, reach: Reach
) -> None:
    supervisor = Supervisor(ws.root, allowed=ALLOWED, interval=600)
    supervisor.start()
    try:
        run_id = queued("refuse")
        reach(run_id, RunStatus.FAILED)
        resume(ws, run_id)
        reach(run_id, RunStatus.FAILED)
        expect(ws, RunKind.QUERY, run_functions.get_ready)
        waits(supervisor)
    finally:
        supervisor.stop()
        until(lambda: has_no_workers(supervisor))
        supervisor.stop()
