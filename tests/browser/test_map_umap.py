"""A UMAP map is made in the background to its end, and each sample is drawn where it says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from accessible import settle
from audited import add_audited_table
from live import LiveApp, live_app
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, expect

from dvaudit import audits
from dvaudit.store import RunKind, RunStatus, Workspace

pytestmark = pytest.mark.browser

ROWS, ELMS = 40, 14  # every third of the table is an elm
MINUTES = 120_000  # milliseconds that a worker may take to load numba and to lay out the map
FILLED = 0.94  # of the canvas, along the side that the map fills
CLEAR = 12  # pixels: points of two classes that are closer may cover each other
COLOURS = """list => list.map(item => [item.children[1].textContent,
  getComputedStyle(item.children[0]).backgroundColor.match(/\\d+/g).map(Number)])"""
PIXELS = """(canvas, places) => places.map(
  ([x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data])"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with an audited table that has no map yet."""
    with Workspace(tmp_path / "home") as ws:
        add_audited_table(ws, tmp_path, ROWS)
    return tmp_path / "home"


def on_canvas(canvas: Locator, places: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Return (n, 2) the pixels that places have on a map which shows them all."""
    size = canvas.evaluate("canvas => [canvas.clientWidth, canvas.clientHeight]")
    steps = places.astype(float)
    low, high = steps.min(axis=0), steps.max(axis=0)
    scale = FILLED * min(size / np.maximum(high - low, 1))
    return np.asarray(
        np.array(size) / 2 + (steps - (low + high) / 2) * scale * np.array([1, -1]), dtype=float
    )


def apart(at: NDArray[np.float64], labels: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the samples that no sample of another class lies close to."""
    far = np.hypot(*(at[:, None] - at[None]).T) > CLEAR
    return np.flatnonzero((far | (labels[:, None] == labels[None])).all(axis=1))


def drawn_in_the_colours_of_their_classes(
    canvas: Locator, at: NDArray[np.float64], labels: NDArray[np.object_]
) -> None:
    legend = canvas.page.locator(".map .legend li")
    colours = {name: np.array(rgb) for name, rgb in legend.evaluate_all(COLOURS)}
    assert set(colours) == {"elm", "oak"}
    told = apart(at, labels)
    assert len(told) > ROWS / 2
    for one, pixel in zip(told, canvas.evaluate(PIXELS, at[told].tolist()), strict=True):
        assert pixel[3] > 200, f"nothing is drawn at the place of sample {one}"
        off = {name: np.abs(colour[:3] - pixel[:3]).sum() for name, colour in colours.items()}
        assert min(off, key=lambda name: off[name]) == labels[one]


def made_in_the_background(page: Page, app: LiveApp) -> Locator:
    page.goto(f"{app.address}/samples?with=map")
    expect(page.get_by_text("No map yet.")).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Make a map").click()
    page.get_by_role("button", name="UMAP", exact=True).click()
    expect(page.get_by_text(re.compile("^Map: "))).to_be_visible()
    expect(page.get_by_role("button", name="UMAP", exact=True)).to_be_disabled()
    page.keyboard.press("Escape")
    canvas = page.get_by_role("application")
    expect(canvas).to_have_attribute(
        "aria-label",
        f"UMAP map of {ROWS} samples, coloured by given label: {ELMS} elm, {ROWS - ELMS} oak",
        timeout=MINUTES,
    )
    expect(page.get_by_text(re.compile("^Map: "))).to_have_count(0)
    return canvas


def test_a_umap_map_is_made_and_shows_each_sample_at_its_place(page: Page, home: Path) -> None:
    with live_app(home) as app:
        canvas = made_in_the_background(page, app)
        with Workspace(home) as ws:
            (run,) = ws.runs("d0001", RunKind.MAP)
            assert (run.status, run.params["method"]) == (RunStatus.DONE, "umap")
            places = audits.map_points(ws, run.params["audit"], run.id)
            labels = ws.samples("d0001")["label"].to_numpy(dtype=object)
        assert len(np.unique(places, axis=0)) == ROWS
        expect(canvas).to_have_attribute("data-ready", re.compile("published|map"))
        settle(page)
        canvas.scroll_into_view_if_needed()
        at = on_canvas(canvas, places)
        drawn_in_the_colours_of_their_classes(canvas, at, labels)

        alone = np.sort(np.hypot(*(at[:, None] - at[None]).T), axis=1)[:, 1].argmax()
        x, y = at[alone]
        canvas.hover(position={"x": x, "y": y})
        card = page.locator(".map .card")
        expect(card.locator("b")).to_have_text(str(alone))
        expect(card).to_contain_text(labels[alone])
        canvas.click(position={"x": x, "y": y})
        expect(page.get_by_role("dialog").get_by_text(f"of {ROWS} samples")).to_be_visible()
        expect(page).to_have_url(re.compile(rf"[?&]sample={alone}(&|$)"))
