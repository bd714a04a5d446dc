"""Influence: its charts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dvaudit.ui import influence_charts as charts

COLOURS = ("#0f766e", "#d97706")


def test_no_bar_holds_both_signs_and_all_samples_are_counted() -> None:
    influence = np.array([-0.5, -0.01, 0.02, 0.3, 1.1, np.nan], dtype=np.float32)
    bars = charts.spread(influence, -0.5, 0.3, COLOURS).data[0]
    assert sum(bars.y) == 5
    ranges = np.asarray(bars.customdata)
    assert all((high <= 1e-12) or (low >= -1e-12) for low, high in ranges)
    sides = [COLOURS[0] if low >= -1e-12 else COLOURS[1] for low, _ in ranges]
    assert list(bars.marker.color) == sides


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan], [2.0], [-3.0, -1.0]])
def test_the_spread_of_odd_influences_is_drawn(values: list[float]) -> None:
    influence = np.array(values, dtype=np.float32)
    bars = charts.spread(influence, None, None, COLOURS).data[0]
    assert sum(bars.y) == np.isfinite(influence).sum()
    assert charts.spread_alt(influence, None, None)


@pytest.mark.parametrize(("each", "kind"), [(1, "linear"), (charts.TALL, "log")])
def test_tall_bars_are_drawn_on_a_logarithmic_axis(each: int, kind: str) -> None:
    influence = np.repeat(np.array([-1, 1], dtype=np.float32), each)
    assert charts.spread(influence, None, None, COLOURS).layout.yaxis.type == kind


@pytest.mark.parametrize("highest", [1, 2, 7, charts.TALL - 1])
def test_counts_are_whole_numbers_and_few(highest: int) -> None:
    influence = np.full(highest, 1e-4, dtype=np.float32)
    axis = charts.spread(influence, None, None, COLOURS).layout.yaxis
    assert axis.dtick == int(axis.dtick) >= 1
    assert highest / axis.dtick <= charts.STEPS
    assert axis.tickformat == ",d"


@pytest.mark.parametrize("classes", [1, 12])
def test_bars_of_classes_leave_room_for_the_title_of_the_axis(classes: int) -> None:
    table = pd.DataFrame(
        {"label": [str(at) for at in range(classes)], "total": -0.5, "mean": -0.1, "samples": 5}
    )
    layout = charts.by_class(table, None, COLOURS).layout
    assert layout.margin.b == charts.ROOM
    assert layout.height - layout.margin.t - layout.margin.b >= 22 * classes
    assert (
        layout.xaxis.tickformat
        == charts.spread(np.ones(3, dtype=np.float32), None, None, COLOURS).layout.xaxis.tickformat
    )


def test_lines_mark_where_the_shown_samples_begin() -> None:
    influence = np.linspace(-1, 2, 40).astype(np.float32)
    figure = charts.spread(influence, -0.6, 1.4, COLOURS)
    assert [shape.x0 for shape in figure.layout.shapes] == [-0.6, 1.4]
    assert len(charts.spread(influence, None, 1.4, COLOURS).layout.shapes) == 1
    assert "shown helped by 1.4 or more" in charts.spread_alt(influence, -0.6, 1.4)


def test_classes_of_the_largest_sums_are_drawn_and_the_own_one() -> None:
    n = charts.MOST_CLASSES + 5
    table = pd.DataFrame(
        {
            "label": [f"<b>{at}" for at in range(n)],
            "total": [(-1) ** at * (at + 1.0) for at in range(n)],
            "mean": 0.1,
            "samples": 3,
        }
    )
    drawn = charts.shown_classes(table, "<b>0")
    assert drawn["label"].tolist() == ["<b>0", *table["label"].iloc[5:]]
    figure = charts.by_class(drawn, "<b>0", COLOURS)
    assert figure.layout.yaxis.ticktext[0] == "<b>&lt;b&gt;0</b>"
    assert figure.layout.yaxis.ticktext[1] == "&lt;b&gt;5"
    signs = [COLOURS[0] if total > 0 else COLOURS[1] for total in drawn["total"]]
    assert list(figure.data[0].marker.color) == signs
    assert "the class asked about is <b>0" in charts.by_class_alt(drawn, "<b>0")
