"""Charts: what is counted, what is drawn, and what a selection means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvaudit.ui import charts


def _event(figure: object, *picked: tuple[int, int]) -> dict[str, object]:
    """A selection as the browser sends it: one point per picked (trace, bar)."""
    data = figure.data  # type: ignore[attr-defined]
    points = [
        {"curve_number": trace, "point_index": bar, "customdata": list(data[trace].customdata[bar])}
        for trace, bar in picked
    ]
    return {"selection": {"points": points, "box": [], "lasso": []}}


def _binned(values: object, flagged: object = None) -> charts.Bins:
    found = charts.binned(np.asarray(values), None if flagged is None else np.asarray(flagged))
    assert found is not None
    return found


def test_every_finite_value_is_counted_once_and_flagged_ones_apart() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=5000)
    values[:7] = np.nan
    values[7:10] = [1e6, -1e6, 5e5]
    flagged = values < -1
    bins = _binned(values, flagged)
    assert len(bins.rest) == len(bins.flagged) == 60
    assert sum(bins.flagged) == int(flagged.sum())
    assert sum(bins.rest) + sum(bins.flagged) == 5000 - 7


def test_a_few_far_values_do_not_squeeze_the_rest_into_one_bar() -> None:
    bins = _binned(np.concatenate([np.linspace(0, 1, 2000), [1e9]]))
    assert sum(count > 0 for count in bins.rest) > 50


@pytest.mark.parametrize("values", [[2.0, 2.0], [1e17, 1e17 + 16], [0.0], [3.0, np.nan]])
def test_degenerate_values_are_counted(values: list[float]) -> None:
    bins = _binned(values)
    assert sum(bins.rest) == int(np.isfinite(values).sum())
    assert np.all(np.diff(bins.edges) > 0)


@pytest.mark.parametrize("values", [[], [np.nan]])
def test_without_a_value_there_are_no_bars(values: list[float]) -> None:
    assert charts.binned(np.array(values)) is None
    assert len(charts.histogram(np.array(values)).data) == 0


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=200),
    st.integers(0, 59),
    st.integers(0, 59),
)
def test_a_range_of_bars_holds_what_they_count(listed: list[float], one: int, other: int) -> None:
    values = np.array(listed)
    bins = _binned(values, values > 0)
    edges = (bins.ends[0], *bins.edges[1:-1], bins.ends[1])
    first, last = sorted((min(one, len(bins.rest) - 1), min(other, len(bins.rest) - 1)))
    inside = (values >= edges[first]) & (values < edges[last + 1])
    assert sum(bins.rest[first : last + 1]) == int((inside & (values <= 0)).sum())
    assert sum(bins.flagged[first : last + 1]) == int((inside & (values > 0)).sum())


def test_the_plotly_histogram_draws_the_same_counts() -> None:
    values = np.concatenate([np.linspace(0, 1, 2001), [40.0, -40.0]])
    bins, (drawn,) = _binned(values), charts.histogram(values).data
    assert tuple(drawn.y) == bins.rest
    assert (drawn.customdata[0][0], drawn.customdata[-1][1]) == bins.ends


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
    for figure in (charts.histogram(values), charts.class_bars({"a": 1}, {"a": 1})):
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
