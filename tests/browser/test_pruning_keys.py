"""Every press of an arrow key moves the cut of a pruning by one, however soon the next comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from accessible import settle
from audited import add_audited_table
from held import HOLD
from live import live_app
from playwright.sync_api import Page, expect
from pruned import add_pruning
from waiting import until

from dvaudit.store import Workspace

pytestmark = pytest.mark.browser


def test_no_press_is_lost_while_the_server_answers(page: Page, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        dataset, audit = add_audited_table(ws, tmp_path, 30)
        run = add_pruning(ws, audit)
    with live_app(tmp_path / "home") as app:
        page.add_init_script(HOLD)
        query = f"dataset={dataset}&run={audit}&pruning={run}&cut=0"
        page.goto(f"{app.address}/pruning?{query}")
        settle(page)
        cut = page.get_by_role("slider", name="Share of samples removed")
        page.evaluate("window.hold.in = true")
        cut.press("ArrowRight")
        until(lambda: page.evaluate("window.waiting('in')") > 3, 20)  # the answer to it comes
        page.evaluate("window.hold.out = true")
        cut.press("ArrowRight")  # its own place is on its way
        expect(cut).to_have_attribute("aria-valuenow", "2")
        page.evaluate("window.release('in')")
        settle(page)
        cut.press("ArrowRight")
        page.evaluate("window.release('out')")
        expect(cut).to_have_attribute("aria-valuenow", "3")
