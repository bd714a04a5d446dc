"""The report as a person takes it away: sections chosen, downloaded, opened with no network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from audited import add_audited_pictures, add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Browser, Page, expect

from dvaudit import reporting
from dvaudit.reports import render_html
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser


def settled(page: Page) -> None:
    """Wait until the page's script has run."""
    expect(page.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )


def download_report(page: Page, app: LiveApp, dataset: str, target: Path) -> None:
    page.goto(f"{app.address}/export?dataset={dataset}")
    expect(page.get_by_role("heading", name="Apply a patch")).to_be_visible()
    settled(page)
    page.get_by_text("Confusions", exact=True).click()
    settled(page)
    page.get_by_role("button", name="Prepare report.html").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download report.html").click()
    download.value.save_as(target)


def test_the_report_opens_offline_and_prints(page: Page, chromium: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    # Filled before a server is there, which would take the made-up audit for an interrupted one.
    with Workspace(home) as ws:
        dataset, _ = add_audited_pictures(ws, tmp_path, each=8)
        ws.decide(dataset, ws.samples(dataset)["id"][0], "drop", reviewer="ana")
    report = tmp_path / "report.html"
    with live_app(home) as app:
        download_report(page, app, dataset, report)

    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    requests: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("console", lambda told: errors.append(told.text))
    opened.goto(report.as_uri())
    expect(opened.get_by_role("heading", name="Valuation card")).to_be_visible()
    expect(opened.get_by_role("heading", name="Confusions")).to_have_count(0)
    expect(opened.get_by_role("cell", name="removed")).to_be_visible()
    shown = opened.locator(".shot img")
    assert shown.count() == 3
    assert shown.evaluate_all("found => found.every(image => image.naturalWidth > 0)")
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert errors == []
    assert opened.evaluate("document.body.scrollWidth <= window.innerWidth")

    opened.emulate_media(media="print")
    opened.set_viewport_size({"width": 690, "height": 975})  # A4 within its margins, at 96 dpi
    assert opened.evaluate("document.body.scrollWidth <= window.innerWidth")
    card = opened.locator(".card-section")
    assert card.evaluate("found => getComputedStyle(found).breakBefore") == "page"
    shot = opened.locator(".shot").first
    assert shot.evaluate("found => getComputedStyle(found).breakInside") == "avoid"
    assert (
        opened.locator("body").evaluate("found => getComputedStyle(found).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    assert opened.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    context.close()


LONG = {"elm": "Married-civ-spouse, with_an_unbroken_tail_of_words", "oak": "automobile"}


@pytest.mark.parametrize("pictures", [False, True])
def test_long_labels_stay_on_the_paper_and_words_stay_whole(
    chromium: Browser, tmp_path: Path, pictures: bool
) -> None:
    with Workspace(tmp_path / "home") as ws:
        if pictures:
            dataset, run = add_audited_pictures(ws, tmp_path, each=8)
        else:
            dataset, run = add_audited_table(ws, tmp_path)
        for name in ws.samples(dataset)["id"][:2]:
            ws.decide(dataset, name, "relabel", LONG["elm"])
        report = reporting.stored_report(ws, ws.run(run))
    told = report.samples.assign(
        given_label=report.samples["given_label"].map(LONG),
        suggested_label=pd.Series("automobile", index=report.samples.index),
        reason="Its nearest samples nearly all have another label, and the methods agree.",
    )
    shown = chromium.new_context(offline=True).new_page()
    shown.set_content(render_html(replace(report, samples=told)))
    shown.emulate_media(media="print")
    for width in (690, 1280):
        shown.set_viewport_size({"width": width, "height": 975})
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    shown.set_viewport_size({"width": 690, "height": 975})
    whole = """found => found.filter(node => node.textContent === 'automobile')
        .map(node => node.getClientRects().length)"""
    counted = shown.locator(".to > span").evaluate_all(whole)
    assert counted
    assert set(counted) == {1}, "the word is in one piece"
    lines = """(found, word) => found.filter(node => node.textContent === word).map(node => {
        const range = document.createRange()
        range.selectNodeContents(node)
        return range.getClientRects().length
    })"""
    for word in ("Verdict", "relabel"):
        assert set(shown.locator("th, td").evaluate_all(lines, word)) == {1}
    for pill in shown.locator(".shot .pill").all():
        assert pill.evaluate("at => at.offsetWidth <= at.parentElement.clientWidth")
    if not pictures:
        width = shown.locator("td.reason").first.evaluate("found => found.clientWidth")
        assert width >= 150
    shown.context.close()
