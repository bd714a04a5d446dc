"""The random audit sample: drawn, judged as a queue, and the share of wrong labels it tells."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from accessible import settle
from audited import add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Locator, Page, expect
from scipy.stats import beta

from dvaudit import audits
from dvaudit.core.decisions import Verdict
from dvaudit.findings.audit_sample import AUDIT_SIZE
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

DATASET, RUN = "d0001", "r0001"
ROWS, JUDGED = 240, 36  # of the ones drawn; 30 are enough to go by
WRONG = (2, 9, 17, 23, 30)  # places in the order drawn


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with an audited table that is larger than an audit sample."""
    with Workspace(tmp_path / "home") as ws:
        assert add_audited_table(ws, tmp_path, ROWS) == (DATASET, RUN)
    return tmp_path / "home"


def draw(page: Page, app: LiveApp) -> None:
    """Draw the sample where it is the queue."""
    page.goto(f"{app.address}/review?dataset={DATASET}&queue=audit")
    expect(page.get_by_text("No audit sample is drawn")).to_be_visible()
    settle(page)
    page.get_by_text("Precision along the order, cut-off and audit sample").click()
    page.get_by_role("button", name=f"Draw {AUDIT_SIZE} samples at random").click()
    expect(page.get_by_text(f"0 of {AUDIT_SIZE} judged, in the order drawn")).to_be_visible()


def judge(page: Page, drawn: list[str]) -> None:
    """Keep the first ones of the queue but for WRONG, whose label becomes the other one."""
    review = page.get_by_role("region", name="Review of one sample")
    progress = review.locator('[data-part="progress"]')
    expect(progress).to_contain_text(f"0 of {AUDIT_SIZE}")
    review.focus()
    for place in range(JUDGED):
        expect(review.locator('[data-part="name"]')).to_have_text(drawn[place])
        other = 1 if int(drawn[place]) % 3 else 2  # every third is an elm, the first class
        page.keyboard.press(str(other) if place in WRONG else "k")
    expect(progress).to_contain_text(f"{JUDGED} of {AUDIT_SIZE}")
    expect(review.locator('[data-part="stored"]')).to_have_text("stored")


def rows_of(table: Locator) -> dict[str, tuple[str, ...]]:
    lines = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
    return {name: tuple(cells) for name, *cells in lines}


def percents(text: str) -> list[float]:
    return [float(number) / 100 for number in re.findall(r"([\d.]+)%", text)]


def test_the_share_of_wrong_labels_from_a_random_sample(page: Page, home: Path) -> None:
    with live_app(home) as app, Workspace(home) as ws:
        draw(page, app)
        sample = ws.audit_sample(RUN)
        assert sample is not None
        assert len(set(sample.positions)) == len(sample.positions) == AUDIT_SIZE
        ids = ws.run_samples(RUN)["id"].astype(str).to_numpy()
        drawn = ids[np.asarray(sample.positions)].tolist()
        judge(page, drawn)
        made = ws.decisions(DATASET)
        assert set(made) == set(drawn[:JUDGED])
        wrong = {name for name, item in made.items() if item.verdict is Verdict.RELABEL}
        assert wrong == {drawn[place] for place in WRONG}

        # Alone it is the share among the judged, with Jeffreys' interval.
        said = page.get_by_text(f"{JUDGED} of {AUDIT_SIZE} judged, in the order drawn")
        expect(said).to_be_visible()
        alone = f"Random audit sample alone ({JUDGED} judged)"
        expect(page.get_by_role("rowheader", name=alone)).to_be_visible()
        settle(page)
        table = rows_of(page.get_by_test_id("stTable"))
        share, interval = table[alone]
        hits, others = len(WRONG), JUDGED - len(WRONG)
        ends = beta(hits + 0.5, others + 0.5).ppf([0.025, 0.975])
        assert percents(share) == pytest.approx([hits / JUDGED], abs=5e-4)
        assert percents(interval) == pytest.approx(ends.tolist(), abs=5e-4)

        # What the page goes by is the engine's, on this page and on Samples.
        rate = audits.error_rate(ws, ws.run(RUN))
        assert rate.note.startswith(f"from {JUDGED} verdicts")
        figures = [end for end in (rate.rate, rate.low, rate.high) if end is not None]
        assert len(figures) == 3
        assert figures[1] < figures[0] < figures[2]
        assert percents(" ".join(table["Both, with the curve"])) == pytest.approx(figures, abs=5e-4)
        here = page.get_by_test_id("stMetric").filter(has_text="Wrong labels in all")
        assert percents(here.inner_text())[:3] == pytest.approx(figures, abs=5e-4)
        page.goto(f"{app.address}/samples?dataset={DATASET}")
        samples = page.get_by_test_id("stMetric").filter(has_text="Wrong labels, estimated")
        expect(samples).to_contain_text(f"{figures[0]:.1%}")
        assert percents(samples.inner_text())[:3] == pytest.approx(figures, abs=5e-4)
