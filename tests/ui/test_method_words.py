"""What methods say of their own run, on the pages that show their results."""

from __future__ import annotations

from pathlib import Path

import pytest
from appview import open_page
from audited import add_audited_table
from influential import add_influence
from traced import add_trace

from dvaudit.store import Workspace
from dvaudit.ui.method_words import failures_of, statuses_of, title_of, warnings_of
from dvaudit.valuators.dvemb import COARSE


def _say(ws: Workspace, run: str, **record: object) -> None:
    """Let a stored audit have this in its record beside the rest."""
    summary = ws.run_summary(run)
    changed = {**summary, "record": {**summary["record"], **record}}
    names = ("classes", "confusions", "duplicates")
    tables = {name: ws.run_table(run, name) for name in names}
    ws.save_findings(run, ws.run_samples(run), tables, changed, {})


def _told(app: object) -> list[str]:
    return [box.value.replace("\\", "") for box in app.warning]  # type: ignore[attr-defined]


def test_an_audit_of_an_earlier_version_has_a_status_and_no_warnings(
    ws: Workspace, tmp_path: Path
) -> None:
    _, run = add_audited_table(ws, tmp_path)
    _say(ws, run, valuators={"kernel-loo": {"status": "Exact."}, "gone": {"status": ""}})
    record = ws.run(run)
    assert warnings_of(ws, record) == failures_of(ws, record) == []
    assert statuses_of(ws, record) == [("Kernel leave-one-out", "Exact.")]
    assert title_of("gone") == "gone"


def test_an_audit_without_any_record_says_nothing(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    summary = {key: value for key, value in ws.run_summary(run).items() if key != "record"}
    ws.save_findings(run, ws.run_samples(run), {}, summary, {})
    record = ws.run(run)
    assert warnings_of(ws, record) == failures_of(ws, record) == statuses_of(ws, record) == []


def test_dynamics_shows_the_warnings_of_the_method_on_screen(ws: Workspace, tmp_path: Path) -> None:
    _, run = add_audited_table(ws, tmp_path)
    add_trace(ws, run, "liveval")
    said = {"liveval": ["It is unsteady."], "kernel-loo": ["Two are alike."]}
    summary = ws.run_summary(run)
    record = {**summary["record"], "valuators": {k: {"warnings": v} for k, v in said.items()}}
    _rewritten(ws, run, {**summary, "record": record})
    app = open_page("dynamics")
    assert not app.exception
    assert "**LiveVal:** It is unsteady." in _told(app)
    assert not any("alike" in text for text in _told(app))


def _rewritten(ws: Workspace, run: str, summary: dict[str, object]) -> None:
    names = ("classes", "confusions", "duplicates", "early-liveval", "classes-liveval")
    tables = {name: ws.run_table(run, name) for name in names}
    arrays = {"trace-liveval": ws.run_array(run, "trace-liveval").copy()}
    ws.save_findings(run, ws.run_samples(run), tables, summary, {}, arrays=arrays)


@pytest.mark.parametrize("agreement", [0.6, 0.95])
def test_influence_shows_what_dvemb_warns_of_and_coarseness_once(
    ws: Workspace, tmp_path: Path, agreement: float
) -> None:
    _, audited = add_audited_table(ws, tmp_path)
    run, arrays = add_influence(ws, audited, agreement=agreement)
    summary = ws.run_summary(run)
    dvemb = {
        **summary["record"]["valuators"]["dvemb"],
        "warnings": [f"{COARSE}: raise something.", "Early steps are unreliable."],
    }
    changed = {**summary, "record": {**summary["record"], "valuators": {"dvemb": dvemb}}}
    ws.save_findings(run, ws.run_samples(run), {}, changed, {}, arrays=arrays)
    told = _told(open_page("influence", {"dataset": ws.run(run).dataset_id, "run": run}))
    assert "**Data Value Embedding:** Early steps are unreliable." in told
    assert sum("coarse" in text for text in told) == (agreement < 0.8)


def test_influence_says_that_dvemb_failed(ws: Workspace, tmp_path: Path) -> None:
    _, audited = add_audited_table(ws, tmp_path)
    run, _ = add_influence(ws, audited)
    summary = ws.run_summary(run)
    record = {
        **summary["record"],
        "valuators": {},
        "failed": {"dvemb": "It diverged; lower the rate."},
    }
    ws.save_findings(run, ws.run_samples(run), {}, {**summary, "record": record}, {})
    app = open_page("influence", {"dataset": ws.run(run).dataset_id, "run": run})
    assert not app.exception
    said = " ".join(each.value for each in app.markdown).replace("\\", "")
    assert "Data Value Embedding failed in this audit" in said
    assert "It diverged; lower the rate." in said


@pytest.mark.parametrize("page", ["compare", "dynamics"])
def test_pages_on_methods_name_those_that_failed(ws: Workspace, tmp_path: Path, page: str) -> None:
    _, run = add_audited_table(ws, tmp_path)
    _say(ws, run, failed={"liveval": "The training diverged."})
    said = [box.value for box in open_page(page).caption]
    assert "Failed in this audit: LiveVal. The page Audit says why." in said
