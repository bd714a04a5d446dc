"""Real worker processes: how runs end, by themselves, by cancellation and by death."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest
from waiting import until

from dvaudit.jobs import Supervisor, cancel, resume
from dvaudit.jobs.liveness import is_held, process_exists
from dvaudit.store import DatasetStatus, RunRecord, RunStatus, Workspace

Queued = Callable[..., str]
Supervise = Callable[..., Supervisor]
Reach = Callable[..., RunRecord]
AtGate = Callable[[str], RunRecord]
OpenGate = Callable[[str], None]


def notes(ws: Workspace, run_id: str) -> list[str]:
    return (ws.run_dir(run_id) / "notes.txt").read_text().split("\n")[:-1]


def test_worker_reports_finishes_and_leaves_the_server_first(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    run_id = queued("chatter")
    supervise()
    run = reach(run_id, RunStatus.DONE)
    assert (run.fraction, run.error, run.attempt) == (1.0, None, 1)
    assert run.started is not None
    assert run.finished is not None
    assert run.created <= run.started <= run.finished
    niceness, threads, leads_group = notes(ws, run_id)[0].split()
    assert int(niceness) == min(19, os.nice(0) + 5)
    assert int(threads) >= 1
    assert leads_group == "True"
    assert not is_held(ws.run_dir(run_id))


def test_killed_worker_fails_with_the_signal_and_resumes_where_it_was(
    ws: Workspace,
    queued: Queued,
    supervise: Supervise,
    reach: Reach,
    at_gate: AtGate,
    open_gate: OpenGate,
) -> None:
    run_id = queued("units", gate=3)
    supervise()
    pid = at_gate(run_id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    failed = reach(run_id, RunStatus.FAILED)
    assert failed.error is not None
    assert "signal 9 (SIGKILL)" in failed.error
    assert "\n" not in failed.error
    open_gate(run_id)
    resume(ws, run_id)
    done = reach(run_id, RunStatus.DONE)
    assert (done.attempt, done.error) == (2, None)
    assert notes(ws, run_id) == ["0", "1", "2", "3", "4"]


def test_exception_gives_its_last_line_and_the_log_the_traceback(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    run_id = queued("fail", kind="import")
    supervise()
    run = reach(run_id, RunStatus.FAILED)
    assert run.error == "ValueError: bad sample 3"
    log = ws.run_log(run_id)
    assert "Traceback" in log
    assert "and more about it" in log
    dataset = ws.dataset("d0001")
    assert (dataset.status, dataset.error) == (DatasetStatus.FAILED, run.error)


def test_refusal_gives_its_message_alone(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    run_id = queued("refuse")
    supervise()
    error = reach(run_id, RunStatus.FAILED).error
    assert error == "All 10 samples have one class; add another."


def test_crash_in_native_code_is_in_the_log(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    run_id = queued("crash")
    supervise()
    assert "SIGSEGV" in (reach(run_id, RunStatus.FAILED).error or "")
    assert "in crash" in ws.run_log(run_id)


def test_cooperative_cancel(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach, at_gate: AtGate
) -> None:
    run_id = queued("units", gate=2)
    supervise(grace=600)
    at_gate(run_id)
    cancel(ws, run_id)
    assert ws.run(run_id).cancelling
    run = reach(run_id, RunStatus.CANCELLED)
    assert (run.error, run.fraction) == (None, 0.4)
    assert notes(ws, run_id) == ["0", "1"]


def test_deaf_worker_is_killed_with_its_children_after_the_grace(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    run_id = queued("with_child")
    supervise()
    until(lambda: ws.run(run_id).stage == "forked")
    child, pid = int(notes(ws, run_id)[0]), ws.run(run_id).pid
    cancel(ws, run_id)
    assert reach(run_id, RunStatus.CANCELLED).error is None
    assert pid is not None
    assert not is_held(ws.run_dir(run_id))
    until(lambda: _is_gone(child))


def test_children_of_a_dead_worker_do_not_keep_its_run_alive(
    ws: Workspace, queued: Queued, supervise: Supervise, reach: Reach
) -> None:
    run_id = queued("with_child")
    supervise()
    until(lambda: ws.run(run_id).stage == "forked")
    pid = ws.run(run_id).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert "SIGKILL" in (reach(run_id, RunStatus.FAILED).error or "")
    until(lambda: _is_gone(int(notes(ws, run_id)[0])))


def test_function_outside_the_allowed_packages_is_refused_by_the_worker(
    ws: Workspace, supervise: Supervise, reach: Reach
) -> None:
    run_id = ws.add_run("d0001", "audit", {"function": "os:abort"})
    ws.queue.submit(run_id)
    supervise()
    assert "os:abort" in (reach(run_id, RunStatus.FAILED).error or "")


def _is_gone(pid: int) -> bool:
    """True when a process has ended, even where nobody collects its exit status."""
    if not process_exists(pid):
        return True
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and forks of POSIX systems")
