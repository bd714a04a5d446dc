"""Values at another kappa, ranks, and the charts of contributors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from valued import KAPPA, made_up, made_up_curves

from dvaudit.ui import contributors_charts as charts
from dvaudit.ui import contributors_maths as maths
from dvaudit.ui.words import shortened


@pytest.mark.parametrize("people", [2, 4, 100])
def test_values_at_the_runs_kappa_are_the_stored_ones(people: int) -> None:
    frame, summary = made_up([f"c{at}" for at in range(people)], seed=people)
    table = maths.valued_at(frame, summary, 1.0)
    np.testing.assert_array_equal(table["value"], frame["value"])
    assert sorted(table["rank"]) == list(range(1, people + 1))
    near = maths.valued_at(frame, summary, 1 + 1e-9)
    np.testing.assert_allclose(near["value"], frame["value"], rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(near["std_error"], frame["std_error"], rtol=1e-6)


@pytest.mark.parametrize("factor", [0.0, 0.1, 3.0, 10.0])
def test_values_at_another_kappa_are_those_of_the_game_played_there(factor: float) -> None:
    """An additive game: nu(S) = sum of single scores, shifted so that nu(empty) is the lowest."""
    rng = np.random.default_rng(5)
    inside, outside = -rng.uniform(1, 2, 6), -rng.uniform(0, 1, 6)
    kappa = 0.5

    def alone(k: float) -> tuple[np.ndarray, np.ndarray, int]:
        lowest = int(np.argmin(k * inside + outside))
        return inside - inside[lowest], outside - outside[lowest], lowest

    own_in, own_out, lowest = alone(kappa)
    frame = pd.DataFrame(
        {
            "contributor": list("abcdef"),
            "value": kappa * own_in + own_out,
            "std_error": 0.0,
            "in_domain": own_in,
            "out_of_domain": own_out,
            "in_domain_std_error": 0.3,
            "out_of_domain_std_error": 0.4,
            "single_in_domain": inside,
            "single_out_of_domain": outside,
        }
    )
    summary = {
        "kappa": kappa,
        "baseline_weight": 1.0,
        "baseline_in_domain": inside[lowest],
        "baseline_out_of_domain": outside[lowest],
    }
    there_in, there_out, _ = alone(factor * kappa)
    table = maths.valued_at(frame, summary, factor)
    np.testing.assert_allclose(table["value"], factor * kappa * there_in + there_out, atol=1e-12)
    np.testing.assert_allclose(table["std_error"], np.hypot(factor * kappa * 0.3, 0.4))


def test_a_given_score_of_nothing_does_not_follow_kappa() -> None:
    frame, summary = made_up(["a", "b", "c"])
    given = {**summary, "baseline_in_domain": 0.0, "baseline_out_of_domain": -9.0}
    table = maths.valued_at(frame, given, 2.0)
    expected = 2 * KAPPA * frame["in_domain"] + frame["out_of_domain"]
    np.testing.assert_allclose(table["value"], expected)


def test_ties_share_a_rank_and_missing_values_come_last() -> None:
    values = np.array([0.5, np.nan, 2.0, 0.5])
    assert maths.ranks(values)[[0, 2, 3]].tolist() == [2, 1, 2]
    assert maths.ordered(values).tolist() == [2, 0, 3, 1]


def test_both_ends_keep_all_of_few_and_halves_of_many() -> None:
    assert maths.both_ends(np.arange(3)) == ([0, 1, 2], 0)
    shown, hidden = maths.both_ends(np.arange(100))
    assert (shown, hidden) == ([*range(20), *range(80, 100)], 60)


def test_spearman_of_ranks() -> None:
    one = np.array([1.0, 2.0, 3.0, np.nan])
    assert maths.spearman(one, np.array([-np.inf, 5.0, 6.0, 1.0])) == pytest.approx(1)
    assert maths.spearman(one, -one) == pytest.approx(-1)
    assert np.isnan(maths.spearman(one, np.ones(4)))
    assert np.isnan(maths.spearman(one[:2], one[:2]))


# Charts


def test_three_panels_share_their_rows_and_a_gap_stands_for_the_rest() -> None:
    frame, summary = made_up([f"<i>site</i> {at}" for at in range(60)])
    table = maths.valued_at(frame, summary, 1.0)
    shown, hidden = maths.both_ends(maths.ordered(table["value"].to_numpy()))
    figure = charts.values(table, shown, hidden, dark=True)
    assert [len(trace.x) for trace in figure.data] == [41, 41, 41]
    assert all(np.isnan(trace.x[20]) for trace in figure.data)
    np.testing.assert_allclose(figure.data[0].x[0], table["value"].max())
    np.testing.assert_allclose(figure.data[0].x[-1], table["value"].min())
    names = figure.layout.yaxis.ticktext
    assert names[20] == "20 more between"
    assert all("<" not in name for name in names)
    half_width = 1.96 * table["std_error"].iat[shown[0]]
    np.testing.assert_allclose(figure.data[0].error_x.array[0], half_width)


def test_an_exact_value_has_no_interval() -> None:
    frame, _ = made_up(["a", "b"])
    figure = charts.values(frame.assign(std_error=0.0), [0, 1], 0, dark=False)
    assert figure.data[0].error_x.array is None
    assert figure.data[1].error_x.array is not None


@pytest.mark.parametrize("direction", ["remove", "add"])
def test_curves_have_two_lines_and_random_with_its_band(direction: str) -> None:
    frame, _ = made_up(list("abcde"))
    curves = made_up_curves(frame)
    figure = charts.curve(curves, direction, "accuracy")
    assert [trace.name for trace in figure.data] == [
        "lowest first", "highest first", "random, 95% interval", "random",
    ]  # fmt: skip
    assert list(figure.data[0].x) == [0, 1, 2, 3, 4, 5]
    said = figure.data[0].customdata
    assert said[1].startswith("1 contributor " + direction.rstrip("e"))
    assert said[2].startswith("2 contributors " + direction.rstrip("e"))
    means = charts.curve_means(curves, direction)
    better = "lowest" if direction == "remove" else "highest"
    assert means[better] == max(means.values())


def test_the_map_of_ranks_follows_the_mean_rank() -> None:
    one = pd.DataFrame({"contributor": ["a", "b", "c"], "value": [1.0, 3.0, 2.0]})
    two = pd.DataFrame({"contributor": ["c", "a", "b"], "value": [1.0, 2.0, 3.0]})
    ranks = maths.ranks_side_by_side([("#1 x", one), ("#2 y", two)])
    assert ranks.index.tolist() == ["b", "a", "c"]
    assert ranks["#1 x"].tolist() == [1, 3, 2]
    figure = charts.rank_heat(ranks, dark=False)
    np.testing.assert_array_equal(figure.data[0].z, [[1, 1], [3, 2], [2, 3]])
    assert figure.data[0].customdata[1][0].tolist() == ["a", "#1 x"]


def test_of_many_those_whose_ranks_differ_most_are_kept_in_order() -> None:
    assert maths.furthest_apart(pd.Series([1.0, 5.0, 0.0, 5.0]), most=2) == [1, 3]


def test_long_names_are_cut_beside_the_chart() -> None:
    wards = [f"University Hospital of Somewhere, ward {at}" for at in (1, 2)]
    cut = ["University Ho…here, ward 1", "University Ho…here, ward 2"]
    assert [shortened(name, len(cut[0])) for name in (*wards, "short")] == [*cut, "short"]
    frame, _ = made_up(wards)
    figure = charts.values(frame, [0, 1], 0, dark=False)
    assert list(figure.layout.yaxis.ticktext) == cut
    assert list(figure.data[0].customdata) == wards
