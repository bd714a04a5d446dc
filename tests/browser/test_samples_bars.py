"""The bars of Samples: a range and classes by dragging, by clicking and by keys, without Plotly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from accessible import settle
from audited import add_audited_pictures
from live import LiveApp, live_app
from playwright.sync_api import FloatRect, Locator, Page, expect

from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

EACH = 10  # pictures of elm and of oak
BARS = 60


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over audited pictures."""
    home = tmp_path_factory.mktemp("bars")
    with Workspace(home) as ws:
        add_audited_pictures(ws, tmp_path_factory.mktemp("pictures"), each=EACH)
    with live_app(home) as running:
        yield running


def open_samples(page: Page, app: LiveApp, query: str = "") -> Locator:
    page.set_viewport_size({"width": 1440, "height": 1300})
    page.goto(f"{app.address}/samples?dataset=d0001{query}")
    cards = page.locator(".st-key-gallery .card")
    expect(cards).to_have_count(2 * EACH)
    expect(page.locator(".st-key-filter_chart svg text").first).to_be_visible()
    settle(page)
    return cards


def area_of(chart: Locator) -> FloatRect:
    area = chart.bounding_box()
    assert area is not None
    return area


def told(page: Page) -> Locator:
    """The card with what lies below the mouse or the keyboard."""
    return page.locator(".st-key-filter_chart .stage > .card")


def samples_in(text: str) -> int:
    return int(re.findall(r"(\d+) samples?", text)[0])


def asked_range(page: Page) -> tuple[float, float]:
    (text,) = parse_qs(urlsplit(page.url).query)["range"]
    column, low, high = text.split("~")
    assert column == "margin"
    return float(low), float(high)


def bar_at(area: FloatRect, bar: int) -> tuple[float, float]:
    return area["x"] + (bar + 0.5) * area["width"] / BARS, area["y"] + area["height"] / 2


def test_a_drag_over_the_histogram_filters_and_its_band_stays(page: Page, app: LiveApp) -> None:
    cards = open_samples(page, app)
    chart = page.get_by_role("slider", name="Range of Margin")
    stage, band = page.locator(".st-key-filter_chart .stage"), page.locator("svg .band")
    stage.evaluate("stage => { stage.querySelector('.rest').marked = true }")
    area = area_of(chart)
    page.mouse.move(*bar_at(area, 29))
    page.mouse.down()
    page.mouse.move(*bar_at(area, BARS - 1), steps=6)
    expect(band).to_have_count(1)
    half = samples_in(told(page).inner_text())
    assert 0 < half < 2 * EACH
    assert "range=" not in page.url
    page.keyboard.press("Escape")
    expect(band).to_have_count(0)
    page.mouse.up()

    page.mouse.move(*bar_at(area, 29))
    page.mouse.down()
    page.mouse.move(*bar_at(area, BARS - 1), steps=6)
    page.mouse.up()
    drawn = band.bounding_box()
    expect(page).to_have_url(re.compile("range=margin~"))
    expect(cards).to_have_count(half)
    assert band.bounding_box() == pytest.approx(drawn, abs=0.01)
    expect(page.get_by_role("button", name=re.compile("^Margin: "))).to_be_visible()
    page.get_by_role("button", name="Clear filters").click()
    expect(band).to_have_count(0)
    expect(cards).to_have_count(2 * EACH)
    page.go_back()
    expect(band).to_have_count(1)
    expect(cards).to_have_count(half)
    assert stage.evaluate("stage => stage.querySelector('.rest').marked"), "drawn anew"


def test_a_click_on_the_histogram_chooses_one_bar(page: Page, app: LiveApp) -> None:
    cards = open_samples(page, app)
    chart = page.get_by_role("slider", name="Range of Margin")
    page.mouse.move(*bar_at(area_of(chart), 0))
    here = samples_in(told(page).inner_text())
    assert here > 0
    page.mouse.click(*bar_at(area_of(chart), 0))
    expect(page).to_have_url(re.compile("range=margin~"))
    expect(cards).to_have_count(here)
    first = asked_range(page)
    settle(page)
    page.mouse.click(*bar_at(area_of(chart), BARS - 1))
    expect(page).not_to_have_url(re.compile(f"range=margin~{first[0]}"))
    assert asked_range(page)[0] > first[1]


