"""Pruning in a browser: drag the cut on the curve, and take exactly that cut away."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from accessible import settle, violations
from audited import add_audited_table
from live import live_app
from playwright.sync_api import Page, expect
from pruned import MOST, STEPS, add_pruning

from dvaudit import audits
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

ROWS = 30
LEFT, RIGHT = 64, 16  # pixels of the chart beside the plot


def _settled(page: Page) -> None:
    expect(page.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )


def _removed(index: int) -> int:
    return round(MOST * index / STEPS * ROWS)


def test_the_cut_is_dragged_and_exactly_that_cut_downloaded(page: Page, tmp_path: Path) -> None:
    # Stored before the app starts: it would take a run without a worker for an interrupted one.
    with Workspace(tmp_path / "home") as ws:
        dataset, audit = add_audited_table(ws, tmp_path, ROWS)
        run = add_pruning(ws, audit)
        order = audits.pruned_ids(ws, run, "lowest first", ROWS)
        original = pd.read_csv(ws.dataset(dataset).source)
    with live_app(tmp_path / "home") as app:
        query = f"dataset={dataset}&run={audit}&pruning={run}&series=lowest-first&cut=1"
        page.goto(f"{app.address}/pruning?{query}")
        _drag_and_press(page)
        _download(page, original, order)
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            page.goto(f"{app.address}/pruning?{query}")
            settle(page)
            assert violations(page) == []


def _drag_and_press(page: Page) -> None:
    cut = page.get_by_role("slider", name="Share of samples removed")
    expect(cut).to_have_attribute("aria-valuenow", "1", timeout=30_000)
    expect(cut).to_have_attribute("aria-valuetext", re.compile(r"^3 samples, 10\.0% removed"))
    _settled(page)
    stage = page.locator(".curve .stage")
    stage.scroll_into_view_if_needed()
    frame = stage.bounding_box()
    assert frame is not None
    removed = page.get_by_test_id("stMetric").filter(has_text="Removed").first
    live = page.locator(".curve .figures dd").first

    def across(index: int) -> float:
        assert frame is not None
        return frame["x"] + LEFT + (frame["width"] - LEFT - RIGHT) * index / STEPS

    y = frame["y"] + 150
    page.mouse.move(across(1), y)
    page.mouse.down()
    page.mouse.move(across(4) + 3, y, steps=8)
    # Before it is let go, the figures are there and nothing went to Python.
    expect(live).to_have_text(f"{_removed(4)} samples, 40.0%")
    expect(page.locator(".curve .card")).to_contain_text("Random: ")
    assert re.search(r"[?&]cut=1(&|$)", page.url)
    expect(removed).to_contain_text(f"{_removed(1)}")
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"[?&]cut=4(&|$)"))
    expect(removed).to_contain_text(f"{_removed(4)}")
    _settled(page)

    # A click on the curve and the arrow keys do the same.
    page.mouse.click(across(3), y)
    expect(page).to_have_url(re.compile(r"[?&]cut=3(&|$)"))
    expect(cut).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"[?&]cut=2(&|$)"))
    expect(cut).to_have_attribute("aria-valuenow", "2")
    expect(removed).to_contain_text(f"{_removed(2)}")
    _settled(page)


def _download(page: Page, original: pd.DataFrame, order: list[str]) -> None:
    page.get_by_role("button", name="Export exactly this cut").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download this cut").click()
    assert download.value.suggested_filename.endswith(f"-pruned-lowest-first-{_removed(2)}.csv")
    gone = order[: _removed(2)]
    expected = original.drop(index=[int(name) for name in gone]).reset_index(drop=True)
    found = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))
    pd.testing.assert_frame_equal(found, expected)
    with page.expect_download() as listed:
        page.get_by_role("button", name="Removed samples, CSV").click()
    table = pd.read_csv(Path(listed.value.path()), dtype={"id": str})
    assert table["id"].tolist() == gone
