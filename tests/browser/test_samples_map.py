"""What only a browser shows of the Samples page: a lasso and a dragged range, and their links."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from audited import add_audited_pictures
from live import live_app
from playwright.sync_api import Browser, Page, expect

from dvaudit.pipeline import PLANE
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

LONG = 20_000  # milliseconds that a busy machine may take


def add_map(ws: Workspace, folder: Path) -> None:
    """Pictures of two classes, the one on the left half of their map and the other on the right."""
    _, run = add_audited_pictures(ws, folder, each=10)
    samples = ws.run_samples(run)
    right = (samples["given_label"] == "oak").to_numpy()
    at = np.arange(len(samples))
    x = np.where(right, 7000, 1000) + 100 * at
    places = np.stack([x, 4000 + 100 * at], axis=1).astype(np.uint16)
    tables = {name: ws.run_table(run, name) for name in ("classes", "confusions", "duplicates")}
    rows = [ws.run_neighbours(run, one) for one in range(len(samples))]
    near = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    ws.save_findings(run, samples, tables, ws.run_summary(run), near, {PLANE: places})


def settled(page: Page) -> None:
    expect(page.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )


def drag(page: Page, corners: list[tuple[float, float]]) -> None:
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()


def test_a_lasso_and_a_range_filter_and_their_link_opens_the_same_view(
    chromium: Browser, page: Page, tmp_path: Path
) -> None:
    with Workspace(tmp_path / "home") as ws:
        add_map(ws, tmp_path)
    with live_app(tmp_path / "home") as app:
        cards = page.locator(".gallery .card")
        page.goto(f"{app.address}/samples?with=map")
        expect(cards).to_have_count(20, timeout=LONG)
        canvas = page.get_by_role("application")
        expect(canvas).to_have_attribute("data-ready", re.compile("published|map"), timeout=LONG)
        settled(page)
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        left, middle = box["x"] + 2, box["x"] + box["width"] / 2
        top, bottom = box["y"] + 2, box["y"] + box["height"] - 2
        drag(page, [(left, top), (middle, top), (middle, bottom), (left, bottom), (left, top)])
        expect(cards).to_have_count(10, timeout=LONG)
        assert all("label elm" in (card.get_attribute("aria-label") or "") for card in cards.all())
        expect(page.get_by_role("button", name="Region of the map")).to_be_visible()

        area = page.get_by_role("slider", name="Range of Margin").bounding_box()
        assert area is not None
        height = area["y"] + area["height"] / 2
        drag(
            page, [(area["x"] + 0.75 * area["width"], height), (area["x"] + area["width"], height)]
        )
        expect(page.get_by_role("button", name=re.compile("Margin: "))).to_be_visible(timeout=LONG)
        shown = 5  # of the ten elms, whose margins go down from .5 by .1
        expect(cards).to_have_count(shown, timeout=LONG)
        names = [card.get_attribute("aria-label") for card in cards.all()]
        link = page.url
        assert "lasso=pca_" in link
        assert "range=margin" in link

        page.goto("about:blank")
        page.goto(link)
        expect(cards).to_have_count(shown, timeout=LONG)
        assert [card.get_attribute("aria-label") for card in cards.all()] == names
        page.get_by_role("button", name="Clear filters").click()
        expect(cards).to_have_count(20, timeout=LONG)
        page.go_back()
        expect(cards).to_have_count(shown, timeout=LONG)


def test_a_box_by_keyboard_filters(chromium: Browser, page: Page, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        add_map(ws, tmp_path)
    with live_app(tmp_path / "home") as app:
        cards = page.locator(".gallery .card")
        page.goto(f"{app.address}/samples?with=map")
        canvas = page.get_by_role("application")
        expect(canvas).to_have_attribute("data-ready", re.compile("published|map"), timeout=LONG)
        expect(cards).to_have_count(20, timeout=LONG)
        settled(page)
        canvas.focus()
        for _ in range(20):
            page.keyboard.press("Shift+ArrowUp")
        page.keyboard.press("Enter")
        for _ in range(20):
            page.keyboard.press("Shift+ArrowDown")
            page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("Enter")
        expect(cards).to_have_count(10, timeout=LONG)
        assert all("label oak" in (card.get_attribute("aria-label") or "") for card in cards.all())
