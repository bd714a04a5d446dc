"""Review: a queue is shared out and each finds the own part; queues by class and by chance."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from accessible import settle
from audited import add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Browser, Locator, Page, expect

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

SHARED, QUEUES = "d0001", "d0002"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over finished audits of two tables, in which three samples are flagged."""
    home = tmp_path_factory.mktemp("shared")
    with Workspace(home) as ws:
        for name in ("shared", "queues"):
            add_audited_table(ws, tmp_path_factory.mktemp(name))
    with live_app(home) as running:
        yield running


def name_oneself(page: Page, name: str) -> None:
    field = page.get_by_label("Reviewer", exact=True)
    field.fill(name)
    field.press("Enter")
    settle(page)


def review_of(page: Page) -> Locator:
    review = page.get_by_role("region", name="Review of one sample")
    expect(review.get_by_role("button", name="Keep")).to_be_visible()
    return review


def test_a_queue_is_shared_out_and_each_finds_the_own_part(
    chromium: Browser, page: Page, app: LiveApp
) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    other = context.new_page()
    with Workspace(app.home) as ws:
        page.goto(f"{app.address}/review?dataset={SHARED}")
        name_oneself(page, "Ann")
        page.get_by_role("tab", name="Team").click()
        page.get_by_text("Share a queue out", exact=True).click()
        page.get_by_role("textbox", name="Reviewers").fill("Ann, Bob")
        page.get_by_role("button", name="Share out", exact=True).click()
        expect(page.get_by_text("3 samples of “Most suspicious” shared out")).to_be_visible()
        made = ws.assignment(SHARED)
        assert made is not None
        assert sorted({name for part in made.parts.values() for name in part}) == ["0", "1", "2"]
        for tab, name in ((page, "Ann"), (other, "Bob")):
            part = made.of(name)
            tab.goto(f"{app.address}/review?dataset={SHARED}&queue=mine")
            if tab is other:
                name_oneself(tab, name)
            review = review_of(tab)
            expect(review.locator('[data-part="name"]')).to_have_text(part[0])
            progress = review.locator('[data-part="progress"]')
            expect(progress).to_contain_text(f"0 of {len(part)}")
            review.focus()
            tab.keyboard.type("k" * len(part))
            expect(progress).to_contain_text(f"{len(part)} of {len(part)}")
            expect(review.locator('[data-part="stored"]')).to_have_text("stored")
            assert ws.decisions(SHARED)[part[0]].verdict is Verdict.KEEP
        told = ws.history(SHARED)
        for name in ("Ann", "Bob"):
            own = told.loc[told["reviewer"] == name, "sample_id"]
            assert set(own) == set(made.of(name))
    context.close()


def test_the_queue_of_one_class_holds_its_samples_only(page: Page, app: LiveApp) -> None:
    page.goto(f"{app.address}/review?dataset={QUEUES}")
    review_of(page)
    page.get_by_role("combobox", name="Queue").click()
    page.get_by_role("option", name="One class").click()
    expect(page).to_have_url(re.compile("queue=class"))
    settle(page)
    page.get_by_role("combobox", name="Given class").click()
    page.get_by_role("option", name="oak", exact=True).click()
    expect(page).to_have_url(re.compile("queue_class=oak"))
    review = review_of(page)
    expect(review.locator('[data-part="progress"]')).to_contain_text("0 of 2")
    review.focus()
    for name in ("1", "2"):
        expect(review.locator('[data-part="name"]')).to_have_text(name)
        page.keyboard.press("ArrowRight")
