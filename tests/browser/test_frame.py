"""Addresses and colours that only a browser shows."""

from __future__ import annotations

import pytest
from live import LiveApp
from playwright.sync_api import Page, expect

from dvaudit.ui import theme

pytestmark = pytest.mark.browser


def test_the_name_of_the_start_page_opens_it_without_a_complaint(app: LiveApp, page: Page) -> None:
    page.goto(f"{app.address}/data?kept=1")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page).to_have_url(f"{app.address}/?kept=1")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_what_is_chosen_is_bright_on_dark(app: LiveApp, page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"{app.address}/")
    chosen = page.locator('[data-variant="segmented_control"][data-selected]').first
    parts = [int(theme.CHOSEN_ON_DARK[i : i + 2], 16) for i in (1, 3, 5)]
    expect(chosen).to_have_css("color", f"rgb({parts[0]}, {parts[1]}, {parts[2]})")
