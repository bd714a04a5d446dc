"""The run table: order, limits, transitions, and what they do to the dataset of an import."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dvaudit.core.errors import NotFoundError
from dvaudit.store import DatasetStatus, RunKind, RunStatus, Workspace, WorkspaceError

LIMITS = {RunKind.AUDIT: 1, RunKind.IMPORT: 1}


@pytest.fixture
def dataset_id(ws: Workspace, source: Path) -> str:
    return ws.add_dataset("pets", source, copy=False, roles={}, task=None)


def submitted(ws: Workspace, dataset_id: str, kind: str = "audit") -> str:
    run_id = ws.add_run(dataset_id, kind, {})
    ws.queue.submit(run_id)
    return run_id


def running(ws: Workspace, dataset_id: str, kind: str = "audit") -> str:
    run_id = submitted(ws, dataset_id, kind)
    assert [run.id for run in ws.queue.claim(LIMITS)] == [run_id]
    assert ws.queue.begin(run_id, 4711) is not None
    return run_id


def test_new_run_waits_until_it_is_submitted(ws: Workspace, dataset_id: str) -> None:
    run_id = ws.add_run(dataset_id, "audit", {"seed": 3, "names": ("a", "b")})
    run = ws.run(run_id)
    assert (run.status, run.kind, run.attempt) == (RunStatus.QUEUED, RunKind.AUDIT, 0)
    assert run.params == {"seed": 3, "names": ["a", "b"]}
    assert ws.queue.claim(LIMITS) == ()
    ws.queue.submit(run_id)
    assert [run.id for run in ws.queue.claim(LIMITS)] == [run_id]
    assert ws.run(run_id).attempt == 1


def test_one_audit_and_one_import_at_a_time_oldest_first(ws: Workspace, dataset_id: str) -> None:
    audits = [submitted(ws, dataset_id) for _ in range(2)]
    imports = [submitted(ws, dataset_id, "import") for _ in range(2)]
    assert {run.id for run in ws.queue.claim(LIMITS)} == {audits[0], imports[0]}
    assert ws.queue.claim(LIMITS) == ()
    assert ws.queue.finish(audits[0], 1, RunStatus.DONE)
    assert [run.id for run in ws.queue.claim(LIMITS)] == [audits[1]]


def test_many_supervisors_claim_each_run_once(ws: Workspace, dataset_id: str) -> None:
    ids = [submitted(ws, dataset_id) for _ in range(12)]

    def serve(_: int) -> list[str]:
        mine = []
        with Workspace(ws.root) as own:
            while any(run.status.is_live for run in own.runs()):
                for run in own.queue.claim({RunKind.AUDIT: 2}):
                    assert len(own.queue.active()) <= 2
                    mine.append(run.id)
                    own.queue.finish(run.id, run.attempt, RunStatus.DONE)
        return mine

    with ThreadPoolExecutor(3) as pool:
        claimed = [run_id for mine in pool.map(serve, range(3)) for run_id in mine]
    assert sorted(set(claimed)) == ids
    assert [run.attempt for run in ws.runs()] == [1] * len(ids)


def test_report_is_stored_and_tells_of_a_cancellation(ws: Workspace, dataset_id: str) -> None:
    run_id = running(ws, dataset_id)
    assert ws.queue.report(run_id, 0.25, "Extracting", 12.0) is False
    run = ws.run(run_id)
    assert (run.fraction, run.stage, run.eta, run.pid) == (0.25, "Extracting", 12.0, 4711)
    assert not run.cancelling
    ws.queue.cancel(run_id)
    assert ws.run(run_id).cancelling
    assert ws.queue.report(run_id, 0.5, "Extracting", 8.0) is True
    assert ws.queue.finish(run_id, 1, RunStatus.CANCELLED)
    assert not ws.run(run_id).cancelling


def test_end_of_an_earlier_attempt_does_not_end_a_later_one(ws: Workspace, dataset_id: str) -> None:
    run_id = running(ws, dataset_id)
    assert ws.queue.finish(run_id, 1, RunStatus.FAILED, "x")
    assert not ws.queue.finish(run_id, 1, RunStatus.DONE)
    ws.queue.resume(run_id)
    assert [run.attempt for run in ws.queue.claim(LIMITS)] == [2]
    assert not ws.queue.finish(run_id, 1, RunStatus.INTERRUPTED, "stale")
    assert ws.run(run_id).status is RunStatus.STARTING


def test_queued_run_is_cancelled_at_once_and_can_be_resumed(ws: Workspace, dataset_id: str) -> None:
    run_id = submitted(ws, dataset_id)
    ws.queue.cancel(run_id)
    assert ws.run(run_id).status is RunStatus.CANCELLED
    assert ws.queue.claim(LIMITS) == ()
    ws.queue.resume(run_id)
    assert len(ws.queue.claim(LIMITS)) == 1


def test_done_run_stays_done(ws: Workspace, dataset_id: str) -> None:
    run_id = running(ws, dataset_id)
    ws.queue.finish(run_id, 1, RunStatus.DONE)
    ws.queue.cancel(run_id)
    run = ws.run(run_id)
    assert (run.status, run.fraction, run.cancelling) == (RunStatus.DONE, 1.0, False)
    with pytest.raises(WorkspaceError, match="nothing to resume"):
        ws.queue.resume(run_id)


@pytest.mark.parametrize("end", [RunStatus.FAILED, RunStatus.INTERRUPTED, RunStatus.CANCELLED])
def test_import_that_ends_badly_fails_its_dataset_until_resumed(
    ws: Workspace, dataset_id: str, end: RunStatus
) -> None:
    run_id = running(ws, dataset_id, "import")
    error = None if end is RunStatus.CANCELLED else "why"
    ws.queue.finish(run_id, 1, end, error)
    record = ws.dataset(dataset_id)
    assert record.status is DatasetStatus.FAILED
    assert record.error == (error or "The import was cancelled.")
    ws.queue.resume(run_id)
    record = ws.dataset(dataset_id)
    assert (record.status, record.error) == (DatasetStatus.IMPORTING, None)


def test_failed_audit_leaves_the_dataset_alone(ws: Workspace, dataset_id: str) -> None:
    run_id = running(ws, dataset_id)
    ws.queue.finish(run_id, 1, RunStatus.FAILED, "why")
    assert ws.dataset(dataset_id).status is DatasetStatus.IMPORTING


def test_runs_are_listed_newest_first_by_dataset_and_kind(
    ws: Workspace, dataset_id: str, source: Path
) -> None:
    other = ws.add_dataset("other", source, copy=False, roles={}, task=None)
    ids = [ws.add_run(*item, {}) for item in ((dataset_id, "import"), (other, "audit"))]
    ids.append(ws.add_run(dataset_id, RunKind.AUDIT, {}))
    assert [run.id for run in ws.runs()] == ids[::-1]
    assert [run.id for run in ws.runs(dataset_id)] == [ids[2], ids[0]]
    assert [run.id for run in ws.runs(kind="audit")] == [ids[2], ids[1]]
    assert [run.id for run in ws.runs(other, "import")] == []


def test_unknown_runs_are_named(ws: Workspace, dataset_id: str) -> None:
    for call in (ws.run, ws.queue.submit, ws.queue.cancel, ws.queue.resume):
        with pytest.raises(NotFoundError, match="r0099"):
            call("r0099")
    with pytest.raises(NotFoundError, match="d0099"):
        ws.add_run("d0099", "audit", {})
    with pytest.raises(NotFoundError):
        ws.run_dir("../../etc")


def test_deleting_a_run_takes_its_files_and_leaves_the_rest(ws: Workspace, dataset_id: str) -> None:
    gone, kept = (ws.add_run(dataset_id, "audit", {}) for _ in range(2))
    for run_id in (gone, kept):
        ws.run_dir(run_id)
        (ws.exports / dataset_id / run_id).mkdir(parents=True)
    ws.delete_run(gone)
    assert [run.id for run in ws.runs(dataset_id)] == [kept]
    assert [path.name for path in (ws.root / "runs").iterdir()] == [kept]
    assert [path.name for path in (ws.exports / dataset_id).iterdir()] == [kept]
    with pytest.raises(NotFoundError):
        ws.delete_run(gone)
    ws.delete_run(kept)
    assert ws.add_run(dataset_id, "audit", {}) not in (gone, kept)


def test_a_run_at_work_is_not_deleted(ws: Workspace, dataset_id: str) -> None:
    working = running(ws, dataset_id, "import")
    waiting = submitted(ws, dataset_id)
    with pytest.raises(WorkspaceError, match=r"Audit 2 is queued\. Cancel it first"):
        ws.delete_run(waiting)
    with pytest.raises(WorkspaceError, match="Import 1 is the import of its dataset"):
        ws.delete_run(working)
    ws.queue.claim(LIMITS)
    ws.queue.begin(waiting, 4711)
    ws.queue.cancel(waiting)
    with pytest.raises(WorkspaceError, match="is running"):
        ws.delete_run(waiting)
    ws.queue.finish(waiting, 1, RunStatus.CANCELLED)
    ws.delete_run(waiting)
    assert [run.id for run in ws.runs(dataset_id)] == [working]


def test_a_run_that_live_work_uses_is_not_deleted(ws: Workspace, dataset_id: str) -> None:
    audit = ws.add_run(dataset_id, "audit", {})
    user = ws.add_run(dataset_id, "pruning", {"audit": audit, "cuts": [1, 2]})
    ws.queue.submit(user)
    with pytest.raises(WorkspaceError, match=r"Audit 1 is being used by .*: Pruning 2"):
        ws.delete_run(audit)
    assert len(ws.runs(dataset_id)) == 2
    ws.queue.cancel(user)
    ws.delete_run(audit)
    assert ws.runs(dataset_id) == ()


def test_what_was_made_from_an_audit_goes_with_it(ws: Workspace, dataset_id: str) -> None:
    audit, other = (ws.add_run(dataset_id, "audit", {}) for _ in range(2))
    kinds = ("pruning", "training", "map", "query")
    made = [ws.add_run(dataset_id, kind, {"audit": audit}) for kind in kinds]
    kept = [
        ws.add_run(dataset_id, "pruning", {"audit": other, "note": f"like {audit}"}),
        ws.add_run(dataset_id, "selftest", {"seeds": [int(audit[1:])]}),
    ]
    for run_id in (audit, *made, *kept):
        ws.run_dir(run_id)
        (ws.exports / dataset_id / run_id).mkdir(parents=True)
    assert [run.id for run in ws.users_of(audit)] == made[::-1]
    ws.delete_run(audit)
    assert {run.id for run in ws.runs(dataset_id)} == {other, *kept}
    assert {path.name for path in (ws.root / "runs").iterdir()} == set(kept)
    assert {path.name for path in (ws.exports / dataset_id).iterdir()} == set(kept)


def test_runs_are_called_by_kind_and_number(ws: Workspace, dataset_id: str) -> None:
    kinds = ("audit", "selftest", "query")
    titles = [ws.run(ws.add_run(dataset_id, kind, {})).title for kind in kinds]
    assert titles == ["Audit 1", "Self-test 2", "Question 3"]
