"""Two reviewers judge the same samples: Cohen's kappa of theirs, on the Team tab."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from accessible import settle
from audited import add_audited_table
from live import LiveApp, live_app
from playwright.sync_api import Locator, Page, expect
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from dvaudit.core.decisions import Verdict
from dvaudit.findings.raters import cohens_kappa
from dvaudit.store import Workspace

pytestmark = pytest.mark.browser

DATASET, ROWS = "d0001", 24
CLASSES = ("ash", "elm", "oak")
KINDS = [CLASSES[number % 3] for number in range(ROWS)]
KEYS = {"k": "keep", "d": "drop", "u": "unsure", "1": "ash", "2": "elm", "3": "oak"}
BOB_TYPES = "kk2dk2kku3dk"
ANN, BOB = ([KEYS[key] for key in typed] for typed in ("kk1dk2ukd3kk", BOB_TYPES))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApp]:
    """The app over an audited table of three classes, of which Ann has judged the first samples."""
    home = tmp_path_factory.mktemp("agreement")
    with Workspace(home) as ws:
        add_audited_table(ws, tmp_path_factory.mktemp("table"), ROWS, kind=KINDS)
        for position, said in enumerate(ANN):
            if said in CLASSES:
                ws.decide(DATASET, str(position), Verdict.RELABEL, said, reviewer="Ann")
            else:
                ws.decide(DATASET, str(position), Verdict(said), reviewer="Ann")
    with live_app(home) as running:
        yield running


def verdict(said: str) -> str:
    return "relabel" if said in CLASSES else said


def judge_as_bob(page: Page, app: LiveApp) -> None:
    page.goto(f"{app.address}/review?dataset={DATASET}&queue=second")
    field = page.get_by_label("Reviewer", exact=True)
    field.fill("Bob")
    field.press("Enter")
    settle(page)
    review = page.get_by_role("region", name="Review of one sample")
    expect(review.locator('[data-part="name"]')).to_have_text("0")
    expect(review.locator('[data-part="progress"]')).to_contain_text(f"0 of {len(ANN)}")
    review.focus()
    page.keyboard.type(BOB_TYPES)
    expect(review.locator('[data-part="progress"]')).to_contain_text(f"{len(BOB)} of {len(ANN)}")
    expect(review.locator('[data-part="stored"]')).to_have_text("stored")


def cells(table: Locator, row: int, columns: int) -> list[str]:
    found = [table.locator(f"#glide-cell-{column}-{row}") for column in range(columns)]
    for cell in found:
        expect(cell).to_be_attached()
    return [cell.inner_text() for cell in found]


def kappa_shown(one: list[str], other: list[str]) -> str:
    """Kappa by scikit-learn, with the interval of the engine."""
    found = cohens_kappa(one, other)
    kappa = cohen_kappa_score(one, other)
    assert found.kappa == pytest.approx(kappa)
    assert found.low < kappa < found.high
    return f"{kappa:.2f} ({found.low:.2f} to {found.high:.2f})"


def test_the_kappa_of_two_reviewers_is_that_of_what_they_said(page: Page, app: LiveApp) -> None:
    judge_as_bob(page, app)
    with Workspace(app.home) as ws:
        told = ws.history(DATASET)
        stored = told.loc[told["reviewer"] == "Bob"].set_index("sample_id")
        assert len(stored) == len(BOB)
        assert [stored.loc[str(at), "verdict"] for at in range(len(BOB))] == [*map(verdict, BOB)]
    page.get_by_role("tab", name="Team").click()
    settle(page)

    agreement = page.get_by_role("region", name="Agreement of each two reviewers")
    same = sum(verdict(one) == verdict(other) for one, other in zip(ANN, BOB, strict=True))
    same_label = sum(one == other for one, other in zip(ANN, BOB, strict=True))
    assert same_label < same < len(ANN)
    assert cells(agreement, 0, 6) == [
        "Ann and Bob",
        str(len(ANN)),
        f"{same / len(ANN):.0%}",
        kappa_shown([*map(verdict, ANN)], [*map(verdict, BOB)]),
        f"{same_label / len(ANN):.0%}",
        kappa_shown(ANN, BOB),
    ]

    names = [item.value for item in Verdict]
    table = page.get_by_role("region", name=re.compile("^Verdicts of Ann and Bob"))
    counted = confusion_matrix([*map(verdict, ANN)], [*map(verdict, BOB)], labels=names)
    for row, (name, line) in enumerate(zip(names, counted, strict=True)):
        assert cells(table, row, 5) == [name.capitalize(), *map(str, line)]

    differ = [at for at in range(len(ANN)) if ANN[at] != BOB[at]]
    expect(page.get_by_text(f"{len(differ)} samples with different verdicts")).to_be_visible()
    conflicts = page.get_by_role("region", name="Samples on which reviewers differ")
    assert {cells(conflicts, row, 1)[0] for row in range(len(differ))} == {*map(str, differ)}
