"""Methods: all that are registered are listed, and each one's page is opened by its link."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from appview import add_table
from live import LiveApp, live_app
from playwright.sync_api import Browser, Page, expect

from dvaudit import valuators
from dvaudit.store import Workspace
from dvaudit.ui import methods_facts as facts
from dvaudit.valuators import ValuatorInfo

pytestmark = pytest.mark.browser

METHODS = valuators.describe()
ROWS = 30


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over a table, for which costs are told."""
    home = tmp_path_factory.mktemp("methods")
    with Workspace(home) as ws:
        add_table(ws, tmp_path_factory.mktemp("table"), rows=ROWS)
    with live_app(home) as running:
        yield running


@pytest.fixture(scope="module")
def listed(chromium: Browser, app: LiveApp) -> Iterator[Page]:
    """A page that the tests go on with one after the other: a fresh one loads for seconds."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    opened.goto(f"{app.address}/methods")
    yield opened
    context.close()


def test_all_methods_are_listed_in_their_groups(listed: Page) -> None:
    main = listed.get_by_test_id("stMain")
    expect(main.get_by_text(f"{len(METHODS)} methods", exact=True)).to_be_visible()
    for heading in {facts.group(info) for info in METHODS}:
        expect(main.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    for info in METHODS:
        expect(main.get_by_role("link", name=info.title, exact=True)).to_have_count(1)
        expect(main.get_by_text(info.use, exact=True)).to_be_visible()


def test_what_needs_trusted_samples_is_left_out(listed: Page) -> None:
    main = listed.get_by_test_id("stMain")
    left = facts.fitting(METHODS, [], [facts.TRUSTED])
    chosen = main.get_by_role("button", name=facts.TRUSTED)
    chosen.click()
    expect(main.get_by_text(f"{len(left)} of {len(METHODS)} methods")).to_be_visible()
    for info in METHODS:
        shown = main.get_by_role("link", name=info.title, exact=True)
        expect(shown).to_have_count(int(info in left))
    chosen.click()
    expect(main.get_by_text(f"{len(METHODS)} methods", exact=True)).to_be_visible()


@pytest.mark.parametrize("info", METHODS, ids=lambda info: info.name)
def test_the_page_of_a_method_tells_its_use_needs_cost_and_reference(
    listed: Page, info: ValuatorInfo
) -> None:
    main = listed.get_by_test_id("stMain")
    main.get_by_role("link", name=info.title, exact=True).click()
    expect(main.get_by_role("heading", level=1)).to_contain_text(info.title)
    expect(listed).to_have_url(re.compile(rf"[?&]method={info.name}(&|$)"))
    needed = facts.needs_sentences(info)
    for heading, said in (
        ("What it measures", info.summary),
        ("When to use it", info.use),
        ("Reference", info.reference),
        *(("What it needs", sentence) for sentence in needed),
    ):
        expect(main.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(main.get_by_text(said, exact=True)).to_be_visible()
    expect(main.get_by_role("heading", name="Cost", exact=True)).to_be_visible()
    if info.requires is None and facts.Level.CONTRIBUTOR is not info.level:
        for figure in ("Time, about", "Memory, at most"):
            expect(main.get_by_test_id("stMetric").filter(has_text=figure)).to_be_visible()
        expect(main.get_by_text(re.compile(rf"for trees \({ROWS} samples\)"))).to_be_visible()
    main.get_by_role("link", name="All methods").click()
    expect(main.get_by_role("heading", name="Methods", exact=True)).to_be_visible()
