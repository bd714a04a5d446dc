"""A running app and a page in Chromium."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from live import LiveApp, live_app
from playwright.sync_api import Browser, Page, expect, sync_playwright

# Two cores may be at work on other tests, and the first view of a page draws everything anew.
PATIENCE = 30_000  # milliseconds
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Chromium; without one the test is skipped, and fails where CI=true."""
    path = browser.find()
    if path is None:
        message = "no Chromium: install one, or name it in DVAUDIT_BROWSER"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(browser.ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over an empty workspace."""
    with live_app(tmp_path_factory.mktemp("workspace")) as running:
        yield running


@pytest.fixture
def page(chromium: Browser, tmp_path: Path) -> Iterator[Page]:
    """A fresh page; an uncaught error in it fails the test."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []
