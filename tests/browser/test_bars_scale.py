"""The numbers on the axes of bars: round ones, in as many digits as tell them apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page

from dvaudit.ui.components import bars

pytestmark = pytest.mark.browser

SCALE = Path(bars.__file__).parent / "scale.js"


@pytest.fixture
def scaled(page: Page) -> Page:
    page.add_script_tag(path=SCALE)
    return page


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (-2.5, 2.5, "-2, 0, 2"),
        (0, 1, "0, 0.5, 1.0"),
        (-3e-4, 3e-4, "-0.0002, 0, 0.0002"),
        (1e-7, 9e-7, "2*10⁻⁷, 4*10⁻⁷, 6*10⁻⁷, 8*10⁻⁷"),
        (0.5, 0.506, "0.500, 0.502, 0.504, 0.506"),
        (0, 2e5, "0, 50K, 100K, 150K, 200K"),
        (99_990, 100_030, "99.99K, 100K, 100.01K, 100.02K, 100.03K"),
        (1e17, 1e17 + 16, "1.000000000*10¹⁷"),
    ],
)
def test_an_axis_has_round_numbers(scaled: Page, low: float, high: float, shown: str) -> None:
    found = scaled.evaluate(
        "ends => { const along = ticks(ends, 4); "
        "return along.found.map((value) => written(value, along.step)) }",
        [low, high],
    )
    typed = str.maketrans({"\N{MINUS SIGN}": "-", "\N{MULTIPLICATION SIGN}": "*"})
    assert ", ".join(found).translate(typed) == shown


@pytest.mark.parametrize(("most", "shown"), [(1, "0 1"), (3, "0 1"), (90, "0 50"), (1200, "0 500")])
def test_counts_have_whole_numbers(scaled: Page, most: int, shown: str) -> None:
    found = scaled.evaluate("most => ticks([0, most], 3, 1).found", most)
    assert " ".join(f"{abs(number):g}" for number in found[:2]) == shown


def test_a_long_name_loses_its_middle(scaled: Page) -> None:
    cut = "([name, room]) => cut(name, room, (text) => text.length)"
    assert scaled.evaluate(cut, ["card_payment_fee_charged", 11]) == "card_…arged"
    assert scaled.evaluate(cut, ["short", 11]) == "short"
    long = scaled.evaluate(cut, ["x" * 100_000, 60])
    assert len(long) == 60
