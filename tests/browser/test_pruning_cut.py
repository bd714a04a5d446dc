"""Pruning in a browser: drag the cut, click the curve, and take exactly that cut away."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from audited import add_audited_table
from live import live_app
from playwright.sync_api import Page, expect
from pruned import MOST, STEPS, add_pruning

from dvaudit import audits
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

ROWS = 30


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
        _drag_click_and_download(page, original, order)


def _drag_click_and_download(page: Page, original: pd.DataFrame, order: list[str]) -> None:
    thumb = page.get_by_role("slider")
    expect(thumb).to_have_attribute("aria-valuetext", "10%", timeout=30_000)
    place = page.locator(".js-plotly-plot .nsewdrag").first
    expect(place).to_be_visible()
    _settled(page)

    # The slider lies below the axis: dragging to where the plot shows a cut chooses that cut.
    grip = page.get_by_test_id("stSliderThumbValue").locator("xpath=..").bounding_box()
    frame = place.bounding_box()
    assert frame is not None
    assert grip is not None
    y = grip["y"] + grip["height"] / 2
    page.mouse.move(grip["x"] + grip["width"] / 2, y)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 4 / STEPS, y, steps=8)
    page.mouse.up()
    expect(thumb).to_have_attribute("aria-valuetext", "40%")
    expect(page).to_have_url(re.compile(r"[?&]cut=4(&|$)"))
    removed = page.get_by_test_id("stMetric").filter(has_text="Removed").first
    expect(removed).to_contain_text(f"{_removed(4)}")
    _settled(page)

    # A click on the curve does the same.
    frame = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert frame is not None
    circle = page.locator(".js-plotly-plot .scatterlayer .trace path.point")
    boxes = [item.bounding_box() for item in circle.all()]
    wanted = frame["x"] + frame["width"] * 2 / STEPS
    near = [box for box in boxes if box and abs(box["x"] + box["width"] / 2 - wanted) < 4]
    assert near
    page.mouse.click(near[0]["x"] + near[0]["width"] / 2, near[0]["y"] + near[0]["height"] / 2)
    expect(page).to_have_url(re.compile(r"[?&]cut=2(&|$)"))
    expect(thumb).to_have_attribute("aria-valuetext", "20%")
    expect(removed).to_contain_text(f"{_removed(2)}")
    _settled(page)

    page.get_by_role("button", name="Export exactly this cut").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download this cut").click()
    gone = order[: _removed(2)]
    expected = original.drop(index=[int(name) for name in gone]).reset_index(drop=True)
    found = pd.read_csv(io.BytesIO(Path(download.value.path()).read_bytes()))
    pd.testing.assert_frame_equal(found, expected)
    with page.expect_download() as listed:
        page.get_by_role("button", name="Removed samples, CSV").click()
    table = pd.read_csv(Path(listed.value.path()), dtype={"id": str})
    assert table["id"].tolist() == gone
