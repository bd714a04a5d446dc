"""Dynamics while a net trains: lines of single samples grow, and a choice of them stays."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from accessible import settle
from appview import add_table
from live import live_app
from playwright.sync_api import Page, expect

from dvaudit import audits
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

ROWS = 40
ENDLESS = {"dvgs": {"steps": 1_000_000, "every": 50, "overfit": 0.0}}


def test_lines_of_single_samples_grow_while_it_trains(page: Page, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with Workspace(home) as ws:
        dataset = add_table(ws, tmp_path, rows=ROWS)
        chosen = str(ws.samples(dataset)["id"].iat[7])
        run = audits.start_audit(ws, dataset, ("dvgs",), settings=ENDLESS)
        with live_app(home) as app:
            page.goto(f"{app.address}/dynamics?dataset={dataset}&run={run}&over=Samples")
            main = page.get_by_test_id("stMain")
            said = main.get_by_test_id("stCaptionContainer").filter(has_text="Rank 1 has")
            expect(said).to_contain_text("Before a choice: the 3 lowest and the 3 highest")
            lines = main.locator(f".st-key-dynamics_live_samples_chart_{run} .scatterlayer .trace")
            expect(lines).to_have_count(9)  # two of the band, the median, six samples

            choice = page.get_by_role("combobox", name=re.compile("Samples, at most 5"))
            choice.fill(chosen)
            before = said.inner_text()
            expect(said).not_to_have_text(before)  # the next look at the training
            expect(choice).to_have_value(chosen)
            choice.press("Enter")
            expect(said).to_contain_text("The chosen samples. dvgs, step")
            expect(lines).to_have_count(4)
            before = said.inner_text()
            expect(said).not_to_have_text(before)
            expect(lines).to_have_count(4)
            choice.press("Escape")
            kept = main.locator(f".st-key-dynamics_live_samples_{run}")
            expect(kept.get_by_text(chosen, exact=True)).to_be_visible()

            page.get_by_role("button", name="Cancel", exact=True).click()
            expect(main.get_by_text("was cancelled at")).to_be_visible()
            settle(page)
            expect(said).to_contain_text("The chosen samples")
            expect(lines).to_have_count(4)
