"""A workspace with a dataset, and supervisors that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import until

from dvaudit.jobs import Supervisor, submit
from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace

SUPPORT = Path(__file__).resolve().parents[1] / "support"
ALLOWED = ("dvaudit.", "run_functions.")


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A workspace with one dataset, d0001; workers find the functions of the tests."""
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))
    (tmp_path / "source").touch()
    with Workspace(tmp_path / "home") as opened:
        opened.add_dataset("x", tmp_path / "source", copy=False, roles={}, task=None)
        yield opened


@pytest.fixture
def queued(ws: Workspace) -> Callable[..., str]:
    """Submit a run of a function of the tests and return its id."""

    def add(name: str, kind: str = "audit", **params: Any) -> str:
        run_id = ws.add_run("d0001", kind, {"function": f"run_functions:{name}", **params})
        submit(ws, run_id, allowed=ALLOWED)
        return run_id

    return add


@pytest.fixture
def supervise(ws: Workspace) -> Iterator[Callable[..., Supervisor]]:
    """Start a supervisor; at the end what is still at work is cancelled and all is stopped."""
    started: list[Supervisor] = []

    def start(**options: Any) -> Supervisor:
        settings = {"allowed": ALLOWED, "interval": 0.05, "grace": 0.3, **options}
        supervisor = Supervisor(ws.root, **settings)
        supervisor.start()
        started.append(supervisor)
        return supervisor

    yield start
    for run in ws.runs():
        ws.queue.cancel(run.id)
    if started:
        until(lambda: not ws.queue.active())
        until(lambda: not any(supervisor.busy for supervisor in started))
    for supervisor in started:
        supervisor.stop()


@pytest.fixture
def reach(ws: Workspace) -> Callable[..., RunRecord]:
    """Wait until a run has one of some states, and return it."""

    def wait(run_id: str, *states: RunStatus) -> RunRecord:
        return until(lambda: _reached(ws.run(run_id), lambda run: run.status in states))

    return wait


@pytest.fixture
def at_gate(ws: Workspace) -> Callable[[str], RunRecord]:
    """Wait until `units` stands at its gate, and return the run."""

    def wait(run_id: str) -> RunRecord:
        return until(lambda: _reached(ws.run(run_id), lambda run: "gate" in run.stage))

    return wait


@pytest.fixture
def open_gate(ws: Workspace) -> Callable[[str], None]:
    return lambda run_id: (ws.run_dir(run_id) / "go").touch()


@pytest.fixture
def both() -> dict[RunKind, int]:
    """Limits that let two audits run side by side."""
    return {RunKind.AUDIT: 2, RunKind.IMPORT: 1}


def _reached(run: RunRecord, wanted: Callable[[RunRecord], bool]) -> RunRecord | None:
    """Return `run` where it is as wanted, None while it may still become so."""
    if wanted(run):
        return run
    if run.status.is_live:
        return None
    raise AssertionError(f"run {run.id} ended as {run.status}: {run.error}")
