"""One sample in full: its picture or row, values with intervals, neighbours, copies, a verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from accessible import settle
from audited import add_audited_pictures, add_audited_table
from compared import add_methods
from live import LiveApp, live_app
from playwright.sync_api import Locator, Page, expect

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

PICTURES, TABLE = "dataset=d0001&run=r0002", "dataset=d0002&run=r0004"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over pictures and a table, each valued by three methods."""
    home = tmp_path_factory.mktemp("detail")
    with Workspace(home) as ws:
        for add in (add_audited_pictures, add_audited_table):
            _, run = add(ws, tmp_path_factory.mktemp("data"))
            add_methods(ws, run)
    with live_app(home) as running:
        yield running


def open_sample(page: Page, app: LiveApp, query: str, position: int) -> Locator:
    page.goto(f"{app.address}/samples?{query}&sample={position}")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("All quantities of the methods")).to_be_visible()
    settle(page)
    return dialog


def test_a_picture_is_shown_with_why_it_is_flagged_and_judged(page: Page, app: LiveApp) -> None:
    dialog = open_sample(page, app, PICTURES, 0)
    picture = dialog.get_by_role("img", name="Sample elm/00.png")
    expect(picture).to_be_visible()
    box = picture.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 200
    for text in ("Flagged: looks mislabelled", "reason 0", "Rank 1", "Margin 0.5"):
        expect(dialog.get_by_text(text, exact=True)).to_be_visible()
    values = dialog.get_by_role("region", name=re.compile("^The value of this sample by each"))
    for row, method in enumerate(("kernel-loo", "cg-score", "el2n")):
        expect(values.locator(f"#glide-cell-0-{row}")).to_have_text(method)
    expect(values.locator("#glide-cell-2-2")).to_have_text(re.compile(r"\d to -?\d"))
    for heading in ("Nearest with the same label", "Nearest with other labels"):
        expect(dialog.get_by_text(heading)).to_be_visible()
    with Workspace(app.home) as ws:
        dialog.get_by_role("button", name="Relabel to oak").click()
        expect(dialog.get_by_text("Verdict: relabelled to oak")).to_be_visible()
        assert ws.decisions("d0001")["elm/00.png"].verdict is Verdict.RELABEL
        dialog.get_by_role("button", name="Take back").click()
        expect(dialog.get_by_text("Not reviewed yet.")).to_be_visible()
        assert ws.decisions("d0001") == {}


def test_a_row_is_shown_in_full_with_its_copy(page: Page, app: LiveApp) -> None:
    dialog = open_sample(page, app, TABLE, 4)
    columns = dialog.get_by_role("region", name="The columns of this sample")
    for row, (name, value) in enumerate((("width", "1.5"), ("height", "88"))):
        expect(columns.locator(f"#glide-cell-0-{row}")).to_have_text(name)
        expect(columns.locator(f"#glide-cell-1-{row}")).to_have_text(value)
    expect(dialog.get_by_text("Duplicate with another label", exact=True)).to_be_visible()
    expect(dialog.get_by_text("1 duplicate of this sample")).to_be_visible()
