"""Addresses and colours that only a browser shows."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from live import LiveApp
from playwright.sync_api import Page, expect

from dvaudit.ui import theme
from dvaudit.ui.shell import PAGES, START

pytestmark = pytest.mark.browser

BRIGHT = theme.CHOSEN_ON_DARK
NAMES = [name for section in PAGES.values() for name, *_ in section]


def test_the_name_of_the_start_page_opens_it_without_a_complaint(app: LiveApp, page: Page) -> None:
    page.goto(f"{app.address}/home?kept=1")
    expect(page.get_by_role("heading", name="Find the labels that are wrong")).to_be_visible()
    expect(page).to_have_url(f"{app.address}/?kept=1")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("name", [name for name in NAMES if name != START])
def test_every_other_page_keeps_its_own_address(app: LiveApp, page: Page, name: str) -> None:
    page.goto(f"{app.address}/{name}?kept=1")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Home", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{app.address}/{name}?kept=1")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_an_address_opens_the_form_and_the_method_it_names(app: LiveApp, page: Page) -> None:
    page.goto(f"{app.address}/data?add=1")
    expect(page.get_by_role("heading", name="Add a dataset")).to_be_visible()
    page.goto(f"{app.address}/methods?method=dvgs")
    expect(page.get_by_role("heading", name="Gradient similarity (DVGS)")).to_be_visible()
    page.get_by_role("link", name="All methods").click()
    expect(page.get_by_role("heading", name="Methods", exact=True)).to_be_visible()
    page.get_by_role("link", name="LiveVal", exact=True).click()
    expect(page.get_by_role("heading", name="LiveVal", exact=True)).to_be_visible()
    expect(page).to_have_url(f"{app.address}/methods?method=liveval")
    page.go_back()
    expect(page.get_by_role("heading", name="Methods", exact=True)).to_be_visible()


@pytest.mark.parametrize(("scheme", "colour"), [("light", theme.CHOSEN), ("dark", BRIGHT)])
def test_what_is_chosen_is_readable_below_the_mouse(
    app: LiveApp, page: Page, scheme: str, colour: str
) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{app.address}/data")
    chosen = page.locator('[data-variant="segmented_control"][data-selected]').first
    chosen.hover()
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    expect(chosen).to_have_css("color", f"rgb({parts[0]}, {parts[1]}, {parts[2]})")


@pytest.mark.parametrize(
    "text",
    [
        ":material/home: :material_home: :smile:",
        "http://e.x www.e.x a.b@c.de HTTPS://e.x",
        ":red[hi] :color[x]{} &amp; a -- b -> c",
    ],
)
def test_text_of_an_address_is_shown_as_it_is_written(app: LiveApp, page: Page, text: str) -> None:
    page.goto(f"{app.address}/methods?method={quote(text)}")
    said = page.get_by_test_id("stAlert")
    expect(said).to_contain_text(f"There is no method {text}; these are all.")
    expect(said.locator("a, img, [aria-label$=' icon']")).to_have_count(0)
