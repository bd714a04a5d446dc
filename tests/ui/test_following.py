"""Following a run that may be done in a moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dvaudit.store import RunKind, RunRecord, RunStatus, Workspace
from dvaudit.ui import following

WAITS, STARTS, WORKS, DONE = (
    RunStatus.QUEUED,
    RunStatus.STARTING,
    RunStatus.RUNNING,
    RunStatus.DONE,
)


class Clock:
    """A clock on which every wait passes as long as it is asked to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def Event(self) -> Clock:  # noqa: N802
        return self

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    passing = Clock()
    monkeypatch.setattr(following, "time", passing)
    monkeypatch.setattr(following, "threading", passing)
    return passing


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    (tmp_path / "source").touch()
    with Workspace(tmp_path / "home") as opened:
        opened.add_dataset("x", tmp_path / "source", copy=False, roles={}, task=None)
        yield opened


def goes_through(
    ws: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    steps: Sequence[RunStatus],
    kind: RunKind = RunKind.QUERY,
    age: float = 0.0,
) -> RunRecord:
    """Add a run that is one step further at every look, and stays at the last."""
    run = ws.run(ws.add_run("d0001", kind, {"function": "none:none"}))
    run = replace(run, status=steps[0], created=run.created - timedelta(seconds=age))
    left = list(steps[1:])

    def look(run_id: str) -> RunRecord:
        return replace(run, status=left.pop(0) if len(left) > 1 else steps[-1])

    monkeypatch.setattr(ws, "run", look)
    return run


def test_a_run_that_is_soon_done_is_awaited(
    ws: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = goes_through(ws, monkeypatch, [WAITS, STARTS, *[WORKS] * 30, DONE])
    assert following.awaited(ws, run).status is DONE
    assert clock.now < following.DONE_WITHIN


@pytest.mark.parametrize(
    ("status", "within"),
    [
        (WAITS, following.BEGUN_WITHIN),
        (STARTS, following.BEGUN_WITHIN),
        (WORKS, following.DONE_WITHIN),
    ],
)
def test_others_are_shown_at_work_after_a_moment(
    ws: Workspace,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    status: RunStatus,
    within: float,
) -> None:
    run = goes_through(ws, monkeypatch, [status])
    assert following.awaited(ws, run).status is status
    assert within < clock.now < within + 2 * following.GLANCE


@pytest.mark.parametrize(
    ("kind", "age"), [(RunKind.AUDIT, 0.0), (RunKind.QUERY, following.QUICK_FOR)]
)
def test_long_and_old_runs_are_not_waited_for(
    ws: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch, kind: RunKind, age: float
) -> None:
    run = goes_through(ws, monkeypatch, [WORKS, DONE], kind, age)
    assert following.awaited(ws, run) is run
    assert clock.now == 0.0
