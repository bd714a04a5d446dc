"""Values over training in numbers, in words and in figures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from traced import class_means, made_up_phases, made_up_trace, told, values_so_far

from dvaudit.core.trace import Trace
from dvaudit.dynamics import ALL, StoredTrace
from dvaudit.findings import early_detection
from dvaudit.findings import so_far as whole_so_far
from dvaudit.ui import dynamics_charts as charts
from dvaudit.ui import dynamics_lines as lines
from dvaudit.ui import dynamics_maths as maths

BACKGROUND = {False: "#ffffff", True: "#0b1220"}  # of .streamlit/config.toml


def _stored(trace: Trace, labels: list[str] | None = None) -> StoredTrace:
    return StoredTrace(
        trace.points,
        np.ascontiguousarray(trace.values.T),
        trace.unit,
        trace.additive,
        class_means(trace, labels),
        early_detection(trace),
    )


def _early(shares: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "point": np.arange(1.0, len(shares) + 1),
            "rank_correlation": shares,
            "lowest_5": shares,
            "lowest_10": shares,
            "loss": 1.0,
        }
    )


# Axes


@pytest.mark.parametrize("size", [1e-7, 1.0, 1e6])
def test_no_axis_writes_letters_for_powers_of_ten(size: float) -> None:
    table = told("dvgs", 4, ("elm",))
    table["value"] *= size
    early = _early([0.1, 1.0])
    bands = {None: pd.DataFrame({"point": [1.0], "low": size, "middle": size, "high": size})}
    line = charts.SampleLine(1, "one", None, np.array([size]))
    figures = [
        charts.class_chart(table, ["elm"], table[["point", "loss"]], "step", dark=False),
        charts.detection_chart(early, "step", dark=False),
        charts.phase_chart(made_up_phases(), dark=False),
        charts.sample_chart([line], bands, np.array([1.0]), "step", dark=False),
    ]
    for figure in figures:
        axes = [*figure.select_yaxes(), *figure.select_xaxes()]
        assert all(
            axis.exponentformat == "power" or "s" not in (axis.tickformat or "s") for axis in axes
        )


def test_few_whole_points_have_a_tick_each() -> None:
    assert lines.x_axis(np.array([1.0, 2.0, 3.0]))["dtick"] == 1
    assert lines.x_axis(np.array([1.0, 2.5]))["dtick"] is None
    assert lines.x_axis(np.arange(100.0))["dtick"] is None


# Numbers


@pytest.mark.parametrize("additive", [False, True])
def test_values_so_far_agree_with_sums_one_by_one(additive: bool) -> None:
    trace = made_up_trace(9, additive=additive)
    trace.values[:2, 4] = np.nan  # valued later than the others
    found = np.stack(list(maths.so_far(_stored(trace))))
    np.testing.assert_allclose(found, values_so_far(trace), rtol=1e-12)
    np.testing.assert_allclose(found, whole_so_far(trace), rtol=1e-12)
    rows = [5, 0]
    np.testing.assert_allclose(maths.sample_lines(_stored(trace), rows), found[:, rows].T)


def test_flagged_samples_and_others_have_their_own_means() -> None:
    trace = made_up_trace(40)
    flagged = np.arange(40) < 3
    table, found = maths.spread(_stored(trace), flagged), values_so_far(trace)
    np.testing.assert_allclose(table["flagged"], found[:, :3].mean(axis=1))
    np.testing.assert_allclose(table["others"], found[:, 3:-1].mean(axis=1))
    np.testing.assert_allclose(table["middle"], np.nanmedian(found, axis=1))
    assert ((table["low"] < table["middle"]) & (table["middle"] < table["high"])).all()
    assert maths.spread(_stored(trace), np.zeros(40, dtype=bool))["flagged"].isna().all()


def test_a_band_is_of_the_rows_asked_for() -> None:
    trace = made_up_trace(40)
    table = maths.band(_stored(trace), np.array([0, 1, 2]))
    np.testing.assert_allclose(table["middle"], np.median(values_so_far(trace)[:, :3], axis=1))
    assert maths.band(_stored(trace), np.array([39]))["low"].isna().all()


def test_a_class_called_as_the_line_of_all_stays_a_class() -> None:
    table = pd.DataFrame(
        {
            "point": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0],
            "label": [ALL, ALL, "oak"] * 2,
            "value": [0.5, 0.1, 0.9, 0.6, 0.2, 1.0],
            "samples": [4, 2, 2] * 2,
        }
    )
    assert maths.all_lines(table)["value"].tolist() == [0.5, 0.6]
    assert maths.class_lines(table)["value"].tolist() == [0.1, 0.9, 0.2, 1.0]
    assert maths.sizes_of(table) == {ALL: 2, "oak": 2}


def test_the_largest_classes_keep_their_order() -> None:
    sizes = {f"class {at:02d}": at % 7 for at in range(30)}
    shown = maths.largest(sizes)
    assert len(shown) == maths.MOST_CLASSES
    assert shown == sorted(shown)
    assert min(sizes[name] for name in shown) >= 4


# Words


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ([0.5, 0.86, 0.9, 0.95, 1.0], "After 2 of 5 epochs 86% of the lowest 10% are already"),
        ([0.9, 0.5, 0.6, 0.95, 1.0], "80% of the lowest 10% are known after 4 of 5 epochs"),
        ([0.1, 0.2, 0.3, 0.4, 1.0], "only the end itself knows 80%"),
        ([1.0], "Only one point"),
        ([np.nan, np.nan], "too few samples"),
    ],
)
def test_early_detection_in_words(shares: list[float], said: str) -> None:
    assert said in maths.detection_words(_early(shares), "epoch")


def test_the_half_way_share_is_told_where_it_comes_late() -> None:
    said = maths.detection_words(_early([0.1, 0.2, 0.3, 0.9, 1.0]), "epoch")
    assert "After 2 of 5 epochs 20% of the lowest 10% are known" in said


def test_a_point_before_the_first_step_is_called_so() -> None:
    early = _early([0.9, 0.95, 1.0]).assign(point=[0.0, 5.0, 10.0])
    assert "Before the first step 90%" in maths.detection_words(early, "step")
    assert maths.when(1, 1, "epoch") == "After 1 of 1 epoch"
    assert maths.when(1500, 12000, "step") == "After 1,500 of 12,000 steps"


@pytest.mark.parametrize(
    ("magnitude", "said"),
    [
        ((3.0, 1.0, 1.0, 1.0, 1.0, 3.0), "Three phases show"),
        ((1.0, 1.0, 3.0, 3.0, 1.0, 1.0), "The middle of the training counts most"),
        ((1.0, 1.0, 1.0, 1.0, 4.0, 4.0), "last third of the epochs a sample's influence is 4 "),
        ((4.0, 4.0, 2.0, 2.0, 1.0, 1.0), "The start of the training counts most"),
        ((1.0, 1.1, 1.0, 1.1, 1.0, 1.1), "No part of the training stands out"),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 1.0), "far above that in the first"),
        ((1.0, 2.0), "fewer than 3 epochs"),
    ],
)
@pytest.mark.parametrize("halves", [False, True])
def test_phases_in_words(magnitude: tuple[float, ...], said: str, halves: bool) -> None:
    assert said in maths.phase_words(made_up_phases(magnitude, halves))


def test_the_words_on_phases_tell_the_peak_and_both_ends() -> None:
    said = maths.phase_words(made_up_phases((1.0, 3.0, 1.0)))
    assert "highest in epoch 2" in said
    assert "|uₜ| falls from 0.5 to 0.25, the loss falls from 2 to 0.4" in said
    unknown = made_up_phases().assign(training_loss=np.nan, adjoint_norm=1.0)
    assert "|uₜ| stays at 1, the loss is unknown" in maths.phase_words(unknown)


# Figures


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("dark", [False, True])
def test_ten_lines_differ_and_stand_out(dark: bool) -> None:
    ten = lines.styles(10, dark=dark)
    assert len(set(ten)) == 10
    behind = _luminance(BACKGROUND[dark])
    light = [
        _luminance(colour) for colour in [style.colour for style in ten] + [lines.ink(dark=dark)]
    ]
    assert min((max(one, behind) + 0.05) / (min(one, behind) + 0.05) for one in light) >= 3


@given(
    some.lists(some.floats(0, 100), max_size=11).map(sorted),
    some.floats(0.1, 9),
)
def test_labels_are_moved_apart_and_stay_inside(heights: list[float], gap: float) -> None:
    moved = lines.apart(heights, 0, 100, gap)
    assert len(moved) == len(heights)
    assert all(above - below >= gap - 1e-6 for below, above in pairwise(moved))
    assert not moved or (moved[0] >= -1e-6 and moved[-1] <= 100 + 1e-6)


def test_labels_far_enough_from_each_other_stay_where_they_are() -> None:
    assert lines.apart([1.0, 5.0, 9.0], 0, 10, 2) == [1.0, 5.0, 9.0]


def test_classes_are_named_at_the_end_of_their_lines_over_the_loss() -> None:
    trace = made_up_trace(30)
    names = [f"class {at % 10}" for at in range(30)]
    table = class_means(trace, names)
    losses = pd.DataFrame({"point": trace.points, "loss": trace.losses})
    shown = sorted(set(names))
    figure = charts.class_chart(table, shown, losses, "epoch", dark=False)
    assert sorted(note.text for note in figure.layout.annotations) == sorted([*shown, ALL])
    assert [line.name for line in figure.data] == [*shown, ALL, "loss"]
    assert figure.layout.xaxis2.title.text == "epoch"
    assert figure.layout.yaxis2.title.text == "loss"
    assert figure.layout.yaxis.title.text == "value so far"
    arrows = {note.text: note.arrowcolor for note in figure.layout.annotations}
    assert arrows["class 3"] == figure.data[3].line.color


def test_without_a_loss_there_is_one_part() -> None:
    table = told("dvgs", 3, ("<b>elm</b>",))
    losses = pd.DataFrame({"point": [0.0, 1.0, 2.0], "loss": np.nan})
    figure = charts.class_chart(table, ["<b>elm</b>"], losses, "step", dark=True, title="value")
    assert len(figure.data) == 2
    assert figure.layout.xaxis.title.text == "step"
    assert figure.data[0].name == "&lt;b&gt;elm&lt;/b&gt;"


def test_flagged_and_others_are_two_lines_over_a_band() -> None:
    trace = made_up_trace(30)
    losses = pd.DataFrame({"point": trace.points, "loss": trace.losses})
    some_flagged = maths.spread(_stored(trace), np.arange(30) < 3)
    figure = charts.spread_chart(some_flagged, losses, "epoch", dark=False)
    assert {note.text for note in figure.layout.annotations} == {"flagged", "others"}
    assert figure.data[1].fill == "tonexty"
    none = maths.spread(_stored(trace), np.zeros(30, dtype=bool))
    figure = charts.spread_chart(none, losses, "epoch", dark=True)
    assert [note.text for note in figure.layout.annotations] == ["mean"]


def test_samples_are_drawn_in_the_panel_of_their_class() -> None:
    trace = _stored(made_up_trace(30))
    values = maths.sample_lines(trace, [0, 1, 29])
    picked = [
        charts.SampleLine(number, f"s{number}", label, line)
        for number, label, line in zip((1, 2, 3), ("elm", "oak", "elm"), values, strict=True)
    ]
    bands = {"elm": maths.band(trace), "oak": maths.band(trace)}
    figure = charts.sample_chart(picked, bands, trace.points, "epoch", dark=False)
    panel = {line.name: line.xaxis for line in figure.data if line.name.startswith(("1", "2", "3"))}
    assert panel == {"1: s1": "x", "2: s2": "x2", "3: s3": "x"}
    texts = [note.text for note in figure.layout.annotations]
    assert texts == ["label elm", "label oak", "<b>1</b>", "<b>2</b>"]  # the third is not valued
    every = charts.sample_chart(
        [charts.SampleLine(1, "s1", None, values[0])], {None: maths.band(trace)}, trace.points,
        "step", dark=True,
    )  # fmt: skip
    assert every.layout.annotations[0].text == "all samples"


def test_early_detection_is_drawn_in_shares() -> None:
    figure = charts.detection_chart(_early([0.5, 0.9, 1.0]), "step", dark=False)
    assert [line.name for line in figure.data] == ["lowest 10%", "lowest 5%", "rank correlation"]
    assert figure.layout.xaxis.title.text == "step"
    negative = charts.detection_chart(_early([-0.4, 0.9, 1.0]), "step", dark=False)
    assert negative.layout.yaxis.range[0] < -0.4
    assert charts.detection_chart(_early([np.nan]), "step", dark=True).layout.annotations == ()


@pytest.mark.parametrize(("halves", "drawn"), [(False, 3), (True, 6)])
def test_phases_are_three_parts_over_the_epochs(halves: bool, drawn: int) -> None:
    figure = charts.phase_chart(made_up_phases(halves=halves), dark=False)
    assert len(figure.data) == drawn
    assert figure.layout.showlegend is halves
    titles = [figure.layout[name].title.text for name in ("yaxis", "yaxis2", "yaxis3")]
    assert titles == ["mean |influence|<br>per unit of rate", "|uₜ|", "training loss"]
