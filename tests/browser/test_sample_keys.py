"""The gallery and one sample by keyboard: one tab stop, stepping, and where the focus goes back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from audited import add_audited_pictures
from held import HOLD
from live import live_app
from playwright.sync_api import Browser, Locator, Page, expect
from waiting import until

from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

LONG = 20_000  # milliseconds that a busy machine may take


def settled(page: Page) -> None:
    expect(page.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )


COUNT_CLOSED = """() => {
  window.closed_dialogs = 0
  new MutationObserver(() => {
    if (!document.querySelector('[role=dialog]')) window.closed_dialogs += 1
  }).observe(document.body, { subtree: true, childList: true })
}"""


def card(page: Page, position: int) -> Locator:
    return page.locator(f'.st-key-gallery .card[data-position="{position}"]')


def test_a_sample_is_opened_stepped_through_and_closed_by_keys(
    chromium: Browser, page: Page, tmp_path: Path
) -> None:
    with Workspace(tmp_path / "home") as ws:
        add_audited_pictures(ws, tmp_path)
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/samples")
        cards = page.locator(".st-key-gallery .card")
        expect(cards).to_have_count(8, timeout=LONG)
        expect(page.locator('.st-key-gallery .card[tabindex="0"]')).to_have_count(1)
        card(page, 0).focus()
        page.keyboard.press("ArrowRight")
        expect(card(page, 1)).to_be_focused()
        expect(card(page, 1)).to_have_attribute("tabindex", "0")
        expect(card(page, 0)).to_have_attribute("tabindex", "-1")

        page.keyboard.press("Enter")
        expect(page.get_by_text("2 of 8 samples")).to_be_visible(timeout=LONG)
        for key, place in (("ArrowRight", 3), ("j", 4), ("k", 3), ("ArrowLeft", 2), ("J", 3)):
            expect(page.get_by_text("← → or K J")).to_be_visible()
            settled(page)
            page.keyboard.press(key)
            expect(page.get_by_text(f"{place} of 8 samples")).to_be_visible(timeout=LONG)
        expect(page.get_by_text("← → or K J")).to_be_visible()
        page.evaluate(COUNT_CLOSED)
        page.keyboard.type("jjjjj")
        expect(page.get_by_text("8 of 8 samples")).to_be_visible(timeout=LONG)
        page.keyboard.type("kkkkk")
        expect(page.get_by_text("3 of 8 samples")).to_be_visible(timeout=LONG)
        assert page.evaluate("window.closed_dialogs") == 0
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page).not_to_have_url(re.compile("sample="))
        expect(card(page, 2)).to_be_focused(timeout=LONG)


@pytest.mark.parametrize("keys", ["j Escape", "Escape j"])
def test_a_step_on_its_way_opens_no_closed_dialog(page: Page, tmp_path: Path, keys: str) -> None:
    with Workspace(tmp_path / "home") as ws:
        add_audited_pictures(ws, tmp_path)
    with live_app(tmp_path / "home") as app:
        page.add_init_script(HOLD)
        page.goto(f"{app.address}/samples?sample=2")
        expect(page.get_by_text("← → or K J")).to_be_visible(timeout=LONG)
        settled(page)
        page.evaluate("window.hold.out = true")
        for key in keys.split():
            page.keyboard.press(key)
        until(lambda: page.evaluate("window.waiting('out')") > 0)
        page.evaluate("window.release('out')")
        expect(page.get_by_role("dialog")).to_have_count(0, timeout=LONG)
        expect(page).not_to_have_url(re.compile("sample="), timeout=LONG)
        settled(page)
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_filter_goes_along_the_menu_and_back_leaves(
    chromium: Browser, page: Page, tmp_path: Path
) -> None:
    with Workspace(tmp_path / "home") as ws:
        add_audited_pictures(ws, tmp_path)
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/samples?show=flagged&class=elm")
        expect(page.locator(".st-key-gallery .card")).to_have_count(3, timeout=LONG)
        for name in ("Export", "Samples"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=LONG)
            expect(page).to_have_url(re.compile("show=flagged&class=elm"), timeout=LONG)
        expect(page.locator(".st-key-gallery .card")).to_have_count(3, timeout=LONG)
        for _ in range(6):
            page.go_back()
            if "/export" in page.url:
                break
            page.wait_for_timeout(300)
        expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible(timeout=LONG)
