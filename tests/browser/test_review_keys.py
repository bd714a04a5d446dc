"""Review by keyboard: every key counts, at any speed, and none from elsewhere does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from audited import add_audited_pictures, add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Locator, Page, expect
from waiting import until

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

VERDICTS = {"k": Verdict.KEEP, "d": Verdict.DROP, "u": Verdict.UNSURE, "2": Verdict.RELABEL}


DATASETS = ("slow", "fast", "field", "leaving", "reload", "closed", "undone", "tabs")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over finished audits: a table for each name of DATASETS, and then pictures.

    They are made first: a running app takes every audit that waits for its own.
    """
    home = tmp_path_factory.mktemp("reviews")
    with Workspace(home) as ws:
        for name in DATASETS:
            add_audited_table(ws, tmp_path_factory.mktemp(name), rows=120)
        add_audited_pictures(ws, tmp_path_factory.mktemp("pictures"))
    with live_app(home) as running:
        yield running


def dataset_of(name: str) -> str:
    return f"d{[*DATASETS, 'pictures'].index(name) + 1:04d}"


def open_review(page: Page, app: LiveApp, dataset: str) -> Locator:
    page.goto(f"{app.address}/review?dataset={dataset}")
    review = page.get_by_role("region", name="Review of one sample")
    expect(review.get_by_role("button", name="Keep")).to_be_visible()
    return review


def stored(review: Locator) -> None:
    """Wait until nothing typed is still on its way."""
    expect(review.locator('[data-part="stored"]')).to_have_text("stored")


@pytest.mark.parametrize(("name", "pause"), [("fast", 0), ("slow", 30)])
def test_no_key_is_lost_at_any_speed(page: Page, app: LiveApp, name: str, pause: int) -> None:
    with Workspace(app.home) as ws:
        dataset = dataset_of(name)
        review = open_review(page, app, dataset)
        page.get_by_text("Go on past the flagged").click()
        # The last flagged sample has a next one only once the longer queue is there.
        for _ in range(2):
            page.keyboard.press("ArrowRight")
        expect(review.get_by_role("button", name="Next")).to_be_enabled()
        for _ in range(2):
            page.keyboard.press("ArrowLeft")
        typed = ("kdu2" * 25)[:90]
        page.keyboard.type(typed, delay=pause)
        stored(review)
        decisions = ws.decisions(dataset)
        assert [decisions[str(at)].verdict for at in range(90)] == [VERDICTS[key] for key in typed]
        assert decisions["3"].label == "oak"
        page.keyboard.type("z" * 90, delay=pause)
        stored(review)
        assert ws.decisions(dataset) == {}
        assert len(ws.history(dataset)) == 180


def test_keys_typed_into_a_field_decide_nothing(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        dataset = dataset_of("field")
        review = open_review(page, app, dataset)
        page.keyboard.press("l")
        page.keyboard.type("kdu cow")
        page.keyboard.press("Enter")
        expect(review.get_by_label("Relabel to")).to_have_value("kdu cow")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type("ELM")
        page.keyboard.press("Enter")
        expect(review.locator('[data-part="progress"]')).to_have_text("1 of 3 flagged reviewed")
        stored(review)
        assert [item.label for item in ws.decisions(dataset).values()] == ["elm"]


def test_what_was_typed_just_before_leaving_is_stored_on_return(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        dataset = dataset_of("leaving")
        open_review(page, app, dataset)
        page.keyboard.type("kk")
        page.get_by_role("link", name="Export", exact=True).click()
        expect(page.get_by_role("heading", name="Files")).to_be_visible()
        page.get_by_role("link", name="Review", exact=True).click()
        review = page.get_by_role("region", name="Review of one sample")
        expect(review.locator('[data-part="progress"]')).to_have_text("2 of 3 flagged reviewed")
        stored(review)
        assert len(ws.decisions(dataset)) == 2


def reviewed(page: Page, count: int) -> None:
    """Wait until the page shows `count` of the three flagged samples as reviewed and stored."""
    review = page.get_by_role("region", name="Review of one sample")
    expect(review.locator('[data-part="progress"]')).to_have_text(f"{count} of 3 flagged reviewed")
    stored(review)


def cut_the_line(page: Page) -> None:
    """From now on nothing that this page sends arrives."""
    page.evaluate("WebSocket.prototype.send = () => {}")


def nothing_waits(page: Page) -> None:
    """Wait until the browser's storage holds no event any more."""
    script = "() => Object.keys(localStorage).filter((key) => key.includes('review/')).length"
    until(lambda: page.evaluate(script) == 0, 20)


def test_what_was_typed_just_before_a_reload_is_stored(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        dataset = dataset_of("reload")
        open_review(page, app, dataset)
        page.keyboard.type("k")
        page.reload()
        reviewed(page, 1)
        page.keyboard.type("kkkkkkkk")
        page.reload()
        nothing_waits(page)
        assert len(ws.decisions(dataset)) == 3
        assert len(ws.history(dataset)) == 3


def test_what_was_typed_just_before_closing_is_stored_on_the_next_visit(
    page: Page, app: LiveApp
) -> None:
    with Workspace(app.home) as ws:
        dataset = dataset_of("closed")
        open_review(page, app, dataset)
        cut_the_line(page)
        page.keyboard.type("kd")
        again = page.context.new_page()
        page.close()
        open_review(again, app, dataset)
        reviewed(again, 2)
        nothing_waits(again)
        found = [decision.verdict for decision in ws.decisions(dataset).values()]
        assert found == [Verdict.KEEP, Verdict.DROP]
        assert len(ws.history(dataset)) == 2


def test_an_undo_just_before_a_reload_is_done_once(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        dataset = dataset_of("undone")
        review = open_review(page, app, dataset)
        page.keyboard.type("kkk")
        stored(review)
        cut_the_line(page)
        page.keyboard.type("z")
        page.reload()
        reviewed(page, 2)
        nothing_waits(page)
        page.reload()
        reviewed(page, 2)
        assert len(ws.decisions(dataset)) == 2
        assert len(ws.history(dataset)) == 4


def test_a_second_tab_sends_what_waits_and_nothing_is_done_twice(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        dataset = dataset_of("tabs")
        open_review(page, app, dataset)
        other = page.context.new_page()
        for _ in range(2):
            page.bring_to_front()
            page.keyboard.type("kkz")
            other.goto(f"{app.address}/review?dataset={dataset}")
            expect(other.get_by_role("button", name="Keep")).to_be_visible()
            nothing_waits(page)
        assert len(ws.decisions(dataset)) == 2
        assert len(ws.history(dataset)) == 6


def test_the_mouse_does_the_same_and_the_end_is_said(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        dataset = dataset_of("pictures")
        review = open_review(page, app, dataset)
        picture = review.get_by_role("img", name="Sample elm/00.png")
        expect(picture).to_be_visible()
        expect(review.get_by_role("img", name="Neighbour")).to_have_count(4)
        for name in ("Keep", "Drop", "Take suggestion"):
            review.get_by_role("button", name=name).click()
        expect(review.get_by_text("Every sample of this queue is reviewed.")).to_be_visible()
        page.keyboard.press("k")
        review.get_by_role("button", name="Undo").click()
        expect(review.locator('[data-part="progress"]')).to_have_text("2 of 3 flagged reviewed")
        stored(review)
        assert [item.verdict for item in ws.decisions(dataset).values()] == [
            Verdict.KEEP, Verdict.DROP
        ]  # fmt: skip
