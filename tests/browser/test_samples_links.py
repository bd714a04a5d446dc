"""Samples by contributor, split, verdict and text: how many there are, and links to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pytest
from accessible import settle
from audited import add_audited_pictures
from live import LiveApp, live_app
from numpy.typing import NDArray
from playwright.sync_api import Browser, Locator, Page, expect

from dvaudit.core.decisions import Verdict
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

DATASET = "d0001"
EACH = 12  # pictures of elm and of oak
JUDGED = {
    Verdict.KEEP: (0, 3, 6, 10, 13),
    Verdict.DROP: (5, 8, 9),
    Verdict.UNSURE: (11,),
    Verdict.RELABEL: (1, 16),
}


@dataclass(frozen=True)
class Filtered:
    """The running app, and what is known of each picture, in order of suspicion."""

    app: LiveApp
    table: pd.DataFrame

    def of(self, **wanted: object) -> NDArray[np.bool_]:
        """Return which pictures have one of the wanted values in each of these columns."""
        here = pd.Series(True, index=self.table.index)
        for column, values in wanted.items():
            here &= self.table[column].isin(values if isinstance(values, list) else [values])
        return np.asarray(here, dtype=bool)

    def holding(self, text: str) -> NDArray[np.bool_]:
        """Return which pictures have a text in their path, label or note, in any case."""
        cells = self.table[["path", "label", "note"]]
        found = cells.apply(lambda column: column.str.contains(text, case=False, regex=False))
        return np.asarray(found.any(axis=1), dtype=bool)


def write_labels(folder: Path) -> pd.DataFrame:
    """Write labels.csv for the pictures of `audited`; return it, a row for each picture."""
    many = range(2 * EACH)
    label = [("elm", "oak")[at % 2] for at in many]
    table = pd.DataFrame(
        {
            "path": [f"{name}/{at:02d}.png" for at, name in enumerate(label)],
            "label": label,
            "contributor": [("Ann & Co", "Bob", "Čeněk")[at % 3] for at in many],
            "split": ["train" if at < 15 else "val" if at < 20 else "test" for at in many],
            "note": [("Blurred at dusk", "in the rain", "sharp")[at % 5 % 3] for at in many],
        }
    )
    folder.mkdir()
    table.to_csv(folder / "labels.csv", index=False)
    return table


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filtered]:
    """The app over an audit of pictures with contributors, splits, notes and verdicts."""
    home, files = tmp_path_factory.mktemp("filters"), tmp_path_factory.mktemp("files")
    table = write_labels(files / "pictures")
    with Workspace(home) as ws:
        _, run = add_audited_pictures(ws, files, EACH)
        found = ws.run_samples(run)
        at = found["id"].astype(str).tolist()
        table = table.set_index("path", drop=False).loc[at].reset_index(drop=True)
        table["verdict"] = "none"
        for verdict, judged in JUDGED.items():
            for position in judged:
                name = at[position]
                other = "elm" if table["label"][position] == "oak" else "oak"
                ws.decide(DATASET, name, verdict, other if verdict is Verdict.RELABEL else None)
                table.loc[position, "verdict"] = verdict.value
    with live_app(home) as app:
        yield Filtered(app, table)


def open_samples(page: Page, app: LiveApp) -> None:
    # High enough for all controls: a list closes when the page scrolls or moves below it.
    page.set_viewport_size({"width": 1440, "height": 1500})
    page.goto(f"{app.address}/samples?dataset={DATASET}")
    expect(cards_of(page)).to_have_count(2 * EACH)
    expect(page.locator(".st-key-filter_chart svg text").first).to_be_visible()
    settle(page)


def cards_of(page: Page) -> Locator:
    return page.locator(".st-key-gallery .card")


def choose(page: Page, label: str, *options: str) -> None:
    for option in options:
        page.get_by_role("combobox", name=re.compile(f"(^|[. ]){label}$")).click()
        page.get_by_role("option", name=option, exact=True).click()
        page.keyboard.press("Escape")  # the list stays open, and hides the rest from others
        settle(page)


def find(page: Page, text: str) -> None:
    field = page.get_by_label("Find", exact=True)
    field.fill(text)
    field.press("Enter")


def shows(page: Page, wanted: NDArray[np.bool_]) -> None:
    """The count and the gallery are of just these pictures, in order of suspicion."""
    many = int(wanted.sum())
    assert 0 < many < len(wanted)
    noun = "sample" if many == 1 else "samples"
    expect(page.locator(".st-key-actions strong")).to_have_text(f"{many} {noun}")
    expect(cards_of(page)).to_have_count(many)
    for place, position in enumerate(np.flatnonzero(wanted)):
        expect(cards_of(page).nth(place)).to_have_attribute("data-position", str(position))
    settle(page)


def in_address(page: Page) -> dict[str, list[str]]:
    asked = parse_qs(urlsplit(page.url).query)
    return {key: values for key, values in asked.items() if key not in ("dataset", "run")}


def cleared(page: Page) -> None:
    page.get_by_role("button", name="Clear filters").click()
    expect(cards_of(page)).to_have_count(2 * EACH)
    settle(page)
    assert in_address(page) == {}


def test_each_filter_shows_and_counts_its_samples(page: Page, filtered: Filtered) -> None:
    open_samples(page, filtered.app)
    choose(page, "Contributor", "Ann & Co")
    shows(page, filtered.of(contributor="Ann & Co"))
    assert in_address(page) == {"group": ["Ann & Co"]}
    cleared(page)

    choose(page, "Split", "val", "test")
    shows(page, filtered.of(split=["val", "test"]))
    assert in_address(page) == {"split": ["val", "test"]}
    cleared(page)

    choose(page, "Verdict", "Kept", "Dropped")
    shows(page, filtered.of(verdict=["keep", "drop"]))
    assert in_address(page) == {"verdict": ["kept", "dropped"]}
    page.get_by_role("button", name="Verdict: kept").click()
    shows(page, filtered.of(verdict="drop"))
    page.get_by_role("button", name="Verdict: dropped").click()
    expect(cards_of(page)).to_have_count(2 * EACH)
    settle(page)
    choose(page, "Verdict", "Not reviewed")
    shows(page, filtered.of(verdict="none"))
    cleared(page)

    for text in ("DUSK", "07.PNG", "oak/1"):
        find(page, text)
        shows(page, filtered.holding(text))
        assert in_address(page) == {"find": [text]}
    cleared(page)


def test_a_link_opens_the_same_combined_filters(
    chromium: Browser, page: Page, filtered: Filtered
) -> None:
    open_samples(page, filtered.app)
    choose(page, "Contributor", "Bob", "Čeněk")
    choose(page, "Split", "train")
    choose(page, "Verdict", "Not reviewed", "Kept", "Relabelled")
    find(page, "S")
    parts = {
        "contributor": filtered.of(contributor=["Bob", "Čeněk"]),
        "split": filtered.of(split="train"),
        "verdict": filtered.of(verdict=["none", "keep", "relabel"]),
        "find": filtered.holding("s"),
    }
    wanted = np.all([*parts.values()], axis=0)
    unsplit = np.all([parts[name] for name in parts if name != "split"], axis=0)
    assert wanted.sum() < unsplit.sum()
    shows(page, wanted)
    link, names = page.url, [card.get_attribute("aria-label") for card in cards_of(page).all()]
    told = page.locator(".st-key-active_filters button").all_inner_texts()

    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    other = context.new_page()
    other.goto(link)
    shows(other, wanted)
    assert [card.get_attribute("aria-label") for card in cards_of(other).all()] == names
    expect(other.locator(".st-key-active_filters button")).to_have_count(len(told))
    assert other.locator(".st-key-active_filters button").all_inner_texts() == told
    for words in ("Contributor: Čeněk", "Split: train", "Verdict: relabelled", "Find: S"):
        expect(other.get_by_role("button", name=words)).to_be_visible()
    expect(other.get_by_label("Find", exact=True)).to_have_value("S")

    # What is taken away there stays here.
    other.get_by_role("button", name="Split: train").click()
    shows(other, unsplit)
    shows(page, wanted)
    context.close()

    # Review goes on with these.
    page.get_by_role("link", name="Review these").click()
    review = page.get_by_role("region", name="Review of one sample")
    judged = int((filtered.of(verdict=["keep", "relabel"]) & wanted).sum())
    assert 0 < judged < wanted.sum()
    expect(review.locator('[data-part="progress"]')).to_contain_text(f"{judged} of {wanted.sum()}")
