"""Compare's Stability tab: rank intervals, other seeds, and starting the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import in_address, texts
from audited import add_audited_table
from compared import add_methods
from comparing import add_compared, alts_of, labels_of, open_compare, pressed
from scipy.stats import spearmanr

from dvaudit.store import RunKind, RunStatus, Workspace


@pytest.fixture
def compared(ws: Workspace, tmp_path: Path) -> tuple[str, str]:
    """A table with an audit of three methods; the ids of both."""
    return add_compared(ws, tmp_path)


def test_standard_errors_become_rank_intervals(ws: Workspace, compared: tuple[str, str]) -> None:
    app = open_compare("Stability")
    table = app.dataframe[0].value.set_index("Method")
    assert table.index.tolist() == ["kernel-loo", "cg-score", "el2n"]
    values = ws.run_samples(compared[1])["el2n.value"]
    assert table.loc["el2n", "Reliability"] == f"{1 - 0.05**2 / values.var():.3f}"
    assert table.loc[["kernel-loo", "cg-score"], "Reliability"].tolist() == ["-", "-"]
    assert "30 most suspicious samples by el2n" in alts_of(app)[0]
    assert "No standard errors from kernel\\-loo, cg\\-score" in texts(app)


def test_other_seeds_are_compared_where_only_the_seed_differs(
    ws: Workspace, compared: tuple[str, str]
) -> None:
    dataset, run = compared
    other = add_methods(ws, run, seed=5, error=None)
    frames = [ws.run_samples(one)["el2n.value"] for one in (run, other)]
    app = open_compare("Stability", dataset=dataset, run=run)
    table = app.dataframe[0].value.set_index("Method")
    found = spearmanr(*frames).statistic
    assert table.loc["el2n", "Other seeds"] == f"{found:.2f} (audit {int(other[1:])})"
    assert table.loc["kernel-loo", "Other seeds"] == f"1.00 (audit {int(other[1:])})"


def test_an_audit_is_repeated_with_another_seed(ws: Workspace, compared: tuple[str, str]) -> None:
    dataset, run = compared
    app = pressed(open_compare("Stability", dataset=dataset, run=run), "Audit again with seed 1")
    made = ws.runs(dataset, RunKind.AUDIT)[0]
    given = ws.run(run).params
    assert made.params["seed"] == 1
    for name in ("valuators", "settings", "extractor"):
        assert made.params[name] == given[name]
    assert in_address(app, "run") == run
    assert ": waiting for its turn" in texts(app)


def test_a_repeat_is_followed_and_the_next_one_has_another_seed(
    ws: Workspace, compared: tuple[str, str]
) -> None:
    dataset, run = compared
    add_methods(ws, run, seed=4)
    assert "Audit again with seed 5" in labels_of(
        open_compare("Stability", dataset=dataset, run=run)
    )
    waiting = ws.add_run(dataset, RunKind.AUDIT, {**ws.run(run).params, "seed": 5})
    app = open_compare("Stability", dataset=dataset, run=run)
    assert ": waiting for its turn" in texts(app)
    assert not any(label.startswith("Audit again") for label in labels_of(app))
    assert ws.run(waiting).status is RunStatus.QUEUED


def test_without_standard_errors_no_interval_is_drawn(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    add_methods(ws, run, error=None)
    assert not alts_of(open_compare("Stability"))
