"""In a browser: verdicts leave as a patch, and another dataset takes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from audited import add_audited_table
from live import live_app
from playwright.sync_api import Page, expect

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

LONG = 30_000


def test_a_patch_is_downloaded_and_applied_to_a_copy(page: Page, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        (tmp_path / "copy").mkdir()
        copy, _ = add_audited_table(ws, tmp_path / "copy", rows=20)
        first, _ = add_audited_table(ws, tmp_path, rows=20)
        names = ws.samples(first)["id"].tolist()
        ws.decide(first, names[0], Verdict.DROP)
        ws.decide(first, names[1], Verdict.KEEP)
        with live_app(tmp_path / "home") as app:
            page.goto(f"{app.address}/export?dataset={first}")
            page.get_by_role("button", name="Prepare patch").click()
            with page.expect_download() as download:
                page.get_by_role("button", name="Download patch").click()
            patch = tmp_path / download.value.suggested_filename
            download.value.save_as(patch)
            page.goto(f"{app.address}/export?dataset={copy}")
            page.locator("input[type=file]").set_input_files(patch)
            page.get_by_role("button", name="Apply 2 verdicts").click()
            expect(page.get_by_text("2 verdicts stored")).to_be_visible(timeout=LONG)
        made = ws.decisions(copy)
    assert {name: item.verdict for name, item in made.items()} == {
        names[0]: Verdict.DROP,
        names[1]: Verdict.KEEP,
    }
