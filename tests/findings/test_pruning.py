"""Orders of removal: what a cut takes of whom; and the scores of proxies at each cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.findings.pruning import (
    Proxy,
    Series,
    cut_grid,
    order_words,
    removal_order,
    shares_lost,
    window_grid,
)
from dvaudit.findings.pruning_curves import curves, split
from dvaudit.findings.pruning_material import Material
from dvaudit.findings.pruning_scores import (
    Lesson,
    held_out_scores,
    kernel_targets,
    part_scores,
    predictions,
)

values_lists = st.lists(st.sampled_from([-1.0, 0.0, 0.25, 3.0]), min_size=1, max_size=60)


@settings(max_examples=80, deadline=None)
@given(values=values_lists, series=st.sampled_from(list(Series)), seed=st.integers(0, 50))
def test_an_order_names_each_sample_once_and_follows_the_values(
    values: list[float], series: Series, seed: int
) -> None:
    found = removal_order(np.array(values), series, seed=seed)
    assert sorted(found) == list(range(len(values)))
    if series is Series.RANDOM:
        np.testing.assert_array_equal(found, removal_order(np.array(values), series, seed=seed))
        return
    sign = -1 if series is Series.HIGHEST else 1
    expected = sorted(range(len(values)), key=lambda at: (sign * values[at], at))
    assert found.tolist() == expected


@settings(max_examples=80, deadline=None)
@given(data=st.data(), series=st.sampled_from(list(Series)), values=values_lists)
def test_a_balanced_order_takes_the_same_share_of_every_class_at_every_cut(
    data: st.DataObject, series: Series, values: list[float]
) -> None:
    n = len(values)
    codes = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    plain = removal_order(np.array(values), series, seed=1)
    found = removal_order(np.array(values), series, codes=codes, seed=1)
    assert sorted(found) == list(range(n))
    sizes = np.bincount(codes)
    for removed in range(n + 1):
        gone = np.bincount(codes[found[:removed]], minlength=len(sizes))
        shares = gone[sizes > 0] / sizes[sizes > 0]
        assert shares.max() - shares.min() <= 1 / sizes[sizes > 0].min() + 1e-12
    for code in np.unique(codes):  # within a class the order is as without balance
        assert [at for at in found if codes[at] == code] == [
            at for at in plain if codes[at] == code
        ]


def test_cuts_and_windows_reach_from_one_end_to_the_other() -> None:
    assert cut_grid(40, 0.9, 6).tolist() == [0, 6, 12, 18, 24, 30, 36]
    assert cut_grid(3, 0.5, 10).tolist() == [0, 1, 2]
    assert window_grid(40, 0.25, 3) == [(0, 10), (10, 20), (20, 30), (30, 40)]
    assert window_grid(3, 0.01, 10) == [(0, 1), (1, 2), (2, 3)]
    for asked, said in (
        (lambda: cut_grid(10, 0.96, 3), "largest share to remove is 0.96"),
        (lambda: cut_grid(10, 0.5, 0), "There are 0 steps"),
        (lambda: window_grid(10, 0.6, 3), "The window is 0.6 wide"),
    ):
        with pytest.raises(SettingsError, match=said):
            asked()


def test_what_each_part_loses_is_counted_along_the_order() -> None:
    codes = np.array([0, 0, 1, 1, -1])
    found = shares_lost(codes, 3, np.array([2, 0, 4, 3, 1]), [(0, 0), (0, 2), (1, 4)])
    np.testing.assert_array_equal(found[:, :2], [[0, 0], [0.5, 0.5], [0.5, 0.5]])
    assert np.isnan(found[:, 2]).all()


@pytest.mark.parametrize("hard", [True, False])
def test_every_order_has_a_name_and_a_sentence_that_fits_the_method(hard: bool) -> None:
    names = [order_words(series, hard=hard)[0] for series in Series]
    assert len(set(names)) == len(names)
    assert order_words(Series.LOWEST, hard=hard)[0].startswith("Cleaning")
    assert order_words(Series.HIGHEST, hard=hard)[0].startswith("Keep the hard") is hard


# Proxies


def _lesson(classes: int, m: int = 40, t: int = 25) -> tuple[Lesson, np.ndarray]:
    rng = np.random.default_rng(classes)
    vectors, held_out = rng.standard_normal((m, 5)), rng.standard_normal((t, 5))
    rule = rng.standard_normal((5, max(classes, 1)))

    def answer(of: np.ndarray) -> np.ndarray:
        found = of @ rule
        return found.argmax(1) if classes else 7 + 3 * found[:, 0]

    lesson = Lesson(vectors, answer(vectors), classes, held_out, 0.1, 5, "cpu")
    return lesson, answer(held_out)


def _twin(lesson: Lesson, rows: np.ndarray) -> np.ndarray:
    """Kernel ridge on `rows` alone, with targets as all training samples give them."""

    def kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        one, other = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (one, other))
        cosines = np.clip(one @ other.T, -1, 1)
        return cosines * (np.pi - np.arccos(cosines)) / (2 * np.pi)

    targets, mean, scale = kernel_targets(lesson.targets, lesson.classes)
    if not len(rows):
        return np.full((len(lesson.held_out), targets.shape[1]), mean)
    matrix = kernel(lesson.vectors[rows], lesson.vectors[rows])
    np.fill_diagonal(matrix, 0.5 + lesson.ridge)
    across = kernel(lesson.held_out, lesson.vectors[rows])
    return across @ np.linalg.solve(matrix, targets[rows]) * scale + mean


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_kernel_ridge_equals_a_refit_at_every_cut_of_every_order(classes: int) -> None:
    lesson, _ = _lesson(classes)
    rng = np.random.default_rng(0)
    plans = [
        (rng.permutation(40), [(0, 0), (0, 7), (0, 33), (0, 40)]),
        (np.arange(40), [(0, 10), (13, 29), (30, 40)]),
    ]
    for (order, windows), found in zip(
        plans, predictions(lesson, Proxy.KERNEL, plans), strict=True
    ):
        for (start, end), predicted in zip(windows, found, strict=True):
            kept = np.concatenate([order[:start], order[end:]])
            np.testing.assert_allclose(predicted, _twin(lesson, kept), rtol=1e-8, atol=1e-8)


def test_logistic_regression_is_fitted_to_what_is_left() -> None:
    lesson, _ = _lesson(3)
    order = np.argsort(lesson.targets, kind="stable")  # the last cut leaves a single class
    windows = [(0, 0), (0, 12), (0, 39), (0, 40)]
    with threadpool_limits(1):
        (found,) = predictions(lesson, Proxy.LOGISTIC, [(order, windows)])
    for (_, end), predicted in zip(windows[:2], found, strict=False):
        rows = order[end:]
        scaler = StandardScaler().fit(lesson.vectors[rows])
        model = LogisticRegression(max_iter=300)
        model.fit(scaler.transform(lesson.vectors[rows]), lesson.targets[rows])
        expected = model.predict(scaler.transform(lesson.held_out))
        np.testing.assert_array_equal(predicted.argmax(1), expected)
    assert (found[2].argmax(1) == lesson.targets[order[-1]]).all()
    assert not found[3].any()


@pytest.mark.parametrize("classes", [0, 3])
def test_the_small_net_learns_and_the_same_seed_gives_the_same(classes: int) -> None:
    lesson, truth = _lesson(classes, m=400, t=100)
    plan = [(np.arange(400), [(0, 0), (0, 390)])]
    (found,) = predictions(lesson, Proxy.NET, plan)
    scores = held_out_scores(found, truth, classes)
    assert scores[0] > max(0.5, scores[1])
    np.testing.assert_array_equal(found, predictions(lesson, Proxy.NET, plan)[0])


def test_scores_are_accuracy_and_r2_of_all_and_of_parts() -> None:
    predicted = np.array([[[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]]])
    truth = np.array([1, 0, 0])
    assert held_out_scores(predicted, truth, 2).tolist() == pytest.approx([2 / 3])
    each, sizes = part_scores(predicted, truth, 2, np.array([1, 0, -1]), 3)
    assert sizes.tolist() == [1, 1, 0]
    assert each[0, :2].tolist() == [1.0, 1.0]
    assert np.isnan(each[0, 2])
    numbers = np.array([[[1.0], [2.0], [4.0]]])
    assert held_out_scores(numbers, np.array([1.0, 2.0, 3.0]), 0)[0] == pytest.approx(0.5)
    assert np.isnan(held_out_scores(numbers, np.ones(3), 0)[0])


# Curves


def _material(n: int = 200, wrong: int = 80) -> Material:
    """Two clear classes; the first `wrong` samples have the other label and the lowest values."""
    rng = np.random.default_rng(1)
    truth = np.arange(n) % 2
    vectors = rng.standard_normal((n, 4)) + 2.0 * (truth[:, None] - 0.5)
    labels = np.where(np.arange(n) < wrong, 1 - truth, truth)
    return Material(
        vectors=vectors,
        labels=labels,
        truth=truth,
        class_names=("a", "b"),
        rows=np.arange(n),
        values=np.where(np.arange(n) < wrong, 0.0, 1.0) + 0.1 * rng.random(n),
        held_out=np.zeros(0, dtype=np.int64),
        parts=np.where(np.arange(n) < wrong, 1, 0),
        contributors=("careful", "careless"),
    )


def _plans(material: Material, seeds: tuple[int, ...]) -> list[object]:
    grid = cut_grid(len(material.rows), 0.8, 8)
    plans: list[object] = []
    for series in (Series.LOWEST, Series.HIGHEST, Series.RANDOM):
        drawn = seeds if series is Series.RANDOM else seeds[:1]
        orders = {seed: removal_order(material.values, series, seed=seed) for seed in drawn}
        plans.append((series, orders, [(0, int(gone)) for gone in grid]))
    return plans


def test_removing_the_wrong_labels_first_beats_random_and_the_other_end_loses() -> None:
    material = _material()
    done = curves(material, _plans(material, (0, 1)), Proxy.KERNEL, seeds=(0, 1))  # type: ignore[arg-type]
    means = done.curves.groupby(["series", "removed"])["score"].mean()
    assert means["lowest first", 80] > means["random", 80] > means["highest first", 140]
    assert means["lowest first", 80] > means["lowest first", 0]
    full = done.curves[done.curves["removed"] == 0].groupby("seed")["score"].nunique()
    assert (full == 1).all()  # one split for every series of a seed
    assert (done.trained, done.held_out, done.drawn) == (160, 40, False)
    assert done.ridge is not None
    groups = done.contributors.set_index(["series", "seed", "removed", "name"]).sort_index()
    row = groups.loc[("lowest first", 0, 80)]
    assert row["lost"].tolist() == [0.0, 1.0]
    assert row["held_out"].sum() == 40
    both = done.classes[(done.classes["series"] == "random") & (done.classes["removed"] == 80)]
    assert ((both["lost"] - 0.4).abs() < 0.15).all()


def test_a_subsample_follows_the_same_cuts_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    material = _material()
    monkeypatch.setattr("dvaudit.findings.pruning_curves.MOST_TRAINED", 60)
    done = curves(material, _plans(material, (0,)), Proxy.KERNEL, seeds=(0,))  # type: ignore[arg-type]
    assert (done.trained, done.drawn) == (60, True)
    lowest = done.curves[done.curves["series"] == "lowest first"]
    assert lowest["removed"].tolist() == cut_grid(200, 0.8, 8).tolist()
    highest = done.curves[done.curves["series"] == "highest first"]
    assert lowest["score"].iloc[-1] > 0.8 > 0.5 > highest["score"].iloc[-1]


def test_unjudgeable_samples_are_not_scored_on() -> None:
    material = _material(wrong=0)
    train, held = split(material, 3)
    assert set(material.rows[train]).isdisjoint(held)
    material.truth[held] = -1
    with pytest.raises(UnsuitableDataError, match="No held-out sample has a label"):
        split(material, 3)


def test_a_given_set_is_scored_on_by_every_seed() -> None:
    material = _material()
    rows = np.arange(0, 150)
    fixed = Material(
        **{**vars(material), "rows": rows, "values": material.values[rows],
           "held_out": np.arange(150, 200)}
    )  # fmt: skip
    for seed in (0, 1):
        train, held = split(fixed, seed)
        assert len(train) == 150
        assert held.tolist() == list(range(150, 200))
    done = curves(fixed, _plans(fixed, (0, 1)), Proxy.KERNEL, seeds=(0, 1))  # type: ignore[arg-type]
    lowest: pd.DataFrame = done.curves[done.curves["series"] == "lowest first"]
    assert lowest.groupby("removed")["score"].nunique().eq(1).all()
