"""In a browser: what verdicts say of the flags, live, and a self-test from its form to a winner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from audited import add_audited_pictures, add_audited_table
from live import live_app
from playwright.sync_api import Page, expect

from dvaudit.store import RunKind, Workspace

pytestmark = pytest.mark.browser

MINUTES = 120_000


def test_each_verdict_moves_the_precision_of_the_flags(page: Page, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        add_audited_pictures(ws, tmp_path, each=10)
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/review")
        review = page.get_by_role("region", name="Review of one sample")
        expect(review.get_by_role("button", name="Keep")).to_be_visible()
        expect(page.get_by_text(re.compile("^Judge .* for a first estimate"))).to_be_visible()
        flagged = int(re.findall(r"of (\d+) flagged", review.inner_text())[0])
        review.focus()
        page.keyboard.press("k")
        for _ in range(flagged - 1):
            page.keyboard.press("s")
        panel = page.get_by_test_id("stMetric").filter(has_text="Precision of the flags")
        expect(panel).to_contain_text(f"{flagged - 1} of {flagged}", timeout=MINUTES)


def test_a_selftest_names_a_winner(page: Page, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        dataset, _ = add_audited_table(ws, tmp_path, rows=120)
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/compare")
        page.get_by_role("tab", name="Self-test").click()
        page.get_by_role("button", name="Start the self-test").click()
        expect(page.get_by_role("heading", name="Found by effort")).to_be_visible(timeout=MINUTES)
    with Workspace(tmp_path / "home") as ws:
        assert len(ws.runs(dataset, RunKind.SELFTEST)) == 1
