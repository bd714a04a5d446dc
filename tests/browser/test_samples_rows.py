"""Samples as rows: a row is opened and left by keys, and the page that an address asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from accessible import settle
from audited import add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Page, expect

from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

ROWS = 130  # three pages of 60


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over an audited table."""
    home = tmp_path_factory.mktemp("rows")
    with Workspace(home) as ws:
        add_audited_table(ws, tmp_path_factory.mktemp("table"), rows=ROWS)
    with live_app(home) as running:
        yield running


def closed_by_escape(page: Page) -> None:
    settle(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("sample="))
    # The table's cells lie within its canvas, for those who do not see it.
    expect(page.locator(".st-key-rows canvas:focus-within").first).to_be_attached()


def test_a_row_is_opened_and_left_by_keys(page: Page, app: LiveApp) -> None:
    page.goto(f"{app.address}/samples?page=2")
    settle(page)
    page.locator(".st-key-rows canvas").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(f"62 of {ROWS} samples")).to_be_visible()
    closed_by_escape(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    expect(dialog.get_by_text(f"63 of {ROWS} samples")).to_be_visible()


def test_a_sample_of_a_link_leaves_the_focus_to_the_table(page: Page, app: LiveApp) -> None:
    page.goto(f"{app.address}/samples?sample=2")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("← → or K J")).to_be_visible()
    settle(page)
    page.keyboard.press("j")
    expect(dialog.get_by_text(f"4 of {ROWS} samples")).to_be_visible()
    closed_by_escape(page)


def test_a_page_that_is_not_there_is_said(page: Page, app: LiveApp) -> None:
    page.goto(f"{app.address}/samples?page=9")
    said = page.get_by_test_id("stAlert")
    expect(said).to_contain_text("page 9, where the last one is 3")
    page.get_by_role("button", name="Page 2").click()
    expect(page).to_have_url(re.compile(r"[?&]page=2(&|$)"))
    expect(said).to_have_count(0)