def test_a_range_is_chosen_by_keys(page: Page, app: LiveApp) -> None:
    cards = open_samples(page, app)
    chart = page.get_by_role("slider", name="Range of Margin")
    chart.focus()
    page.keyboard.press("End")
    expect(chart).to_have_attribute("aria-valuenow", str(BARS - 1))
    expect(page.locator("svg .at")).to_have_count(1)
    for _ in range(30):
        page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("svg .band")).to_have_count(1)
    said = chart.get_attribute("aria-valuetext") or ""
    assert re.search(r"^\S+ to \S+, \d+ samples?, \d+ flagged$", said)
    page.keyboard.press("Escape")
    expect(page.locator("svg .band")).to_have_count(0)
    expect(chart).to_be_focused()
    assert "range=" not in page.url
    page.keyboard.press("End")
    for _ in range(30):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("range=margin~"))
    expect(cards).to_have_count(samples_in(said))
    expect(chart).to_be_focused()


def test_classes_are_chosen_by_mouse(page: Page, app: LiveApp) -> None:
    cards = open_samples(page, app, "&chart=classes")
    chart = page.get_by_role("listbox", name="Classes")
    rows = chart.get_by_role("option")
    chips = page.get_by_role("button", name=re.compile("^Label: "))
    expect(rows).to_have_count(2)
    first, last = (area_of(row) for row in rows.all())
    x, above, below = first["x"] + 9, first["y"] + 9, last["y"] + 9
    page.mouse.click(x, above)
    expect(rows.first).to_have_attribute("aria-selected", "true")
    expect(cards).to_have_count(EACH)
    expect(page).to_have_url(re.compile("class=elm"))
    expect(page.locator("svg rect.pale")).not_to_have_count(0)
    page.mouse.click(x, above)
    expect(cards).to_have_count(2 * EACH)
    expect(chips).to_have_count(0)
    expect(page.locator("svg rect.pale")).to_have_count(0)
    page.mouse.move(x, above)
    page.mouse.down()
    page.mouse.move(x + 20, below, steps=6)
    expect(told(page)).to_contain_text("2 classes")
    page.mouse.up()
    expect(chips).to_have_count(2)
    # The second click does not wait for the answer to the first.
    page.mouse.click(x, above)
    page.mouse.click(x, below)
    expect(chips).to_have_count(0)
    expect(rows.first).to_have_attribute("aria-selected", "false")
    expect(cards).to_have_count(2 * EACH)


def test_classes_are_chosen_by_keys(page: Page, app: LiveApp) -> None:
    cards = open_samples(page, app, "&chart=classes")
    chart = page.get_by_role("listbox", name="Classes")
    chart.focus()
    page.keyboard.press("End")
    active = chart.get_attribute("aria-activedescendant")
    expect(chart.locator(f"#{active}")).to_have_attribute("aria-label", re.compile("^oak, 10 samp"))
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("class=oak"))
    expect(cards).to_have_count(EACH)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("class=oak&class=elm"))
    page.keyboard.press("Enter")
    expect(page).not_to_have_url(re.compile("class=elm"))
    expect(cards).to_have_count(EACH)
    expect(chart).to_be_focused()


def test_bars_load_no_plotly(page: Page, app: LiveApp) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for chart in ("values", "classes"):
        open_samples(page, app, f"&chart={chart}")
    assert asked != []
    assert [url for url in asked if "plotly" in url.lower()] == []


def test_colours_follow_the_theme(page: Page, app: LiveApp) -> None:
    open_samples(page, app)
    bars = page.locator("svg path.rest")
    fills = []
    for theme, colour in (("light", "rgb(15, 118, 110)"), ("dark", "rgb(45, 212, 191)")):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        expect(bars).to_have_css("fill", colour)
        fills.append(page.locator("svg path.flagged").evaluate("bar => getComputedStyle(bar).fill"))
    assert fills == ["rgb(217, 119, 6)", "rgb(251, 191, 36)"]
