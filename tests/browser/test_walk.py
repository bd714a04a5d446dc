"""The main job as a person does it: upload, audit, review, export."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from live import LiveApp
from PIL import Image
from playwright.sync_api import Page, expect

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

PLANTED = "stripes down/it's ü 07.png"
MINUTES = 120_000  # milliseconds a run may take on a busy machine


def write_stripes(path: Path) -> dict[str, bytes]:
    """Write two classes of striped images; one, PLANTED, lies in the wrong folder."""
    rng = np.random.default_rng(4)
    files = {}
    for number in range(80):
        down = number % 2 == 0
        stripe = np.where(np.arange(32) // 4 % 2, 200, 60)
        pixels = np.tile(stripe, (32, 1)) if down else np.tile(stripe[:, None], (1, 32))
        noisy = np.clip(np.roll(pixels, rng.integers(8)) + rng.normal(0, 25, (32, 32)), 0, 255)
        buffer = io.BytesIO()
        Image.fromarray(noisy.astype(np.uint8)).save(buffer, "PNG")
        folder = "stripes down" if down else "stripes across"
        name = PLANTED if number == 7 else f"{folder}/it's ü {number:02d}.png"
        files[name] = buffer.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return files


def settled(page: Page) -> None:
    """Wait until the page's script has run."""
    expect(page.locator('[data-testid="stApp"]')).to_have_attribute(
        "data-test-script-state", "notRunning"
    )


def upload(page: Page, app: LiveApp, path: Path) -> None:
    page.goto(f"{app.address}/data?add=1")
    page.locator("input[type=file]").set_input_files(path)
    page.get_by_role("button", name="Import", exact=True).click()


def test_upload_audit_review_export(page: Page, app: LiveApp, tmp_path: Path) -> None:
    files = write_stripes(tmp_path / "striped images.zip")
    upload(page, app, tmp_path / "striped images.zip")
    expect(page.get_by_role("heading", name="striped images")).to_be_visible()
    expect(page.get_by_text("80", exact=True).first).to_be_visible(timeout=MINUTES)

    page.get_by_role("link", name="Audit", exact=True).click()
    page.get_by_role("button", name="Start audit").click()
    expect(page.get_by_role("button", name="Review them")).to_be_visible(timeout=MINUTES)

    page.get_by_role("button", name="Review them").click()
    review = page.get_by_role("region", name="Review of one sample")
    expect(review.locator('[data-part="name"]')).to_have_text(PLANTED)
    review.focus()
    page.keyboard.press("s")
    with Workspace(app.home) as ws:
        dataset = ws.datasets()[0]
        expect(review.locator('[data-part="stored"]')).to_contain_text("tored")
        decision = ws.decisions(dataset.id)[PLANTED]
        assert (decision.verdict, decision.label) == (Verdict.RELABEL, "stripes across")

    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_role("heading", name="Export")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Prepare cleaned data").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download cleaned data").click()
    download.value.save_as(tmp_path / "cleaned.zip")
    with zipfile.ZipFile(tmp_path / "cleaned.zip") as archive:
        cleaned = {name: archive.read(name) for name in archive.namelist()}
    moved = PLANTED.replace("stripes down", "stripes across")
    expected = {moved if name == PLANTED else name: data for name, data in files.items()}
    assert cleaned == expected
