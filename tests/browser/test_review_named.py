"""No verdict is stored under a name other than the one that the browser keeps for the tab."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from accessible import settle
from audited import add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Locator, Page, expect
from waiting import until

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

RELOADED, SECOND, SAMPLES = "d0001", "d0002", "d0003"
# With window.hold, what tells Python the name is kept back until window.release() is called.
HOLD = """
  const send = WebSocket.prototype.send
  const kept = []
  window.hold = sessionStorage.getItem('hold') === 'yes'
  WebSocket.prototype.send = function (data) {
    if (window.hold && new TextDecoder('latin1').decode(data).includes('reviewer_kept')) {
      kept.push([this, data])
    } else {
      send.call(this, data)
    }
  }
  window.release = () => {
    window.hold = false
    sessionStorage.removeItem('hold')
    for (const [socket, data] of kept.splice(0)) send.call(socket, data)
    return true
  }
  window.waits = () => kept.length > 0
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over finished audits of three tables, in which three samples are flagged."""
    home = tmp_path_factory.mktemp("named")
    with Workspace(home) as ws:
        for name in ("reloaded", "second", "samples"):
            add_audited_table(ws, tmp_path_factory.mktemp(name), rows=60)
    with live_app(home) as running:
        yield running


def open_as(page: Page, app: LiveApp, query: str, name: str) -> Locator:
    page.add_init_script(HOLD)
    page.goto(f"{app.address}/review?{query}")
    field = page.get_by_label("Reviewer", exact=True)
    field.fill(name)
    field.press("Enter")
    until(lambda: page.evaluate("sessionStorage.getItem('dvaudit-reviewer')") == name, 20)
    settle(page)
    return page.get_by_role("region", name="Review of one sample")


def reload_held(page: Page) -> None:
    """Load the page anew; Python does not learn of the name until it is let go."""
    page.evaluate("sessionStorage.setItem('hold', 'yes')")
    page.reload()
    until(lambda: page.evaluate("window.waits()"), 20)


def stored(review: Locator) -> None:
    expect(review.locator('[data-part="stored"]')).to_have_text("stored")


def test_what_is_typed_before_the_name_is_there_carries_it(page: Page, app: LiveApp) -> None:
    review = open_as(page, app, f"dataset={RELOADED}", "Ann")
    review.focus()
    page.keyboard.type("k")
    stored(review)
    reload_held(page)
    expect(review.get_by_role("button", name="Keep")).to_be_visible()
    page.keyboard.type("k")
    stored(review)
    expect(page.get_by_label("Reviewer", exact=True)).to_have_value("")
    page.evaluate("window.release()")
    page.keyboard.type("d")
    expect(page.get_by_label("Reviewer", exact=True)).to_have_value("Ann")
    stored(review)
    with Workspace(app.home) as ws:
        until(lambda: len(ws.history(RELOADED)) == 3, 20)
        assert set(ws.history(RELOADED)["reviewer"]) == {"Ann"}


def test_the_queue_of_nobody_is_not_shown_to_somebody(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        ws.decide(SECOND, "0", Verdict.DROP, reviewer="Ann")
        ws.decide(SECOND, "1", Verdict.DROP, reviewer="Bob")
    review = open_as(page, app, f"dataset={SECOND}&queue=second", "Ann")
    expect(review.locator('[data-part="name"]')).to_have_text("1")
    reload_held(page)
    settle(page)
    expect(review.get_by_role("button", name="Keep")).to_be_hidden()
    page.keyboard.type("k")
    page.evaluate("window.release()")
    expect(review.get_by_role("button", name="Keep")).to_be_visible()
    expect(review.locator('[data-part="name"]')).to_have_text("1")
    with Workspace(app.home) as ws:
        assert len(ws.history(SECOND)) == 2


def test_verdicts_given_on_samples_carry_the_name(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        open_as(page, app, f"dataset={SAMPLES}", "Ann")
        page.goto(f"{app.address}/samples?dataset={SAMPLES}&sample=0")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="as Ann")).to_be_visible()
        dialog.get_by_role("button", name="Keep").click()
        expect(dialog.get_by_text("Verdict: kept")).to_be_visible()
        assert ws.history(SAMPLES)["reviewer"].tolist() == ["Ann"]

        page.goto(f"{app.address}/samples?dataset={SAMPLES}")
        page.get_by_role("button", name="Judge").click()
        expect(page.get_by_label("Reviewer", exact=True)).to_have_value("Ann")
        page.get_by_role("button", name="Store").click()
        expect(page.get_by_text("Stored", exact=False).first).to_be_visible()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        assert set(ws.history(SAMPLES)["reviewer"]) == {"Ann"}

        page.goto(f"{app.address}/samples?dataset={SAMPLES}&sample=2")
        dialog.get_by_role("button", name="as Ann").click()
        field = page.get_by_label("Reviewer", exact=True)
        field.fill("Bob")
        field.press("Enter")
        expect(dialog.get_by_role("button", name="as Bob")).to_be_visible()
        dialog.get_by_role("button", name="Drop").click()
        expect(dialog.get_by_text("Verdict: dropped")).to_be_visible()
        assert ws.history(SAMPLES)["reviewer"].tolist()[-1] == "Bob"
        assert page.evaluate("sessionStorage.getItem('dvaudit-reviewer')") == "Bob"


def test_a_browser_without_a_name_can_judge_at_once(page: Page, app: LiveApp) -> None:
    with Workspace(app.home) as ws:
        ws.decide(SAMPLES, "1", Verdict.KEEP, reviewer="Ann")
        page.goto(f"{app.address}/samples?dataset={SAMPLES}&sample=0")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("button", name="without a name")).to_be_enabled()
        dialog.get_by_role("button", name="Unsure").click()
        expect(dialog.get_by_text("Verdict: unsure")).to_be_visible()
        assert ws.history(SAMPLES)["reviewer"].tolist()[-1] == ""
