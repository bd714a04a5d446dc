"""Every page fits the usual widths of a screen: nothing lies beyond its right edge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from accessible import settle
from audited import add_audited_pictures
from compared import add_methods
from live import LiveApp, live_app
from playwright.sync_api import Page

from dvaudit.store import Workspace
from dvaudit.ui.shell import PAGES

pytestmark = pytest.mark.browser

NAMES = [name for section in PAGES.values() for name, *_ in section]
_BEYOND = """() => {
  const main = document.querySelector('[data-testid="stMain"]')
  return [document.documentElement.scrollWidth - window.innerWidth,
          main.scrollWidth - main.clientWidth]
}"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over pictures valued by three methods."""
    home = tmp_path_factory.mktemp("widths")
    with Workspace(home) as ws:
        _, run = add_audited_pictures(ws, tmp_path_factory.mktemp("pictures"), each=12)
        add_methods(ws, run)
    with live_app(home) as running:
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_nothing_lies_beyond_the_edge(page: Page, app: LiveApp, name: str) -> None:
    page.goto(f"{app.address}/{name}?dataset=d0001&run=r0002")
    for width, height in ((1280, 800), (1920, 1080)):
        page.set_viewport_size({"width": width, "height": height})
        settle(page)
        assert max(page.evaluate(_BEYOND)) <= 0
