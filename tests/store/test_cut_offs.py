"""The cut-off that is kept with a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvaudit.core.errors import NotFoundError
from dvaudit.findings import CutBy, CutOff
from dvaudit.store import Workspace
from dvaudit.store.errors import WorkspaceError


@pytest.fixture
def run_id(ws: Workspace, source: Path) -> str:
    dataset_id = ws.add_dataset("pets", source, copy=False, roles={}, task=None)
    return ws.add_run(dataset_id, "audit", {})


@pytest.mark.parametrize(
    "cut", [CutOff(CutBy.RANK, rank=5), CutOff(CutBy.MARGIN, margin=-0.1 / 3), CutOff()]
)
def test_a_cut_off_stays_when_the_workspace_is_opened_again(
    ws: Workspace, run_id: str, cut: CutOff
) -> None:
    assert ws.cut_off(run_id) == CutOff()
    ws.set_cut_off(run_id, cut)
    with Workspace(ws.root) as again:
        assert again.cut_off(run_id) == cut


def test_runs_have_cut_offs_of_their_own(ws: Workspace, run_id: str) -> None:
    other = ws.add_run(ws.run(run_id).dataset_id, "audit", {})
    ws.set_cut_off(run_id, CutOff(CutBy.RANK, rank=5))
    assert ws.cut_off(other) == CutOff()
    with pytest.raises(NotFoundError):
        ws.set_cut_off("r0999", CutOff())


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema_version": 2}', '{"schema_version": 1, "by": "x", "rank": 1}'],
)
def test_a_damaged_file_is_refused_with_a_way_out(ws: Workspace, run_id: str, text: str) -> None:
    (ws.run_dir(run_id) / "cut_off.json").write_text(text, encoding="utf-8")
    with pytest.raises(WorkspaceError, match="delete it"):
        ws.cut_off(run_id)
