"""The embedded sample, queued by a server that may not load scikit-learn."""

from __future__ import annotations

from pathlib import Path

import pytest
from served import write_zip

from dvaudit import audits, jobs, sample
from dvaudit.store import DatasetStatus, RunKind, RunStatus, Workspace


def test_the_worker_writes_imports_and_queues_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "write_sample", write_zip)
    with Workspace(tmp_path / "home") as ws:
        dataset = audits.start_sample(ws)
        assert ws.dataset(dataset).source.read_bytes() == b""
        (run,) = ws.runs(dataset)
        jobs.work_here(ws, run.id)
        record = ws.dataset(dataset)
        assert (record.status, record.samples) == (DatasetStatus.READY, 6)
        assert record.source.parent.parent == ws.dataset_dir(dataset)
        (audit,) = ws.runs(dataset, RunKind.AUDIT)
        assert audit.status is RunStatus.QUEUED
        assert audits.start_sample(ws) == dataset
        assert len(ws.runs()) == 2


def test_a_failed_sample_can_be_tried_again(tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        first = audits.start_sample(ws)
        ws.fail_dataset(first, "no room")
        assert audits.start_sample(ws) != first
