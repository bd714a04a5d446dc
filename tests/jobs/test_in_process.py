"""Runs in this process, progress, logs, and what a run may call."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import run_functions
from waiting import until

from dvaudit.core.errors import NotFoundError, UnsuitableDataError
from dvaudit.core.progress import Cancelled
from dvaudit.jobs import cancel, logs, submit, work_here
from dvaudit.jobs.execute import reason
from dvaudit.jobs.functions import UnknownFunctionError, resolve
from dvaudit.jobs.liveness import ending
from dvaudit.jobs.reporter import Reporter
from dvaudit.store import RunKind, RunStatus, Workspace, WorkspaceError

ALLOWED = ("run_functions.",)
Queued = Callable[..., str]


def begun(ws: Workspace, queued: Queued) -> str:
    run_id = queued("units")
    ws.queue.claim_one(run_id)
    ws.queue.begin(run_id, None)
    return run_id


def test_work_here_does_the_run_and_passes_progress_on(ws: Workspace, queued: Queued) -> None:
    run_id, reports = queued("units"), []
    work_here(ws, run_id, allowed=ALLOWED, progress=lambda *report: reports.append(report))
    run = ws.run(run_id)
    assert (run.status, run.fraction, run.pid) == (RunStatus.DONE, 1.0, None)
    assert reports == [(i / 5, f"unit {i}") for i in range(5)]
    work_here(ws, run_id, allowed=ALLOWED)
    assert ws.run(run_id).attempt == 1


def test_work_here_raises_what_the_function_raised(ws: Workspace, queued: Queued) -> None:
    run_id = queued("refuse")
    with pytest.raises(UnsuitableDataError, match="one class"):
        work_here(ws, run_id, allowed=ALLOWED)
    assert ws.run(run_id).status is RunStatus.FAILED
    with pytest.raises(WorkspaceError, match=r"failed: All 10 samples"):
        work_here(ws, run_id, allowed=ALLOWED)


def test_work_here_waits_for_a_worker_that_has_the_run(ws: Workspace, queued: Queued) -> None:
    run_id = queued("units")
    assert ws.queue.claim({RunKind.AUDIT: 1})
    waiting = threading.Thread(target=work_here, args=(ws, run_id), kwargs={"allowed": ALLOWED})
    waiting.start()
    ws.queue.begin(run_id, None)
    ws.queue.finish(run_id, 1, RunStatus.DONE)
    waiting.join(60)
    assert not waiting.is_alive()
    assert not (ws.run_dir(run_id) / "notes.txt").exists()


def test_cancel_before_the_work_starts_stops_at_the_first_report(
    ws: Workspace, queued: Queued
) -> None:
    run_id = begun(ws, queued)
    cancel(ws, run_id)
    with Reporter(ws.queue, run_id) as reporter, pytest.raises(Cancelled):
        reporter(0.1, "first")


def test_last_report_before_a_silence_is_stored(ws: Workspace, queued: Queued) -> None:
    run_id = begun(ws, queued)
    with Reporter(ws.queue, run_id, interval=0.02) as reporter:
        for i in range(2000):
            reporter(i / 4000, f"step {i}")
        until(lambda: ws.run(run_id).stage == "step 1999")
        assert ws.run(run_id).fraction == pytest.approx(1999 / 4000)


def test_reports_are_written_at_most_once_an_interval(
    ws: Workspace, queued: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, written = begun(ws, queued), []
    store = ws.queue.report
    monkeypatch.setattr(
        ws.queue, "report", lambda *values: (written.append(values), store(*values))[1]
    )
    with Reporter(ws.queue, run_id, interval=600) as reporter:
        for i in range(1000):
            reporter(i / 1000, f"step {i}")
    assert [values[2] for values in written] == ["step 999"]


def test_time_left_counts_this_attempt_only(
    ws: Workspace, queued: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([100.0, 110.0])
    run_id = begun(ws, queued)
    with Reporter(ws.queue, run_id, interval=600) as reporter:
        monkeypatch.setattr("dvaudit.jobs.reporter.time.monotonic", lambda: next(clock))
        reporter(0.5, "resumed at half")
        reporter(0.75, "on the way")
    monkeypatch.undo()
    assert ws.run(run_id).eta == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("seconds", "fraction", "left"), [(0.5, 0.05, None), (0.5, 0.1, 4.5), (4.0, 0.05, 76.0)]
)
def test_time_left_is_not_told_from_the_first_moments(
    ws: Workspace,
    queued: Queued,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    fraction: float,
    left: float | None,
) -> None:
    clock = iter([100.0, 100.0 + seconds])
    run_id = begun(ws, queued)
    with Reporter(ws.queue, run_id, interval=600) as reporter:
        monkeypatch.setattr("dvaudit.jobs.reporter.time.monotonic", lambda: next(clock))
        reporter(0.0, "begun")
        reporter(fraction, "on the way")
    monkeypatch.undo()
    assert ws.run(run_id).eta == (None if left is None else pytest.approx(left))


def test_report_that_cannot_be_stored_ends_the_work(
    ws: Workspace, queued: Queued, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*values: object) -> bool:
        raise OSError("disk full")

    run_id = begun(ws, queued)
    with Reporter(ws.queue, run_id, interval=0.01) as reporter:
        monkeypatch.setattr(ws.queue, "report", full)
        reporter(0.1, "one")

        def again() -> bool:
            try:
                reporter(0.2, "two")
            except OSError as error:
                return str(error) == "disk full"
            return False

        until(again)


@pytest.mark.parametrize(
    "function",
    [None, "", "os.path", "os:system", "dvaudit:", "dvauditx.jobs:submit", ":x", "dvaudit.a:b c"],
)
def test_functions_outside_the_allowed_packages_are_refused(
    ws: Workspace, function: str | None
) -> None:
    run_id = ws.add_run("d0001", "audit", {"function": function})
    with pytest.raises(UnknownFunctionError):
        submit(ws, run_id)
    assert ws.queue.claim({RunKind.AUDIT: 1}) == ()


def test_missing_function_is_named() -> None:
    assert resolve({"function": "run_functions:units"}, ALLOWED) is run_functions.units
    with pytest.raises(UnknownFunctionError, match="'nothing' in run_functions"):
        resolve({"function": "run_functions:nothing"}, ALLOWED)


def test_submitting_an_unknown_run_is_refused(ws: Workspace) -> None:
    with pytest.raises(NotFoundError, match="r0077"):
        submit(ws, "r0077")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UnsuitableDataError("two\nlines"), "two lines"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_reason_is_one_line(error: Exception, line: str) -> None:
    assert reason(error) == line


def test_endings_name_the_signal() -> None:
    assert "signal 9 (SIGKILL); too little memory" in ending(-9)
    assert "signal 15 (SIGTERM)." in ending(-15)
    assert "exit status 3" in ending(3)


def test_log_keeps_its_end_and_its_writer(tmp_path: Path) -> None:
    logs.append(tmp_path, "start\n" + "x" * 5000)
    assert not logs.trim(tmp_path, largest=9000)
    assert logs.trim(tmp_path, largest=4000, kept=100)
    logs.append(tmp_path, "after")
    text = (tmp_path / logs.NAME).read_text()
    assert text.startswith("[earlier lines were removed")
    assert text.endswith("x" * 99 + "\nafter\n")
    assert "start" not in text


def test_importing_store_and_jobs_loads_no_numerics() -> None:
    code = (
        "import sys, dvaudit.store, dvaudit.jobs, dvaudit.jobs.worker, dvaudit.jobs.supervisor; "
        "print([m for m in ('torch', 'sklearn', 'scipy', 'streamlit') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
