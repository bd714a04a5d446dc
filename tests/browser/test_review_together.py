"""Two people review in two browsers: names, a conflict, and its settlement, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from audited import add_audited_pictures, add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Browser, Locator, Page, expect

from dvaudit.core.decisions import Decision, Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

TOGETHER, TABS, ZOOM = "d0001", "d0002", "d0003"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over three finished audits, two of a table and one of pictures."""
    home = tmp_path_factory.mktemp("together")
    with Workspace(home) as ws:
        for name in ("together", "tabs"):
            add_audited_table(ws, tmp_path_factory.mktemp(name))
        add_audited_pictures(ws, tmp_path_factory.mktemp("pictures"))
    with live_app(home) as running:
        yield running


def open_as(page: Page, app: LiveApp, dataset: str, name: str, queue: str = "suspicion") -> Locator:
    page.goto(f"{app.address}/review?dataset={dataset}&queue={queue}")
    review = page.get_by_role("region", name="Review of one sample")
    field = page.get_by_label("Reviewer", exact=True)
    field.fill(name)
    field.press("Enter")
    field.blur()
    expect(review.get_by_role("button", name="Keep")).to_be_visible()
    return review


def stored(review: Locator, progress: str) -> None:
    """Wait until the progress says this and nothing typed is still on its way."""
    expect(review.locator('[data-part="progress"]')).to_have_text(progress)
    expect(review.locator('[data-part="stored"]')).to_have_text("stored")


def test_two_people_differ_and_one_settles_it_by_keyboard(
    chromium: Browser, page: Page, app: LiveApp
) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    other = context.new_page()
    with Workspace(app.home) as ws:
        ann = open_as(page, app, TOGETHER, "Ann")
        page.keyboard.type("kkk")
        stored(ann, "3 of 3 flagged reviewed")

        bob = open_as(other, app, TOGETHER, "Bob", "second")
        expect(bob.locator('[data-part="opinions"]')).to_be_hidden()
        other.keyboard.type("kd")
        stored(bob, "2 of 3 reviewed")
        other.keyboard.press("ArrowLeft")
        expect(bob.locator('[data-part="opinions"]')).to_contain_text("Ann: kept · Bob: dropped")

        page.goto(f"{app.address}/review?dataset={TOGETHER}&queue=conflicts")
        ann = page.get_by_role("region", name="Review of one sample")
        expect(ann.locator('[data-part="opinions"]')).to_contain_text(
            "Reviewers differ; the newest is in force: dropped."
        )
        expect(page.get_by_label("Reviewer", exact=True)).to_have_value("Ann")
        page.keyboard.type("leLM")
        page.keyboard.press("Enter")
        stored(ann, "1 of 1 conflict settled")
        assert ws.decisions(TOGETHER)["1"] == Decision("1", Verdict.RELABEL, "elm")
        last = ws.history(TOGETHER).iloc[-1]
        assert (last["reviewer"], last["resolution"]) == ("Ann", True)
    context.close()


def test_each_tab_keeps_its_name_over_a_reload(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        open_as(page, app, TABS, "Ann")
        second = page.context.new_page()
        open_as(second, app, TABS, "Bob")
        for tab, name in ((page, "Ann"), (second, "Bob")):
            tab.reload()
            expect(tab.get_by_label("Reviewer", exact=True)).to_have_value(name)
            review = tab.get_by_role("region", name="Review of one sample")
            expect(review.get_by_role("button", name="Keep")).to_be_visible()
            tab.keyboard.press("k")
            stored(review, f"{1 + (name == 'Bob')} of 3 flagged reviewed")
        assert ws.history(TABS)["reviewer"].tolist() == ["Ann", "Bob"]
        page.bring_to_front()
        page.keyboard.press("z")
        review = page.get_by_role("region", name="Review of one sample")
        stored(review, "1 of 3 flagged reviewed")
        assert [log.reviewer for log in ws.history(TABS).itertuples() if log.undo] == ["Ann"]


def test_a_picture_is_zoomed_and_judged_there(page: Page, app: LiveApp) -> None:
    review = open_as(page, app, ZOOM, "Ann")
    picture = review.get_by_role("img", name="Sample elm/00.png")
    before = picture.bounding_box()
    page.keyboard.press("f")
    expect(review.get_by_text("closes; the other keys work here")).to_be_visible()
    after = picture.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] * after["height"] > 2 * before["width"] * before["height"]
    page.keyboard.press("k")
    expect(review.get_by_role("img", name="Sample elm/02.png")).to_be_visible()
    page.keyboard.press("Escape")
    expect(review.get_by_text("closes; the other keys work here")).to_be_hidden()
    stored(review, "1 of 3 flagged reviewed")
