"""Supervisors that come, go and meet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import until

from dvaudit.jobs import Supervisor, cancel, resume
from dvaudit.jobs.liveness import hold, is_held
from dvaudit.jobs.processes import worker_environment
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace

SERVER = """
import sys, threading
from pathlib import Path
from dvaudit.jobs import Supervisor
from dvaudit.store import RunKind
Supervisor(
    Path(sys.argv[1]), allowed=("run_functions.",), interval=0.05,
    limits={RunKind.AUDIT: 2, RunKind.IMPORT: 1},
).start()
threading.Event().wait()
"""
Queued = Callable[..., str]
Supervise = Callable[..., Supervisor]
Reach = Callable[..., RunRecord]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")


def test_runs_outlive_the_server_and_a_new_one_adopts_them(
    ws: Workspace,
    queued: Queued,
    supervise: Supervise,
    reach: Reach,
    at_gate: Callable[[str], RunRecord],
    open_gate: Callable[[str], None],
    both: dict[RunKind, int],
) -> None:
    survivor, victim = queued("units", gate=1), queued("units", gate=2)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(ws.root)], env=worker_environment()
    )
    at_gate(survivor)
    pid = at_gate(victim).pid
    server.kill()
    server.wait()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_held(ws.run_dir(victim)))
    assert ws.run(victim).status is RunStatus.RUNNING  # nobody is there to notice
    assert is_held(ws.run_dir(survivor))

    supervise(limits=both)
    interrupted = reach(victim, RunStatus.INTERRUPTED)
    assert "gone" in (interrupted.error or "")
    for run_id in (survivor, victim):
        open_gate(run_id)
    resume(ws, victim)
    assert reach(survivor, RunStatus.DONE).attempt == 1
    assert reach(victim, RunStatus.DONE).attempt == 2


def test_two_supervisors_start_each_run_once(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach, both: dict[RunKind, int]
) -> None:
    ids = [queued("units") for _ in range(3)]
    for _ in range(2):
        supervise(limits=both, interval=0.01)
    for run_id in ids:
        assert reach(run_id, RunStatus.DONE).attempt == 1
        assert (ws.run_dir(run_id) / "notes.txt").read_text().split() == list("01234")


def test_second_audit_waits_and_an_import_does_not(
    ws: Workspace,
    queued: Queued,
    supervise: Supervise,
    at_gate: Callable[[str], RunRecord],
) -> None:
    first, second = queued("units", gate=0), queued("units", gate=0)
    imported = queued("units", kind="import", gate=0)
    supervise()
    at_gate(first)
    at_gate(imported)
    assert ws.run(second).status is RunStatus.QUEUED
    cancel(ws, second)
    assert ws.run(second).status is RunStatus.CANCELLED


def test_supervisor_goes_on_after_stop_and_start(
    queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    supervisor = supervise()
    supervisor.stop()
    supervisor.stop()
    run_id = queued("units")
    supervisor.start()
    assert reach(run_id, RunStatus.DONE).attempt == 1


def test_claimed_run_without_a_worker_is_given_time_and_then_interrupted(
    ws: Workspace, queued: Queued
) -> None:
    run_id = queued("units")
    assert ws.queue.claim({RunKind.AUDIT: 1})  # by a supervisor that dies right then
    patient = Supervisor(ws.root, start_grace=600)
    patient.tick()
    assert ws.run(run_id).status is RunStatus.STARTING
    patient.stop()
    strict = Supervisor(ws.root, start_grace=0)
    strict.tick()
    assert ws.run(run_id).status is RunStatus.INTERRUPTED
    strict.stop()


def test_process_number_of_a_dead_worker_is_never_killed(
    ws: Workspace, queued: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    monkeypatch.setattr("dvaudit.jobs.supervisor.kill_group", killed.append)
    run_id = queued("units")
    ws.queue.claim({RunKind.AUDIT: 1})
    ws.queue.begin(run_id, os.getpid())  # a stranger has the number after a restart
    cancel(ws, run_id)
    supervisor = Supervisor(ws.root, grace=0)
    supervisor.tick()
    assert killed == []
    assert ws.run(run_id).status is RunStatus.CANCELLED
    supervisor.stop()


def test_held_lock_keeps_a_run_alive_for_every_supervisor(ws: Workspace, queued: Queued) -> None:
    run_id = queued("units")
    ws.queue.claim({RunKind.AUDIT: 1})
    ws.queue.begin(run_id, None)
    supervisor = Supervisor(ws.root, start_grace=0)
    with hold(ws.run_dir(run_id)):
        supervisor.tick()
        assert ws.run(run_id).status is RunStatus.RUNNING
    supervisor.tick()
    assert ws.run(run_id).status is RunStatus.INTERRUPTED
    supervisor.stop()


def test_worker_that_cannot_be_started_fails_the_run(
    ws: Workspace, queued: Queued, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    run_id = queued("units")
    supervisor = Supervisor(ws.root)
    supervisor.tick()
    run = ws.run(run_id)
    assert run.status is RunStatus.FAILED
    assert "No worker process could be started" in (run.error or "")
    supervisor.stop()


def test_problem_of_one_tick_does_not_end_the_supervisor(
    queued: Queued,
    supervise: Supervise,
    reach: Reach,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    tick, failures = Supervisor.tick, [OSError("disk full"), OSError("disk full")]

    def sometimes(self: Supervisor) -> None:
        if failures:
            raise failures.pop()
        tick(self)

    monkeypatch.setattr(Supervisor, "tick", sometimes)
    run_id = queued("units")
    supervise()
    reach(run_id, RunStatus.DONE)
    assert caplog.text.count("could not look after") == 2


def test_worker_environment_finds_the_package_and_uses_every_core(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    environment = worker_environment()
    first, second = environment["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "dvaudit" / "jobs" / "worker.py").exists()
    assert second == "elsewhere"
    assert environment["OMP_NUM_THREADS"] == str(len(os.sched_getaffinity(0)))
    assert environment["MKL_NUM_THREADS"] == "1"
