"""Results of runs: what goes in comes out, all or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dvaudit.core.dataset import Kind
from dvaudit.core.errors import NotFoundError
from dvaudit.store import Workspace

SAMPLES = pd.DataFrame(
    {
        "id": ["a", "b", "c"],
        "suspicion_rank": pd.array([2, None, 1], dtype="Int64"),
        "flagged": [False, False, True],
        "kernel-loo.value": [0.5, np.nan, -1.0],
        "suggested_label": pd.Series([None, None, "dog"], dtype=object),
    }
)
NEIGHBOURS = {"same_index": np.array([[1, 2], [0, -1], [0, 1]], dtype=np.int32)}


@pytest.fixture
def run_id(ws: Workspace, source: Path) -> str:
    dataset_id = ws.add_dataset("pets", source, copy=False, roles={}, task=None)
    return ws.add_run(dataset_id, "audit", {})


def test_results_come_back(ws: Workspace, run_id: str) -> None:
    classes = pd.DataFrame({"class": ["cat", "dog"], "samples": [2, 1]})
    summary = {"rate": np.float64(0.1), "bad": float("nan"), "n": np.int64(3), "kind": Kind.IMAGE}
    ws.save_findings(run_id, SAMPLES, {"classes": classes}, summary, NEIGHBOURS)
    found = ws.run_samples(run_id)
    assert found["suspicion_rank"].dtype == "Int64"
    assert found["flagged"].dtype == bool
    assert found["suggested_label"].isna().tolist() == [True, True, False]
    assert found["suspicion_rank"].isna().tolist() == [False, True, False]
    pd.testing.assert_series_equal(found["kernel-loo.value"], SAMPLES["kernel-loo.value"])
    assert ws.run_table(run_id, "classes")["samples"].tolist() == [2, 1]
    assert ws.run_summary(run_id) == {"rate": 0.1, "bad": None, "n": 3, "kind": "image"}
    row = ws.run_neighbours(run_id, 1)
    assert {name: values.tolist() for name, values in row.items()} == {"same_index": [0, -1]}


def test_saving_again_replaces_everything(ws: Workspace, run_id: str) -> None:
    ws.save_findings(run_id, SAMPLES, {"classes": SAMPLES}, {"round": 1}, NEIGHBOURS)
    ws.save_findings(run_id, SAMPLES[:1], {}, {"round": 2}, {})
    assert ws.run_summary(run_id) == {"round": 2}
    assert len(ws.run_samples(run_id)) == 1
    assert ws.run_neighbours(run_id, 0) == {}
    with pytest.raises(NotFoundError, match="classes"):
        ws.run_table(run_id, "classes")
    assert [path.name for path in ws.run_dir(run_id).iterdir()] == ["results"]


def test_failing_save_keeps_the_earlier_results(ws: Workspace, run_id: str) -> None:
    ws.save_findings(run_id, SAMPLES, {}, {"round": 1}, NEIGHBOURS)
    with pytest.raises(TypeError, match="object"):
        ws.save_findings(run_id, SAMPLES[:1], {}, {"round": object()}, {})
    assert ws.run_summary(run_id) == {"round": 1}
    assert len(ws.run_samples(run_id)) == 3
    assert [path.name for path in ws.run_dir(run_id).iterdir()] == ["results"]


@pytest.mark.parametrize("name", ["../x", "", "A", "a/b", "a.b"])
def test_names_that_could_leave_the_folder_are_refused(
    ws: Workspace, run_id: str, name: str
) -> None:
    with pytest.raises(ValueError, match="cannot name a result"):
        ws.save_findings(run_id, SAMPLES, {name: SAMPLES}, {}, {})
    with pytest.raises(NotFoundError):
        ws.run_table(run_id, name)


def test_neighbours_belong_to_samples(ws: Workspace, run_id: str) -> None:
    with pytest.raises(ValueError, match="3 rows for 2 samples"):
        ws.save_findings(run_id, SAMPLES[:2], {}, {}, NEIGHBOURS)
    ws.save_findings(run_id, SAMPLES, {}, {}, NEIGHBOURS)
    for outside in (-1, 3):
        with pytest.raises(NotFoundError, match="there are 3"):
            ws.run_neighbours(run_id, outside)


def test_run_without_results_says_so(ws: Workspace, run_id: str) -> None:
    for call in (ws.run_samples, ws.run_summary):
        with pytest.raises(NotFoundError, match="has not finished"):
            call(run_id)
    with pytest.raises(NotFoundError, match="has not finished"):
        ws.run_neighbours(run_id, 0)
