"""Compare: how far methods agree, where they part, and how firm each sample's rank is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from accessible import settle
from audited import add_audited_pictures
from compared import add_methods
from live import LiveApp, live_app
from playwright.sync_api import Page, expect

from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

EACH = 10


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over pictures valued by three methods, two of which are each other's opposite."""
    home = tmp_path_factory.mktemp("compare")
    with Workspace(home) as ws:
        _, run = add_audited_pictures(ws, tmp_path_factory.mktemp("pictures"), each=EACH)
        for seed in (0, 1):
            add_methods(ws, run, seed=seed)
    with live_app(home) as running:
        yield running


def test_correlation_overlap_and_the_consensus_are_shown(page: Page, app: LiveApp) -> None:
    page.goto(f"{app.address}/compare?dataset=d0001&run=r0002")
    matrix = page.get_by_role("figure", name=re.compile("^Rank correlation of 4 rankings"))
    expect(matrix).to_have_accessible_name(
        re.compile("lowest -1.00 between kernel-loo and cg-score")
    )
    overlap = page.get_by_role("figure", name=re.compile("^Overlap of the first"))
    expect(overlap).to_have_accessible_name(re.compile("lowest 0% between kernel-loo and cg-score"))
    settle(page)
    k = page.get_by_role("slider")
    k.focus()
    k.press("End")
    everything = re.compile(f"^Overlap of the first {2 * EACH} of 4 rankings: lowest 100%")
    expect(page.get_by_role("figure", name=everything)).to_be_visible()
    expect(
        page.get_by_text(re.compile("a sample's consensus rank is the order of"))
    ).to_be_visible()


def test_samples_on_which_methods_part_are_opened(page: Page, app: LiveApp) -> None:
    page.goto(f"{app.address}/compare?dataset=d0001&run=r0002")
    page.get_by_role("tab", name="Disagreements").click()
    expect(page.get_by_role("combobox", name="First method")).to_have_value("kernel-loo")
    expect(page.get_by_role("combobox", name="Second method")).to_have_value("cg-score")
    cards = page.locator(".st-key-disagreements .card")
    expect(cards).to_have_count(2 * EACH)
    page.get_by_text("kernel-loo suspects more", exact=True).click()
    expect(cards).to_have_count(EACH)
    expect(cards.first).to_have_attribute("data-position", "0")
    settle(page)
    cards.first.click()
    expect(page.get_by_role("dialog").get_by_text("elm/00.png")).to_be_visible()


def test_stability_has_intervals_of_ranks(page: Page, app: LiveApp) -> None:
    page.goto(f"{app.address}/compare?dataset=d0001&run=r0002&compare=Stability")
    expect(page.get_by_role("heading", name="Rank intervals")).to_be_visible()
    firm = page.get_by_role("region", name="How firm the ranks of each method are")
    expect(firm).to_be_visible()
    ranks = page.get_by_role("figure", name=re.compile("by el2n with the ranks they may have"))
    expect(ranks).to_be_visible()
    expect(page.get_by_text("No standard errors from kernel-loo, cg-score")).to_be_visible()
    expect(page.get_by_role("button", name="Audit again with seed 2")).to_be_enabled()
