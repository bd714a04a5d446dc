"""Use cases over a workspace, without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dvaudit import audits, jobs
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.store import RunStatus, Workspace


@pytest.fixture
def referenced(tmp_path: Path) -> tuple[Workspace, str, Path]:
    """A workspace with an imported table that is read where it lies, and that table."""
    rng = np.random.default_rng(0)
    path = tmp_path / "grows.csv"
    pd.DataFrame({"x": rng.normal(size=40), "label": ["a", "b"] * 20}).to_csv(path, index=False)
    ws = Workspace(tmp_path / "home")
    run_id = audits.start_import(ws, path, name="grows", copy=False)
    jobs.work_here(ws, run_id)
    assert ws.run(run_id).status is RunStatus.DONE
    return ws, ws.run(run_id).dataset_id, path


def test_a_changed_source_is_refused(referenced: tuple[Workspace, str, Path]) -> None:
    ws, dataset_id, path = referenced
    assert len(audits.load_stored(ws, dataset_id)) == 40
    pd.read_csv(path)[::-1].to_csv(path, index=False)
    with pytest.raises(UnsuitableDataError, match=r"changed since the import"):
        audits.load_stored(ws, dataset_id)
    audits.decide(ws, dataset_id, "5", "drop")
    with pytest.raises(UnsuitableDataError, match="import the dataset again"):
        audits.export(ws, dataset_id, None, "dataset")


def test_an_audit_with_what_is_no_seed_is_not_queued(
    referenced: tuple[Workspace, str, Path],
) -> None:
    ws, dataset_id, _ = referenced
    before = len(ws.runs(dataset_id))
    with pytest.raises(SettingsError, match="The seed is -1"):
        audits.start_audit(ws, dataset_id, seed=-1)
    assert len(ws.runs(dataset_id)) == before


def test_a_source_that_was_only_touched_is_read(referenced: tuple[Workspace, str, Path]) -> None:
    ws, dataset_id, path = referenced
    path.touch()
    assert len(audits.load_stored(ws, dataset_id)) == 40


def test_a_trusted_file_takes_the_roles_of_the_data(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.normal(size=40), "land": ["n", "s"] * 20, "label": ["a", "b"] * 20}
    )
    frame.to_csv(tmp_path / "data.csv", index=False)
    frame[frame["land"] == "n"].head(3).assign(label="a").to_csv(tmp_path / "few.csv", index=False)
    data = audits.load(tmp_path / "data.csv", label="label")
    few = audits.load_like(tmp_path / "few.csv", data)
    assert few.table is not None
    assert list(few.table.columns) == ["x", "land"]
    assert few.label_text().tolist() == ["a", "a", "a"]
