"""Charts of comparing methods: what is drawn where, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dvaudit import findings
from dvaudit.ui import compare_charts as charts


def _table(**cells: list[float]) -> pd.DataFrame:
    return pd.DataFrame(cells, index=list(cells))


def test_pairs_are_told_once_lowest_first_without_unknown_ones() -> None:
    table = _table(a=[1, 0.5, np.nan], b=[0.5, 1, -0.2], c=[np.nan, -0.2, 1])
    assert charts.pairs_of(table) == [(-0.2, "b", "c"), (0.5, "a", "b")]
    assert "lowest -0.20 between b and c, highest 0.50 between a and b" in charts.matrix_alt(
        table, "Correlation", ".2f"
    )
    alone = charts.matrix_alt(_table(a=[1.0]), "Correlation", ".2f")
    assert alone == "Correlation of 1 rankings; no two can be compared"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("low", "middle"), [(-1.0, 3), (0.0, 2)])
def test_the_map_holds_the_table_on_its_whole_scale(dark: bool, low: float, middle: int) -> None:
    table = _table(**{"<b>a</b>": [1, 0.5], "b": [0.5, 1]})
    figure = charts.matrix(table, low=low, form=".2f", what="overlap", dark=dark)
    heat = figure.data[0]
    np.testing.assert_array_equal(heat.z, table.to_numpy())
    assert (heat.zmin, heat.zmax, len(heat.colorscale)) == (low, 1, middle)
    assert heat.x[0] == "&lt;b&gt;a&lt;/b&gt;"


def test_the_numbers_on_the_map_can_be_read_on_every_colour() -> None:
    for against, neither, strong, ink in (charts._HEAT, charts._HEAT_ON_DARK):
        for ground in (against, neither, strong):
            assert _contrast(ground, ink) >= 4.5


def _contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_recall_curves_are_means_with_the_range_of_the_rounds() -> None:
    curves = pd.DataFrame(
        {
            "method": ["a"] * 6,
            "seed": [0, 0, 0, 1, 1, 1],
            "reviewed": [0, 0.5, 1] * 2,
            "found": [0, 0.6, 1, 0, 0.8, 1],
        }
    )
    means = charts.mean_curves(curves)
    assert means[["found", "low", "high"]].iloc[1].tolist() == pytest.approx([0.7, 0.6, 0.8])
    figure = charts.recall(means, ["a"], 0.1, 0.3, dark=False)
    lines = {line.name: line for line in figure.data if line.showlegend is not False}
    assert list(lines) == ["a", "random order"]
    assert list(lines["a"].y) == pytest.approx([0, 0.7, 1])
    assert list(lines["random order"].y) == [0, 1]
    assert tuple(figure.layout.xaxis.range) == (0, 0.3)
    assert figure.layout.shapes[0].x0 == 0.1


def test_rank_ranges_show_the_first_and_mark_a_rank_on_the_logarithmic_axis() -> None:
    values = np.array([0.3, 0.1, 0.2, np.nan, 0.9])
    found = findings.rank_intervals(values, np.full(5, 0.06))
    figure = charts.rank_ranges(found, list("abcde"), 3, "#000000", {"the first 2": 2})
    dots = figure.data[0]
    assert [name for name, _ in dots.customdata] == ["b", "c", "a"]
    assert list(dots.y) == [1, 2, 3]
    assert list(dots.y + dots.error_y.array) == [2, 3, 3]
    assert list(dots.y - dots.error_y.arrayminus) == [1, 1, 2]
    assert figure.layout.shapes[0].y0 == 2
    assert figure.layout.annotations[0].y == pytest.approx(np.log10(2))
    assert figure.layout.yaxis.range[1] > np.log10(3)
