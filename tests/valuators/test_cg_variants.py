"""The other forms of the CG-score: subsampled, without inverse, on a trained layer, in windows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from vectors import vector_dataset

from dvaudit import valuators
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.machine import Machine
from dvaudit.kernels import KernelSystem, gram
from dvaudit.models import train_proxy
from dvaudit.valuators.atypical import atypical_kind, high_gaps, margins
from dvaudit.valuators.cg_draws import draw, negatives_drawn, subset_scores
from dvaudit.valuators.cg_score import corrected_partial, sign_test
from dvaudit.valuators.kernel_problem import one_vs_rest
from dvaudit.valuators.ranking import rank_correlation
from dvaudit.valuators.running import RunningScores
from dvaudit.valuators.windows import window_curve


def _blobs(n: int = 240, classes: int = 8, seed: int = 3) -> Dataset:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % classes
    vectors = 3 * np.eye(classes, 12)[codes] + rng.standard_normal((n, 12))
    flipped = rng.choice(n, n // 10, replace=False)
    codes[flipped] = (codes[flipped] + 1) % classes
    return vector_dataset(vectors, codes)


@pytest.mark.parametrize("name", ["bal", "imb", "pix"])
@pytest.mark.parametrize("repeats", [1, 5])
def test_subsampled_scores_equal_the_stored_ones_on_the_stored_negatives(
    golden: Path, name: str, repeats: int
) -> None:
    prefix = f"{name}_stoch_ratio1_rep{repeats}"
    with np.load(golden / "cg_score.npz", allow_pickle=False) as cases:
        X, y, expected = cases[f"{name}_X"], cases[f"{name}_y"], cases[f"{prefix}_oracle_vi"]
        running = RunningScores(len(y))
        for run in range(repeats):
            for label in np.unique(y):
                positives = np.flatnonzero(y == label)
                negatives = cases[f"{prefix}_neg_r{run}_c{label}"]
                found = subset_scores(X, positives, negatives, precision="float64")
                running.add(positives, found.gap, run, certain=False)
                assert len(negatives) == negatives_drawn(len(positives), len(y) - len(positives), 1)
    np.testing.assert_allclose(running.mean, expected, rtol=1e-8)


def test_with_every_other_sample_drawn_the_subsampled_score_is_the_exact_one() -> None:
    data = _blobs(90, 3)
    exact = valuators.get("cg-score").value(data)
    drawn = valuators.get("cg-subsampled", {"ratio": 100}).value(data)
    np.testing.assert_allclose(drawn.values, exact.values, rtol=1e-8)
    np.testing.assert_allclose(drawn.columns["partial_cg"], exact.columns["partial_cg"], rtol=1e-7)
    np.testing.assert_array_equal(drawn.flagged, exact.flagged)
    assert drawn.std_errors is not None
    assert (drawn.std_errors == 0).all()
    assert drawn.stats["runs"] == 1


def test_automatic_runs_stop_when_half_is_met_and_the_ranking_has_settled() -> None:
    data = _blobs()
    easy, strict = (
        valuators.get("cg-subsampled", {"ratio": 1, "settled": share}).value(data)
        for share in (0.0, 0.9)
    )
    assert data.labels is not None
    smallest = np.bincount(data.labels).min() / len(data)
    missed = (1 - smallest) * (1 - smallest / (1 - smallest)) ** np.arange(10)
    assert easy.stats["runs"] == np.argmax(missed <= 0.5)
    assert easy.stats["seen_least"] == pytest.approx(1 - missed[easy.stats["runs"]])
    assert easy.stats["runs"] < strict.stats["runs"] < 20
    assert strict.stats["reliability"] >= 0.9
    bounded = valuators.get("cg-subsampled", {"ratio": 1, "settled": 1, "max_runs": 5}).value(data)
    assert bounded.stats["runs"] == 5
    assert "most runs allowed" in bounded.warnings[-1]


def test_more_negatives_come_closer_to_the_exact_score() -> None:
    data = _blobs()
    exact = valuators.get("cg-score").value(data).values
    agreement = [
        spearmanr(valuators.get("cg-subsampled", {"ratio": r}).value(data).values, exact).statistic
        for r in (1, 3, 5)
    ]
    assert agreement == sorted(agreement)
    assert agreement[1] > 0.75
    assert agreement[2] > 0.9


def test_standard_errors_and_run_counts_are_those_of_the_runs() -> None:
    data = _blobs(160)
    assert data.vectors is not None
    assert data.labels is not None
    result = valuators.get("cg-subsampled", {"ratio": 1, "runs": 6}).value(data, seed=5)
    np.testing.assert_array_equal(result.columns["cg_runs"], 6)
    counts = np.bincount(data.labels)
    assert result.columns["cg_negative_runs"].sum() == 6 * counts.sum()
    single = valuators.get("cg-subsampled", {"ratio": 1, "runs": 1}).value(data, seed=5)
    assert single.std_errors is not None
    assert np.isnan(single.std_errors).all()
    assert "no standard errors" in single.status


def test_draws_do_not_depend_on_the_order_of_work_or_of_samples() -> None:
    others = np.arange(50)
    later = draw(others, 10, 7, label=2, run=3)
    draw(others, 10, 7, label=0, run=0)
    np.testing.assert_array_equal(draw(others, 10, 7, label=2, run=3), later)
    assert len(set(later.tolist())) == 10
    assert not np.array_equal(draw(others, 10, 7, label=2, run=4), later)
    data = _blobs(160)
    assert data.vectors is not None
    assert data.labels is not None
    order = np.random.default_rng(0).permutation(160)
    shuffled = replace(
        vector_dataset(data.vectors[order], data.labels[order]),
        ids=tuple(data.ids[i] for i in order),
    )
    setting = {"ratio": 1, "runs": 2}
    plain, mixed = (valuators.get("cg-subsampled", setting).value(d) for d in (data, shuffled))
    np.testing.assert_allclose(mixed.values, plain.values[order], rtol=1e-12)


def test_memory_of_the_estimate_is_that_of_a_class_and_its_negatives_for_each_core() -> None:
    machine = Machine(cores=2, memory=24 << 30, flops=5e10)
    whole, drawn = (
        valuators.get(name, {"precision": "float64"}).estimate(20_000, 1, 100, machine)
        for name in ("cg-score", "cg-subsampled")
    )
    assert drawn.bytes < whole.bytes / 50
    assert "800 samples" in drawn.plan


@given(
    st.lists(st.lists(st.floats(0, 100), min_size=4, max_size=4), min_size=2, max_size=8),
)
@settings(max_examples=40, deadline=None)
def test_running_average_equals_the_plain_one(runs: list[list[float]]) -> None:
    running, rows = RunningScores(4), np.arange(4)
    for number, scores in enumerate(runs):
        running.add(rows, np.array(scores), number, certain=False)
    np.testing.assert_allclose(running.mean, np.mean(runs, axis=0), atol=1e-9)
    errors = np.std(runs, axis=0, ddof=1) / np.sqrt(len(runs))
    np.testing.assert_allclose(running.std_errors(), errors, atol=1e-7)


def test_reliability_of_halves_that_agree_disagree_and_lack_a_run() -> None:
    rows, scores = np.arange(5), np.array([3.0, 1, 2, 5, 4])
    running = RunningScores(5)
    running.add(rows, scores, 0, certain=False)
    assert running.reliability() is None
    running.add(rows, 2 * scores, 1, certain=False)
    assert running.reliability() == pytest.approx(1)
    assert rank_correlation(scores, -scores) == pytest.approx(-1)
    assert rank_correlation(np.ones(5), scores) == 0
    assert rank_correlation(np.ones(5), np.zeros(5)) == 1


def test_score_without_inverse_is_the_drop_of_the_quadratic_form_of_the_kernel() -> None:
    data = _blobs(60, 3)
    assert data.vectors is not None
    assert data.labels is not None
    result = valuators.get("cg-prime").value(data)
    kernel = gram(torch.as_tensor(data.vectors))[0].numpy()
    for i, code in enumerate(data.labels):
        signs, keep = np.where(data.labels == code, 1.0, -1.0), np.arange(60) != i
        whole = signs @ kernel @ signs
        rest = signs[keep] @ kernel[np.ix_(keep, keep)] @ signs[keep]
        assert result.values[i] == pytest.approx(whole - rest, rel=1e-9)


def test_score_without_inverse_is_high_for_samples_like_their_class() -> None:
    data = _blobs(120, 3)
    prime, exact = (valuators.get(name).value(data) for name in ("cg-prime", "cg-score"))
    assert spearmanr(prime.values, exact.values).statistic > 0.5
    assert prime.flagged is None


def test_penultimate_scores_are_the_exact_scores_of_the_trained_layer() -> None:
    data = _blobs(120, 3)
    assert data.vectors is not None
    assert data.labels is not None
    setting = {"space": "penultimate", "epochs": 4, "correlate_epochs": True, "ridge": 0.1}
    result = valuators.get("cg-score", setting).value(data, seed=2)
    run = train_proxy(data.vectors, data.labels, 3, epochs=4, seed=2)
    layer = vector_dataset(run.features_by_epoch[4].astype(np.float64), data.labels)
    expected = valuators.get("cg-score", {"ridge": 0.1}).value(layer)
    np.testing.assert_allclose(result.values, expected.values, rtol=1e-5)
    assert len(result.stats["epoch_spearman"]) == 3
    assert all(-1 <= rho <= 1 for rho in result.stats["epoch_spearman"])
    assert len(result.stats["proxy_accuracy"]) == 5
    assert "penultimate layer of a net trained for 4 epochs" in result.status


def test_penultimate_scores_of_numeric_targets_are_refused() -> None:
    data = vector_dataset(np.eye(6), np.arange(6.0), Task.REGRESSION)
    with pytest.raises(UnsuitableDataError, match=r"set cg-score\.space to 'input'"):
        valuators.get("cg-score", {"space": "penultimate"}).value(data)


def test_corrected_partial_score_has_the_sign_of_the_even_odds_test() -> None:
    rng = np.random.default_rng(1)
    partial, diagonal = rng.standard_normal(50), rng.random(50) + 0.5
    even = np.full(50, 0.5)
    np.testing.assert_array_equal(corrected_partial(partial, diagonal, even), partial)
    rare = np.full(50, 0.25)
    prediction = -partial / (2 * diagonal)
    positive = corrected_partial(partial, diagonal, rare) > 0
    np.testing.assert_array_equal(positive, prediction < 2 * 0.25 - 1)
    many = np.full(50, 9.0)
    np.testing.assert_array_equal(sign_test(partial, many, even), partial > 0)
    assert not sign_test(np.abs(partial), np.ones(50), even).any()
    assert not sign_test(np.abs(partial), many, np.ones(50)).any()


def test_a_high_gap_is_mislabelled_where_the_label_is_refuted_and_atypical_where_not() -> None:
    codes = np.repeat([0, 1], 50)
    gap = np.concatenate([1 + 0.1 * np.arange(50), 100 * (1 + 0.1 * np.arange(50))])
    gap[[3, 4, 60]] = [400, 400, 40_000]
    corrected = np.full(100, -1.0)
    corrected[[3, 10, 60]] = 1
    kinds = atypical_kind(gap, corrected, codes)
    assert np.flatnonzero(high_gaps(gap, codes)).tolist() == [3, 4, 60]
    assert kinds[[3, 4, 10, 60]].tolist() == ["mislabelled", "atypical", "", "mislabelled"]
    margin = np.full(100, -1.0)
    margin[60] = 1
    agreed = atypical_kind(gap, corrected, codes, margin)
    assert agreed[[3, 4, 60]].tolist() == ["", "atypical", "mislabelled"]
    assert not high_gaps(np.ones(5), np.zeros(5, dtype=np.int64)).any()


def test_margins_of_the_solution_are_those_of_the_leave_one_out_method() -> None:
    data = _blobs(60, 3)
    assert data.vectors is not None
    assert data.labels is not None
    inverse = KernelSystem(data.vectors, "float64", "cpu").inverse(0.3)
    solution, diagonal = inverse.solve(one_vs_rest(data.labels, 3))
    expected = valuators.get("kernel-loo", {"ridge": 0.3}).value(data).margins
    np.testing.assert_allclose(margins(solution, diagonal, data.labels), expected, rtol=1e-9)
    single = margins(np.array([[3.0]]), np.array([2.0]), np.array([0]))
    assert single.tolist() == [0.5]  # the score is 1 - 3 / 2


def test_exact_score_marks_the_atypical_and_not_the_flipped() -> None:
    rng = np.random.default_rng(0)
    codes = np.arange(200) % 2
    vectors = np.where(codes[:, None] == 1, 2.0, -2.0) * np.eye(6)[0] + rng.standard_normal(
        (200, 6)
    )
    vectors[0] = [-0.3, 9, 0, 0, 0, 0]  # on its own side, far from everyone
    flipped = np.array([11, 30, 55])
    codes[flipped] = 1 - codes[flipped]
    result = valuators.get("cg-score", {"ridge": 0.1}).value(vector_dataset(vectors, codes))
    atypical = result.columns["cg_atypical"] == 1
    assert not atypical[flipped].any()
    assert result.flagged is not None
    assert result.flagged[flipped].all()
    assert not (atypical & result.flagged).any()


def test_window_curve_falls_where_the_windows_take_in_wrong_labels() -> None:
    rng = np.random.default_rng(4)
    codes = np.arange(300) % 3
    vectors = 2 * np.eye(3, 8)[codes] + rng.standard_normal((300, 8))
    clean = codes.copy()
    wrong = rng.choice(300, 90, replace=False)
    codes[wrong] = (codes[wrong] + 1) % 3
    values = -np.isin(np.arange(300), wrong).astype(float)
    tests = (2 * np.eye(3, 8)[clean] + rng.standard_normal((300, 8)), clean)
    curve = window_curve(vectors, codes, values, held_out=tests, offsets=(0, 0.25, 0.5))
    assert curve.trained == 150
    assert curve.held_out == 300
    assert curve.accuracy[0] > 0.8
    assert curve.accuracy[0] > curve.accuracy[2] + 0.1


def test_window_prediction_equals_kernel_ridge_regression_written_out() -> None:
    data = _blobs(80, 3)
    assert data.vectors is not None
    assert data.labels is not None
    values = np.arange(80.0)
    values[7] = np.nan
    tests = (data.vectors[:20] + 0.3, data.labels[:20])
    curve = window_curve(
        data.vectors, data.labels, values, held_out=tests, share=0.25, offsets=(0.5,), ridge=0.2
    )
    order = np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable")[:79]
    rows = order[round(0.5 * 79) : round(0.5 * 79) + round(0.25 * 79)]
    both = gram(torch.as_tensor(np.concatenate([data.vectors[rows], tests[0]])))[0].numpy()
    m = len(rows)
    targets = np.where(np.eye(3)[data.labels[rows]] == 1, 1.0, -1.0)
    weights = np.linalg.solve(both[:m, :m] + 0.2 * np.eye(m), targets)
    predicted = (both[m:, :m] @ weights).argmax(1)
    assert curve.accuracy[0] == pytest.approx((predicted == tests[1]).mean())
    assert curve.trained == m


def test_windows_hold_out_a_stratified_fifth_and_refuse_what_is_outside() -> None:
    data = _blobs(100, 4)
    assert data.vectors is not None
    assert data.labels is not None
    values = np.random.default_rng(0).standard_normal(100)
    curve = window_curve(data.vectors, data.labels, values, offsets=(0.0, 0.5))
    assert (curve.trained, curve.held_out) == (40, 20)
    with pytest.raises(UnsuitableDataError, match=r"1 of 2 windows of share 0\.5 lie outside"):
        window_curve(data.vectors, data.labels, values, offsets=(0.1, 0.6))
    with pytest.raises(UnsuitableDataError, match="at least ten samples"):
        window_curve(data.vectors[:1], data.labels[:1], values[:1])
    with pytest.raises(UnsuitableDataError, match="one of each per sample"):
        window_curve(data.vectors, data.labels, values[:5])
