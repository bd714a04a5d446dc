"""In a browser: a table is judged and leaves with its delimiter and encoding, and other files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from accessible import settle
from audited import add_audited_table
from live import live_app
from playwright.sync_api import Page, expect

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

MINUTES = 120_000  # milliseconds a run may take on a busy machine
ROWS = 60


def write_semicolons(path: Path) -> list[str]:
    """Write a table as a German spreadsheet does; return its lines."""
    lines = ["Höhe;Breite;Bemerkung;label"]
    for row in range(ROWS):
        kind = ("Kürbis", "Ahorn")[row % 2]
        shift = 5 * (row % 2)
        lines.append(f'{100 + row + shift};{7 + row % 5 + shift};"groß; Nr. {row:03d}";{kind}')
    path.write_bytes("\r\n".join([*lines, ""]).encode("latin-1"))
    return lines


def take(page: Page, what: str, target: Path) -> Path:
    """Prepare and download a file; return where it is saved, under its own name."""
    page.get_by_role("button", name=f"Prepare {what}", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Download {what}").click()
    path = target / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_table_keeps_its_delimiter_its_encoding_and_its_quotes(
    page: Page, tmp_path: Path
) -> None:
    lines = write_semicolons(tmp_path / "Bäume.csv")
    with live_app(tmp_path / "home") as app, Workspace(tmp_path / "home") as ws:
        page.goto(f"{app.address}/data?add=1")
        page.locator("input[type=file]").set_input_files(tmp_path / "Bäume.csv")
        page.get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("heading", name="Bäume")).to_be_visible(timeout=MINUTES)
        expect(page.get_by_text(f"{ROWS}", exact=True).first).to_be_visible(timeout=MINUTES)
        page.get_by_role("link", name="Audit", exact=True).click()
        page.get_by_role("button", name="Start audit").click()
        expect(page.get_by_role("button", name="Review them")).to_be_visible(timeout=MINUTES)
        (dataset,) = ws.datasets()
        names = ws.samples(dataset.id)["id"].tolist()
        ws.decide(dataset.id, names[3], Verdict.DROP)
        ws.decide(dataset.id, names[10], Verdict.RELABEL, "Ahorn")
        page.get_by_role("link", name="Export", exact=True).click()
        expect(page.get_by_role("heading", name="What changes")).to_be_visible()
        settle(page)
        changed = take(page, "cleaned data", tmp_path / "taken")
    lines[11] = lines[11].replace("Kürbis", "Ahorn")
    expected = [*lines[:4], *lines[5:], ""]
    assert changed.read_bytes().decode("latin-1").split("\r\n") == expected


def test_corrections_flagged_rows_and_the_report_as_json(page: Page, tmp_path: Path) -> None:
    with Workspace(tmp_path / "home") as ws:
        dataset, _ = add_audited_table(ws, tmp_path)
        ws.decide(dataset, "7", Verdict.DROP, reviewer="Ann")
        ws.decide(dataset, "0", Verdict.RELABEL, "oak", reviewer="Ann")
    with live_app(tmp_path / "home") as app:
        page.goto(f"{app.address}/export?dataset={dataset}")
        expect(page.get_by_role("heading", name="Apply a patch")).to_be_visible()
        settle(page)
        for title, number in (("Relabelled", "1"), ("Dropped", "1")):
            tile = page.get_by_test_id("stMetric").filter(has_text=re.compile(f"^{title}"))
            expect(tile.get_by_test_id("stMetricValue")).to_have_text(number)
        target = tmp_path / "taken"
        corrections = pd.read_csv(take(page, "corrections", target), dtype={"id": str})
        flagged = pd.read_csv(take(page, "flagged rows", target), dtype={"id": str})
        report = json.loads(take(page, "report.json", target).read_text(encoding="utf-8"))
    told = corrections.set_index("id").fillna("")
    assert told.index.tolist() == ["0", "1", "2", "7"]
    assert told["verdict"].tolist() == ["relabel", "", "", "drop"]
    assert told["new_label"].tolist() == ["oak", "", "", ""]
    assert flagged["id"].tolist() == ["0", "1", "2"]
    assert {(item["id"], item["verdict"]) for item in report["decisions"]} == {
        ("0", "relabel"),
        ("7", "drop"),
    }
