"""Review where something happened elsewhere, and what only a browser shows of labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from audited import add_audited_pictures, add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Locator, Page, expect

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

TABS, REMOVED, PICTURES = "d0001", "d0002", "d0003"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over finished audits of two tables and of pictures."""
    home: Path = tmp_path_factory.mktemp("elsewhere")
    with Workspace(home) as ws:
        for name in ("tabs", "removed"):
            add_audited_table(ws, tmp_path_factory.mktemp(name))
        add_audited_pictures(ws, tmp_path_factory.mktemp("pictures"))
    with live_app(home) as running:
        yield running


def open_review(page: Page, app: LiveApp, dataset: str) -> Locator:
    page.goto(f"{app.address}/review?dataset={dataset}")
    review = page.get_by_role("region", name="Review of one sample")
    expect(review.get_by_role("button", name="Keep")).to_be_visible()
    return review


def test_a_stale_tab_is_told_and_one_key_repeats_its_verdict(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        review = open_review(page, app, TABS)
        other = page.context.new_page()
        fresh = open_review(other, app, TABS)
        other.keyboard.press("k")
        expect(fresh.locator('[data-part="stored"]')).to_have_text("stored")
        expect(fresh.locator('[data-part="progress"]')).to_have_text("1 of 3 flagged reviewed")
        page.bring_to_front()
        page.keyboard.press("d")
        refusal = review.locator('[data-part="refusal"]')
        expect(refusal).to_contain_text("0 is kept since, by you, in another place.")
        expect(review.locator('[data-part="stored"]')).to_have_text("not stored")
        assert ws.decisions(TABS)["0"].verdict is Verdict.KEEP
        page.keyboard.press("r")
        expect(refusal).to_be_hidden()
        expect(review.locator('[data-part="stored"]')).to_have_text("stored")
        assert ws.decisions(TABS)["0"].verdict is Verdict.DROP


def test_a_dataset_removed_elsewhere_is_said_instead_of_stored(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        review = open_review(page, app, REMOVED)
        ws.delete_dataset(REMOVED)
        page.keyboard.press("k")
        expect(page.get_by_text("was removed while it was reviewed here")).to_be_in_viewport()
        expect(review).to_have_count(0)
        expect(page.get_by_text("Traceback")).to_have_count(0)
        page.get_by_role("button", name="Go on with what there is").click()
        expect(page.get_by_text("Judge the labels of")).to_be_visible()


def test_small_pictures_are_drawn_in_full_colour(page: Page, app: LiveApp) -> None:
    review = open_review(page, app, PICTURES)
    for name in ("Sample elm/00.png", "Neighbour"):
        picture = review.get_by_role("img", name=name).first
        expect(picture).to_have_css("image-rendering", "pixelated")
        expect(picture).to_have_css("opacity", "1")


def test_a_class_with_a_line_break_is_typed_with_a_space(
    page: Page, app: LiveApp, tmp_path: Path
) -> None:
    script = Path(__file__).parents[2] / "dvaudit/ui/components/review/labels.js"
    page.goto("about:blank")
    named = page.evaluate(
        f"""() => {{ {script.read_text(encoding="utf-8")}
        const classes = ['sweet\\ngum', 'red   oak', 'Red Oak', 'Elm', 'twin\\none', 'twin  one']
        return ['SWEET gum', 'red oak', 'Red Oak', 'RED OAK', 'sw', 'twin one'].map(
          (text) => classes.indexOf(named(classes, text)))
          .concat([six('3.141592653589793'), six('12345678'), six('1234567.891')])
          .concat([number('3.14159', '3.141592653589793')]) }}"""
    )
    assert named == [0, 1, 2, -1, 0, -1, "3.14159", "12345678", "1234568", "3.141592653589793"]
