"""The random audit sample as a queue: it shows as soon as it is drawn, and begins at its start."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from accessible import settle
from audited import add_audited_table
from live import live_app
from playwright.sync_api import Page, expect

from dvaudit import audits
from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser


def test_a_sample_drawn_in_its_own_queue_is_shown_at_once(page: Page, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        add_audited_table(ws, tmp_path, 240)
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/review?queue=audit")
        expect(page.get_by_text("No audit sample is drawn")).to_be_visible()
        settle(page)
        page.get_by_text("Precision along the order, cut-off and audit sample").click()
        page.get_by_role("button", name="Draw 200 samples at random").click()
        expect(page.get_by_text("0 of 200 judged, in the order drawn")).to_be_visible()
        progress = page.locator('[data-part="progress"]')
        expect(progress).to_contain_text("0 of 200")
        expect(page.get_by_text("No audit sample is drawn")).to_have_count(0)
        page.get_by_role("button", name="Draw 40 more").click()
        expect(progress).to_contain_text("0 of 240")


def test_the_queue_starts_with_the_first_one_drawn_and_keeps_its_place(
    page: Page, tmp_path: Path
) -> None:
    with Workspace(tmp_path / "home") as ws:
        dataset, run = add_audited_table(ws, tmp_path, 240)
        drawn = audits.draw_audit_sample(ws, run).positions
        assert 0 in drawn[1:50]
        with live_app(tmp_path / "home") as app:
            page.goto(f"{app.address}/review")
            review = page.get_by_role("region", name="Review of one sample")
            name = review.locator('[data-part="name"]')
            expect(name).to_have_text("0")
            settle(page)
            page.get_by_role("combobox", name="Queue").click()
            page.get_by_role("option", name="Random audit sample").click()
            progress = review.locator('[data-part="progress"]')
            expect(progress).to_contain_text("0 of 200")
            expect(page).to_have_url(re.compile("queue=audit"))
            settle(page)
            expect(name).to_have_text(str(drawn[0]))
            review.focus()
            page.keyboard.type("k" * 12)
            expect(review.locator('[data-part="stored"]')).to_have_text("stored")
            page.get_by_text("Precision along the order, cut-off and audit sample").click()
            expect(page.get_by_text("12 of 200 judged, in the order drawn")).to_be_visible()

            # The same queue keeps the place, whoever judges something in it.
            review.focus()
            page.keyboard.press("ArrowRight")
            expect(name).to_have_text(str(drawn[13]))
            audits.decide(ws, dataset, str(drawn[20]), Verdict.KEEP, reviewer="Bob")
            page.get_by_role("button", name="Draw 40 more").click()
            expect(progress).to_contain_text("13 of 240")
            settle(page)
            expect(name).to_have_text(str(drawn[13]))

            # The browser's Back opens another queue, too, at its first one to judge.
            page.go_back()
            expect(progress).to_contain_text("flagged reviewed")
            settle(page)
            judged = {*drawn[:12], drawn[20]}
            expect(name).to_have_text(str(next(at for at in range(240) if at not in judged)))
