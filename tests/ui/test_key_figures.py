"""The figures above the samples: duplicates with other labels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from appview import open_page
from audited import add_audited_table

from dvaudit.store import Workspace


def test_only_the_groups_of_duplicates_that_conflict_are_counted(
    ws: Workspace, tmp_path: Path
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    agreeing = {"group": 2, "kind": "near", "id": ["7", "8"], "conflict": False, "keep": False}
    copies = pd.concat([ws.run_table(run, "duplicates"), pd.DataFrame(agreeing)])
    summary = {**ws.run_summary(run), "duplicate_groups": 2}
    ws.save_findings(run, ws.run_samples(run), {"duplicates": copies}, summary, {})
    figures = {metric.label: metric.delta for metric in open_page("samples").metric}
    assert figures["Duplicates with other labels"] == "samples, in 1 of 2 groups"


@pytest.mark.parametrize(
    ("groups", "said"), [(0, "no duplicates found"), (2, "none, in 2 groups of duplicates")]
)
def test_without_conflicts_no_count_of_nothing_is_shown(
    ws: Workspace, tmp_path: Path, groups: int, said: str
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    copies = ws.run_table(run, "duplicates").assign(conflict=False)
    summary = {**ws.run_summary(run), "duplicate_groups": groups, "duplicate_conflicts": 0}
    ws.save_findings(run, ws.run_samples(run), {"duplicates": copies}, summary, {})
    figures = {metric.label: metric.delta for metric in open_page("samples").metric}
    assert figures["Duplicates with other labels"] == said
