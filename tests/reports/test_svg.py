"""Charts drawn from binned numbers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.reports import svg


def test_every_finite_value_is_in_a_bin():
    values = np.append(np.random.default_rng(0).standard_normal(5000), [1e9, -1e9, np.nan])
    bins = svg.binned(values, np.append(values[:-3] > 1, [True, False, True]))
    assert bins.plain.sum() + bins.marked.sum() == 5002
    assert bins.edges[-1] < 10, "one far value does not flatten the rest"


@pytest.mark.parametrize("values", [[], [np.nan]])
def test_nothing_to_bin_is_none(values):
    assert svg.binned(np.array(values), np.zeros(len(values), dtype=bool)) is None


def test_equal_values_still_make_a_chart():
    bins = svg.binned(np.full(7, 2.0), np.zeros(7, dtype=bool))
    assert bins.plain.sum() == 7
    ElementTree.fromstring(svg.histogram(bins, title="t", axis="a"))


def test_bar_heights_are_in_proportion():
    bins = svg.Histogram(np.array([-1.0, 0.0, 1.0]), np.array([10, 20]), np.array([0, 20]))
    tree = ElementTree.fromstring(svg.histogram(bins, title="t", axis="margin"))
    heights = [(r.get("class"), float(r.get("height"))) for r in tree.iter("rect")]
    assert [kind for kind, _ in heights] == ["bar", "bar", "flag"]
    assert heights[1][1] == pytest.approx(2 * heights[0][1], abs=0.2)
    assert heights[2][1] == pytest.approx(heights[1][1], abs=0.2)
    assert tree.find("line[@class='zero']") is not None


def test_bars_are_labelled_escaped_and_scaled():
    items = [svg.Bar("<b>&", 0.5, "50 %"), svg.Bar("x" * 60, 0.25, "25 %")]
    tree = ElementTree.fromstring(svg.bars(items, title='a "chart"'))
    widths = [float(r.get("width")) for r in tree.iter("rect") if r.get("class") == "flag"]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.2)
    assert tree.get("aria-label") == 'a "chart"'
    assert "<b>&" in "".join(tree.itertext())
    assert "…" in "".join(tree.itertext())


def test_no_flags_at_all_draw_empty_tracks():
    markup = svg.bars([svg.Bar("a", 0.0, "0.0 %")], title="t")
    assert len(re.findall("<rect", markup)) == 1


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_cover_the_range_in_even_steps(low, width, wanted):
    high = low + width
    if high <= low:
        return
    ticks = svg.nice_ticks(low, high, wanted)
    step = ticks[1] - ticks[0]
    assert ticks[0] <= low + 1e-6 * step + 1e-9
    assert ticks[-1] >= high - 1e-6 * step - 1e-9
    np.testing.assert_allclose(np.diff(ticks), step, rtol=1e-3)
    assert len(ticks) <= 2 * wanted + 3


def test_long_names_lose_their_middle():
    assert svg.shortened("abcdefghij", 7) == "abc…hij"
    assert svg.shortened("abc", 7) == "abc"
