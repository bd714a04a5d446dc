"""Pruning curves drawn as SVG."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from curves import curve_table

from dvaudit.reports.lines import Line, curves_of, line_chart


def test_seeds_are_averaged_and_their_range_is_kept() -> None:
    first, second = curves_of(curve_table())
    assert first.title == "kernel ridge, not balanced by class"
    assert second.title == "logistic regression, balanced by class"
    assert (first.seeds, second.seeds) == (2, 1)
    assert [line.name for line in first.lines] == ["lowest first", "random"]
    line = first.lines[0]
    assert line.x.tolist() == [0.0, 0.25, 0.5]
    np.testing.assert_allclose(line.y, [0.91, 0.885, 0.86])
    np.testing.assert_allclose(line.high - line.low, 0.02)


def test_lines_lie_where_their_numbers_are() -> None:
    x = np.array([0.0, 0.5, 1.0])
    rising = Line("up <b>", x, np.array([0.0, 0.5, 1.0]), np.zeros(3), np.ones(3))
    flat = Line("flat", x, np.full(3, 0.5), np.full(3, 0.5), np.full(3, 0.5))
    drawn = line_chart([rising, flat], title='a "t"', x_axis="x", y_axis="y")
    tree = ElementTree.fromstring(drawn)
    assert tree.get("aria-label") == 'a "t"'
    up, level = (
        [tuple(map(float, pair.split(","))) for pair in line.get("points", "").split()]
        for line in tree.iter("polyline")
    )
    assert up[1] == pytest.approx(((up[0][0] + up[2][0]) / 2, (up[0][1] + up[2][1]) / 2))
    assert up[0][1] > up[2][1], "higher scores are drawn higher"
    assert {y for _, y in level} == {up[1][1]}
    assert len(list(tree.iter("polygon"))) == 1, "a band only where seeds differ"
    assert "up <b>" in [text.text for text in tree.iter("title")]


def test_one_point_is_a_chart() -> None:
    one = np.array([0.0])
    ElementTree.fromstring(
        line_chart([Line("a", one, one, one, one)], title="t", x_axis="x", y_axis="y")
    )
