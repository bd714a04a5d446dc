"""Influence: a sample of one's own is uploaded, and answered by what helped and hurt it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from asking import audited_pictures, audited_table, pictures_of, table_of
from live import LiveApp, live_app
from playwright.sync_api import Locator, Page, expect

from dvaudit import audits
from dvaudit.store import RunKind, Workspace

pytestmark = pytest.mark.browser

MINUTES = 120_000  # milliseconds that a worker may take to load and to answer
COPIED = "hill/02.png"


def ask(page: Page, app: LiveApp, query: str, path: Path, label: str | None = None) -> None:
    """Upload samples on the page of an audit, and wait for the answer."""
    page.goto(f"{app.address}/influence?{query}")
    page.get_by_text("Your own", exact=True).click()
    page.locator("input[type=file]").set_input_files(path)
    button = page.get_by_role("button", name="Ask", exact=True)
    if label is not None:
        expect(page.get_by_text("Choose the label: a single picture has none")).to_be_visible()
        expect(button).to_be_disabled()
        page.get_by_role("combobox", name="Its right label").click()
        page.get_by_role("option", name=label, exact=True).click()
    expect(button).to_be_enabled()
    button.click()
    expect(page).to_have_url(re.compile("question=r"))
    expect(page.get_by_role("heading", name="Helped most")).to_be_visible(timeout=MINUTES)


def shown(page: Page, side: str) -> list[str]:
    """Return ids and influences of the samples in one gallery, in order."""
    cards = page.locator(f".st-key-{side}_gallery .card")
    expect(cards.first).to_be_visible()
    told = [card.get_attribute("aria-label") or "" for card in cards.all()]
    return [line.split(", flagged")[0] for line in told]


def test_a_copy_of_a_trusted_picture_is_answered_like_the_trusted_one(
    page: Page, tmp_path: Path
) -> None:
    with audited_pictures(tmp_path) as given:
        dataset = given.ws.run(given.audit).dataset_id
        known = audits.queries_of(given.ws, given.audit)
    row = known["id"].tolist().index(COPIED)
    path = tmp_path / "my own.png"
    path.write_bytes(pictures_of(4, 1)[COPIED])
    query = f"dataset={dataset}&run={given.audit}"
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/influence?{query}&query={row}")
        expect(page.get_by_text(f"On {COPIED}, label hill", exact=True)).to_be_visible()
        expected = [shown(page, side) for side in ("helped", "hurt")]
        ask(page, app, query, path, "hill")
        expect(page.get_by_text("On my own.png, label hill", exact=True)).to_be_visible()
        expect(page.get_by_role("img", name="Your sample my own.png")).to_be_visible()
        assert [shown(page, side) for side in ("helped", "hurt")] == expected

        page.locator(".st-key-helped_gallery .card").first.click()
        opened = expected[0][0].split(", label")[0]
        expect(page.get_by_role("dialog").get_by_text(opened)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page).not_to_have_url(re.compile("sample="))
        page.reload()
        expect(page.get_by_text("On my own.png, label hill", exact=True)).to_be_visible()
        page.get_by_role("button", name="Delete this question").click()
        expect(page).to_have_url(re.compile("question=new"))
    with Workspace(tmp_path / "home") as ws:
        assert ws.runs(kind=RunKind.QUERY) == ()


def cells(table: Locator, column: int, rows: int) -> list[str]:
    """Return the first cells of a column; they lie within the canvas of the table."""
    found = [table.locator(f"#glide-cell-{column}-{row}") for row in range(rows)]
    for cell in found:
        expect(cell).to_be_attached()
    return [cell.inner_text() for cell in found]


def test_rows_of_a_table_are_answered_one_by_one(page: Page, tmp_path: Path) -> None:
    with audited_table(tmp_path) as given:
        dataset = given.ws.run(given.audit).dataset_id
    path = tmp_path / "own.csv"
    table_of(41, 0).iloc[[4, 7]].to_csv(path, index=False)
    with live_app(tmp_path / "home") as app, Workspace(tmp_path / "home") as ws:
        ask(page, app, f"dataset={dataset}&run={given.audit}", path)
        (question,) = ws.runs(kind=RunKind.QUERY)
        ids = ws.samples(dataset)["id"].to_numpy()
        for row, label in enumerate(("hill", "vale")):
            if row:
                page.get_by_role("combobox", name="Sample", exact=True).click()
                page.get_by_role("option", name=re.compile("^2: ")).click()
            expect(page.get_by_text(re.compile(f"^On .*, label {label}$"))).to_be_visible()
            influence = audits.questions.influence_of_question(ws, question.id, [row])
            for word, order in zip(
                ("helped", "hurt"), audits.most_influential(influence, 12), strict=True
            ):
                table = page.get_by_role("region", name=re.compile(f"that {word} most"))
                expect(table.locator("#glide-cell-1-0")).to_have_text(ids[order[0]])
                assert cells(table, 1, 3) == ids[order[:3]].tolist()
