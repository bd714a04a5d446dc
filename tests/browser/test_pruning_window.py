"""Pruning by a sliding window: the window is moved on the curve, and just its samples leave."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from accessible import settle
from audited import add_audited_table
from live import live_app
from playwright.sync_api import Page, expect
from pruned import WIDTH, add_pruning

from dvaudit import audits
from dvaudit.findings.pruning import Series, order_words
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

ROWS = 30


def test_the_window_is_moved_and_just_its_samples_leave(page: Page, tmp_path: Path) -> None:
    inside = round(WIDTH * ROWS)
    with Workspace(tmp_path / "home") as ws:
        dataset, audit = add_audited_table(ws, tmp_path, ROWS)
        run = add_pruning(ws, audit)
        order = audits.pruned_ids(ws, run, Series.LOWEST.value, ROWS)
        original = pd.read_csv(ws.dataset(dataset).source)
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/pruning?dataset={dataset}&run={audit}&pruning={run}")
        settle(page)
        page.get_by_role("radio", name=order_words(Series.WINDOW, hard=False)[0]).press("Space")
        expect(page).to_have_url(re.compile(f"series={Series.WINDOW.slug}"))
        cut = page.get_by_role("slider")
        expect(cut).to_have_attribute("aria-label", "Where the window starts")
        at = int(cut.get_attribute("aria-valuenow") or "")
        settle(page)
        cut.focus()
        page.keyboard.press("ArrowRight")
        expect(page).to_have_url(re.compile(rf"[?&]cut={at + 1}(&|$)"))
        told = cut.get_attribute("aria-valuetext") or ""
        removed = page.get_by_test_id("stMetric").filter(has_text="Removed").first
        expect(removed).to_contain_text(f"{inside}")
        settle(page)
        page.get_by_role("button", name="Export exactly this cut").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download this cut").click()
        left = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))
        with page.expect_download() as listed:
            page.get_by_role("button", name="Removed samples, CSV").click()
        gone = pd.read_csv(Path(listed.value.path()), dtype={"id": str})["id"].tolist()
    start = int(re.findall(r"from place (\d+)", told)[0]) - 1
    assert start > 0, "the window has left the end of the order"
    assert gone == order[start : start + inside]
    expected = original.drop(index=[int(name) for name in gone]).reset_index(drop=True)
    pd.testing.assert_frame_equal(left, expected)
