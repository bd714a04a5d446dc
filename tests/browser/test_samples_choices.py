"""Samples: order by any method, pairs that filter, a verdict for many, maps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from accessible import settle
from asking import import_file, table_of
from audited import add_audited_pictures
from compared import add_methods
from live import LiveApp, live_app
from playwright.sync_api import Locator, Page, expect

from dvaudit import audits, jobs
from dvaudit.core.decisions import Verdict
from dvaudit.store import RunKind, RunStatus, Workspace

pytestmark = pytest.mark.browser

EACH = 10  # pictures of elm and of oak
MINUTES = 120_000  # milliseconds that a worker may take to load and to lay out a map


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over pictures that three methods have valued."""
    home = tmp_path_factory.mktemp("choices")
    with Workspace(home) as ws:
        _, run = add_audited_pictures(ws, tmp_path_factory.mktemp("pictures"), each=EACH)
        add_methods(ws, run)
    with live_app(home) as running:
        yield running


def open_samples(page: Page, app: LiveApp, query: str = "") -> Locator:
    # High enough for all controls: a list closes when the page scrolls or moves below it.
    page.set_viewport_size({"width": 1440, "height": 1300})
    page.goto(f"{app.address}/samples?dataset=d0001&run=r0002{query}")
    cards = page.locator(".st-key-gallery .card")
    expect(cards.first).to_be_visible()
    expect(page.locator(".st-key-filter_chart .stage")).to_be_visible()
    settle(page)
    return cards


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_samples_are_sorted_by_any_method_from_either_end(page: Page, app: LiveApp) -> None:
    cards = open_samples(page, app)
    last = f"{2 * EACH - 1}"
    expect(cards.first).to_have_attribute("data-position", "0")
    choose(page, "Sort by", "Value by cg-score")
    expect(page).to_have_url(re.compile("sort=cg-score.value"))
    expect(cards.first).to_have_attribute("data-position", last)
    page.get_by_text("Least", exact=True).click()
    expect(page).to_have_url(re.compile("order=least"))
    expect(cards.first).to_have_attribute("data-position", "0")
    choose(page, "Sort by", "Value by kernel-loo")
    expect(cards.first).to_have_attribute("data-position", last)


def test_a_pair_of_given_and_suggested_label_filters(page: Page, app: LiveApp) -> None:
    cards = open_samples(page, app)
    page.get_by_text("Pairs", exact=True).click()
    page.locator(".st-key-filter_chart label").filter(has_text="elm → oak").click()
    expect(page.get_by_role("button", name="elm, suggested oak")).to_be_visible()
    expect(page).to_have_url(re.compile("pair=elm&pair=oak"))
    expect(cards).to_have_count(3)
    expect(cards.last).to_have_attribute("aria-label", re.compile("label elm.*suggestion oak"))


def test_one_verdict_for_a_selection_is_undone_after_a_reload(page: Page, app: LiveApp) -> None:
    cards = open_samples(page, app, "&class=oak")
    expect(cards).to_have_count(EACH)
    with Workspace(app.home) as ws:
        page.get_by_role("button", name=f"Judge {EACH} samples").click()
        page.get_by_text("Drop the samples", exact=True).click()
        expect(page.get_by_text(f"{EACH} samples would get this verdict")).to_be_visible()
        page.get_by_role("button", name=f"Store {EACH} verdicts").click()
        undo = page.get_by_role("button", name=f"Undo {EACH} verdicts")
        expect(undo).to_be_visible()
        assert {item.verdict for item in ws.decisions("d0001").values()} == {Verdict.DROP}
        assert len(ws.decisions("d0001")) == EACH
        expect(cards.first).to_have_attribute("aria-label", re.compile("decided: drop"))
        page.reload()
        expect(cards).to_have_count(EACH)
        undo.click()
        expect(undo).to_have_count(0)
        expect(cards.first).not_to_have_attribute("aria-label", re.compile("decided"))
        assert ws.decisions("d0001") == {}


def test_a_map_by_another_method_is_made_and_chosen(page: Page, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        table_of(60, 0).to_csv(tmp_path / "data.csv", index=False)
        dataset = import_file(ws, tmp_path / "data.csv")
        audit = audits.start_audit(ws, dataset, ["kernel-loo"])
        jobs.work_here(ws, audit)
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/samples?dataset={dataset}&run={audit}&with=map")
        shown = page.get_by_role("application")
        expect(shown).to_have_attribute("aria-label", re.compile("^PCA map of 60 samples"))
        page.get_by_role("button", name="Make a map").click()
        expect(page.get_by_role("button", name="UMAP", exact=True)).to_be_enabled()
        page.get_by_role("button", name="t-SNE", exact=True).click()
        choice = page.get_by_role("combobox", name="Map", exact=True)
        page.keyboard.press("Escape")
        choice.click()
        option = page.get_by_role("option", name="t-SNE", exact=True)
        expect(option).to_be_visible(timeout=MINUTES)
        option.click()
        expect(shown).to_have_attribute("aria-label", re.compile("^t-SNE map of 60 samples"))
        choose(page, "Colour by", "Value by kernel-loo")
        expect(shown).to_have_attribute("aria-label", re.compile("coloured by value by kernel-loo"))
    with Workspace(tmp_path / "home") as ws:
        (made,) = ws.runs(dataset, RunKind.MAP)
        assert made.status is RunStatus.DONE
