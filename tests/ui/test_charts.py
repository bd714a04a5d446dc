"""Charts: what is counted, what is drawn, and what a selection means."""

from __future__ import annotations

import numpy as np
import pytest

from dvaudit.ui import charts


def _event(figure: object, *picked: tuple[int, int]) -> dict[str, object]:
    """A selection as the browser sends it: one point per picked (trace, bar)."""
    data = figure.data  # type: ignore[attr-defined]
    points = [
        {"curve_number": trace, "point_index": bar, "customdata": list(data[trace].customdata[bar])}
        for trace, bar in picked
    ]
    return {"selection": {"points": points, "box": [], "lasso": []}}


def _counts(figure: object) -> list[list[int]]:
    return [list(trace.y) for trace in figure.data]  # type: ignore[attr-defined]


def test_every_finite_value_is_counted_once_and_flagged_ones_apart() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=5000)
    values[:7] = np.nan
    values[7:10] = [1e6, -1e6, 5e5]
    flagged = values < -1
    rest, marked = _counts(charts.histogram(values, flagged))
    assert len(rest) == len(marked) == 60
    assert sum(marked) == int(flagged.sum())
    assert sum(rest) + sum(marked) == 5000 - 7


def test_a_few_far_values_do_not_squeeze_the_rest_into_one_bar() -> None:
    values = np.concatenate([np.linspace(0, 1, 2000), [1e9]])
    (bars,) = _counts(charts.histogram(values))
    assert sum(count > 0 for count in bars) > 50


@pytest.mark.parametrize("values", [[2.0, 2.0], [1e17, 1e17 + 16], [0.0], [], [np.nan]])
def test_degenerate_values_are_drawn(values: list[float]) -> None:
    array = np.array(values)
    figure = charts.histogram(array, np.zeros(len(array), dtype=bool))
    assert sum(map(sum, _counts(figure))) == int(np.isfinite(array).sum())


def test_a_selection_of_all_bars_covers_every_value_and_of_one_bar_its_own() -> None:
    values = np.concatenate([np.linspace(0, 1, 2001), [40.0, -40.0]])
    figure = charts.histogram(values, values > 0.9)
    low, high = charts.selected_range(_event(figure, *[(0, bar) for bar in range(60)])) or (1, 0)
    assert ((values >= low) & (values < high)).all()
    for bar in (0, 17, 59):
        low, high = charts.selected_range(_event(figure, (0, bar))) or (1, 0)
        inside = ((values >= low) & (values < high)).sum()
        assert inside == sum(counts[bar] for counts in _counts(figure))


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"selection": {"points": []}},
        {"selection": {"points": [{"customdata": ["a", "b"]}, {"customdata": [1.0]}, {}]}},
    ],
)
def test_no_selection_or_a_strange_one_is_no_range(event: object) -> None:
    assert charts.selected_range(event) is None


def test_customdata_sent_as_an_object_is_read() -> None:
    event = {"selection": {"points": [{"customdata": {"0": 1.0, "1": 2.0}}]}}
    assert charts.selected_range(event) == (1.0, 2.0)


def test_class_bars_show_flagged_beside_the_rest_and_return_the_class_clicked() -> None:
    figure = charts.class_bars({"<b>cat</b>": 10, "7": 4}, {"7": 3})
    assert [list(trace.x) for trace in figure.data] == [[10, 1], [0, 3]]
    assert list(figure.data[0].y) == ["&lt;b&gt;cat&lt;/b&gt;", "7"]
    assert figure.layout.yaxis.type == "category"
    assert charts.selected_classes(_event(figure, (0, 0), (1, 0), (1, 1))) == ["<b>cat</b>", "7"]


def test_of_many_classes_those_with_most_flagged_are_drawn_in_order() -> None:
    counts = {f"c{i}": 100 for i in range(100)}
    flagged = {"c90": 5, "c3": 4, "c50": 6}
    assert charts.shown_classes(counts, flagged, most=3) == ["c3", "c50", "c90"]


def test_traces_take_their_colours_from_the_theme_and_need_no_webgl() -> None:
    values = np.arange(10.0)
    for figure in (charts.histogram(values, values > 5), charts.class_bars({"a": 1}, {"a": 1})):
        assert all(trace.type == "bar" and trace.marker.color is None for trace in figure.data)


def test_the_description_says_range_and_flags() -> None:
    values = np.array([0.0, 1.0, 4.0, np.nan])
    text = charts.histogram_alt(values, np.array([True, False, False, False]), "value")
    assert text == "Distribution of value over 3 samples from 0 to 4, median 1; 1 flagged"
    assert charts.histogram_alt(values[3:], np.zeros(1, dtype=bool), "value") == "No value to show"


@pytest.mark.parametrize(("scale", "form"), [(3e-4, "power"), (0.3, "power"), (2e5, "B")])
def test_tiny_values_are_not_marked_with_letters_for_powers(scale: float, form: str) -> None:
    figure = charts.histogram(np.linspace(-scale, scale, 50))
    assert figure.layout.xaxis.exponentformat == form
