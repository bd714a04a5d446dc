"""Home: a dataset is renamed, deleted after a question, and its runs are told with their states."""

from __future__ import annotations

from pathlib import Path

import pytest
from accessible import settle
from appview import add_audit
from audited import add_audited_table
from live import live_app
from playwright.sync_api import Locator, Page, expect

from dvaudit.store import RunStatus, Workspace

pytestmark = pytest.mark.browser

ROWS, NEW = 30, "Oaks *and* elms"
REASON = "The kernel of 30 samples is singular."


def card(page: Page, dataset: str) -> Locator:
    return page.locator(f".st-key-card_{dataset}")


def kept(home: Path, dataset: str, run: str) -> list[bool]:
    """Whether the workspace has files of the dataset and of the run."""
    return [(home / "datasets" / dataset).exists(), (home / "runs" / run).exists()]


def test_another_name_is_shown_everywhere(page: Page, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Workspace(home) as ws:
        dataset, _ = add_audited_table(ws, tmp_path, ROWS)
    with live_app(home) as app:
        page.goto(f"{app.address}/home")
        own = card(page, dataset)
        own.get_by_role("button", name="Rename").click()
        dialog = page.get_by_role("dialog")
        name = dialog.get_by_label("Name")
        expect(name).to_have_value("trees")
        name.fill(NEW)
        name.press("Enter")
        expect(dialog).to_have_count(0)
        expect(own.get_by_role("heading", name=NEW, exact=True)).to_be_visible()
        sidebar = page.get_by_test_id("stSidebar").get_by_role("combobox", name="Dataset")
        expect(sidebar).to_have_value(f"{NEW} ({ROWS})")
        page.get_by_role("link", name="Samples", exact=True).first.click()
        expect(page.get_by_role("heading", name="Samples", exact=True)).to_be_visible()
        expect(page.get_by_test_id("stMain").get_by_text(f"{NEW}, the most")).to_be_visible()
        expect(sidebar).to_have_value(f"{NEW} ({ROWS})")
    with Workspace(home) as ws:
        assert ws.dataset(dataset).name == NEW


def test_a_dataset_is_deleted_only_after_the_question(page: Page, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Workspace(home) as ws:
        (tmp_path / "other").mkdir()
        stays, seen = add_audited_table(ws, tmp_path / "other", ROWS)
        dataset, run = add_audited_table(ws, tmp_path, ROWS)
    with live_app(home) as app:
        page.goto(f"{app.address}/home")
        own, dialog = card(page, dataset), page.get_by_role("dialog")
        asks = own.get_by_role("button", name="Delete", exact=True).first
        asks.click()
        expect(dialog).to_contain_text("1 run goes, with all results: 1 audit")
        expect(dialog).to_contain_text("This cannot be undone.")
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0)
        settle(page)
        expect(own.get_by_role("heading", name="trees")).to_be_visible()
        assert kept(home, dataset, run) == [True, True]

        asks.click()
        dialog.get_by_role("button", name="Delete the dataset").click()
        expect(dialog).to_have_count(0)
        expect(own).to_have_count(0)
        expect(card(page, stays)).to_be_visible()
        expect(page.get_by_text("1 dataset · 1 run")).to_be_visible()
        assert kept(home, dataset, run) == [False, False]
        assert kept(home, stays, seen) == [True, True]
        page.goto(f"{app.address}/samples?dataset={dataset}&run={run}")
        settle(page)
        expect(page.get_by_role("combobox", name="Dataset")).to_have_value(f"trees ({ROWS})")
    assert (tmp_path / "trees.csv").exists()


def test_runs_are_told_with_their_states(page: Page, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Workspace(home) as ws:
        dataset, _ = add_audited_table(ws, tmp_path, ROWS)
        failed = add_audit(ws, dataset, RunStatus.FAILED, REASON)
        add_audit(ws, dataset, RunStatus.CANCELLED)
    with live_app(home) as app:
        page.goto(f"{app.address}/home")
        own = card(page, dataset)
        runs = own.get_by_test_id("stExpander").filter(has_text="3 runs")
        runs.locator("summary").click()
        for state in ("done", f"failed: {REASON}", "cancelled"):
            expect(runs.get_by_text(state, exact=True)).to_be_visible()
        failure = runs.get_by_role("link", name="Audit 2")
        expect(failure).to_have_attribute("href", f"audit?dataset={dataset}&run={failed}")
        failure.click()
        expect(page.get_by_text(REASON).first).to_be_visible()
