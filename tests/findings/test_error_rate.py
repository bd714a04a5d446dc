"""The estimated error rate on simulated data whose rate is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import norm

from dvaudit.findings import estimate_error_rate
from dvaudit.findings.error_rate import calibrated, confident_joint, surest_rate
from dvaudit.findings.noise_floor import binned, profile


def simulated(n, k, flips, *, sharpness=3.0, shares=None, seed=0):
    """Return scores that follow the true class, and given labels of which `flips` are wrong."""
    rng = np.random.default_rng(seed)
    true = rng.choice(k, n, p=shares)
    scores = rng.standard_normal((n, k)) / sharpness - 0.8
    scores[np.arange(n), true] += 1.5
    wrong = rng.random(n) < flips
    given = np.where(wrong, (true + rng.integers(1, k, n)) % k, true)
    return scores, given, float(wrong.mean())


@pytest.mark.parametrize("flips", [0.0, 0.05, 0.1, 0.2, 0.35])
@pytest.mark.parametrize(("k", "sharpness"), [(2, 2.0), (10, 3.0), (30, 3.0)])
def test_the_estimate_is_near_the_truth_and_inside_its_interval(flips, k, sharpness):
    scores, given, truth = simulated(6000, k, flips, sharpness=sharpness)
    found = estimate_error_rate(scores, given)
    assert found.rate == pytest.approx(truth, abs=0.035)
    assert found.low <= found.rate <= found.high
    assert found.low >= 0
    assert found.high <= 1


def test_overlapping_classes_are_not_taken_for_wrong_labels():
    scores, given, _ = simulated(6000, 5, 0.0, sharpness=1.0)
    disagree = (scores.argmax(axis=1) != given).mean()
    assert disagree > 0.2
    found = estimate_error_rate(scores, given)
    assert found.rate < 0.04
    assert found.low == 0


@pytest.mark.parametrize("flips", [0.0, 0.2])
def test_a_model_that_is_often_wrong_where_it_is_surest(flips):
    scores, given, truth = simulated(1000, 10, flips, sharpness=0.7)
    probabilities, _ = calibrated(scores, given)
    surest = surest_rate(confident_joint(probabilities, given))
    assert surest > truth + 0.25
    found = estimate_error_rate(scores, given)
    assert found.low <= truth <= found.high
    assert found.rate < surest - 0.2
    assert "It is wide" in found.how


@pytest.mark.parametrize("k", [2, 4, 50])
def test_scores_that_say_nothing_leave_nearly_everything_open(k):
    rng = np.random.default_rng(0)
    found = estimate_error_rate(rng.standard_normal((3000, k)), rng.integers(0, k, 3000))
    assert found.low < 0.01
    assert found.high > 0.95 * (1 - 1 / k)
    assert found.low < found.rate < found.high


def test_equal_scores_leave_nearly_everything_open():
    found = estimate_error_rate(np.zeros((300, 3)), np.arange(300) % 3)
    assert found.low < 0.01
    assert found.high > 0.6


def test_wrong_labels_in_few_of_the_classes():
    scores, given, _ = simulated(4000, 10, 0.0)
    rng = np.random.default_rng(1)
    wrong = (given < 2) & (rng.random(4000) < 0.4)
    found = estimate_error_rate(scores, np.where(wrong, given + 5, given))
    assert found.rate == pytest.approx(wrong.mean(), abs=0.03)


def test_uneven_classes():
    scores, given, truth = simulated(5000, 3, 0.15, shares=[0.8, 0.15, 0.05])
    assert estimate_error_rate(scores, given).rate == pytest.approx(truth, abs=0.05)


def ends(found):
    return np.array([found.rate, found.low, found.high])


def test_the_scale_of_the_scores_does_not_matter():
    scores, given, _ = simulated(3000, 4, 0.1)
    plain = estimate_error_rate(scores, given)
    scaled = estimate_error_rate(scores * 0.25 + 3, given)
    np.testing.assert_allclose(ends(scaled), ends(plain), atol=0.01)


def test_the_order_of_classes_and_of_samples_does_not_matter():
    scores, given, _ = simulated(1500, 6, 0.15, sharpness=1.5)
    plain = estimate_error_rate(scores, given)
    classes = np.array([3, 0, 5, 1, 4, 2])
    renamed = estimate_error_rate(scores[:, classes], np.argsort(classes)[given])
    np.testing.assert_allclose(ends(renamed), ends(plain), atol=2e-3)
    rows = np.random.default_rng(3).permutation(1500)
    moved = estimate_error_rate(scores[rows], given[rows])
    np.testing.assert_allclose(ends(moved), ends(plain), atol=2e-3)


def test_nothing_is_random():
    scores, given, _ = simulated(800, 4, 0.1)
    assert estimate_error_rate(scores, given) == estimate_error_rate(scores, given)


def test_a_clean_dataset_has_an_upper_end_above_zero():
    scores, given, _ = simulated(2000, 3, 0.0, sharpness=8.0)
    found = estimate_error_rate(scores, given)
    assert found.low == 0
    assert 0 < found.rate < 0.002
    assert found.rate < found.high < 0.02


@pytest.mark.parametrize(("n", "k"), [(10, 2), (30, 2), (60, 10)])
def test_a_handful_of_samples(n, k):
    rng = np.random.default_rng(0)
    true = np.arange(n) % k
    scores = rng.standard_normal((n, k)) - 0.8
    scores[np.arange(n), true] += 1.5
    found = estimate_error_rate(scores, true)
    assert 0 <= found.low <= found.rate <= found.high <= 1


def test_rows_without_label_or_score_are_left_out():
    scores, given, _ = simulated(2000, 3, 0.1)
    plain = estimate_error_rate(scores, given)
    padded = np.vstack([scores, np.full((5, 3), np.nan), np.zeros((5, 3))])
    codes = np.concatenate([given, np.zeros(5, dtype=int), np.full(5, -1)])
    assert estimate_error_rate(padded, codes) == plain


def test_rare_classes_are_left_out_and_said():
    scores, given, _ = simulated(2000, 3, 0.1)
    scores = np.column_stack([scores, np.full(2000, -1.0)])
    given = given.copy()
    given[:2] = 3
    found = estimate_error_rate(scores, given)
    assert "Without 2 samples of classes with fewer than 5" in found.how
    assert found.rate == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("scores", "codes"),
    [
        (None, None),
        (np.zeros((20, 1)), np.zeros(20, dtype=int)),
        (np.full((20, 2), np.nan), np.zeros(20, dtype=int)),
        (np.eye(2), np.array([0, 1])),
        (np.zeros((0, 2)), np.zeros(0, dtype=int)),
    ],
)
def test_where_no_estimate_is_possible_the_reason_is_given(scores, codes):
    found = estimate_error_rate(scores, codes)
    assert (found.rate, found.low, found.high) == (None, None, None)
    assert found.how.startswith("No estimate: it needs")


def test_calibration_recovers_the_probabilities_labels_are_drawn_from():
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((20_000, 3))
    truth = softmax(2.5 * scores + [0.0, 0.7, -0.7], axis=1)
    codes = (truth.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    probabilities, slope = calibrated(scores, codes)
    assert slope == pytest.approx(2.5, rel=0.05)
    np.testing.assert_allclose(probabilities, truth, atol=0.03)
    shares = np.bincount(codes) / len(codes)
    np.testing.assert_allclose(probabilities.mean(axis=0), shares, atol=1e-3)


def test_the_joint_counts_the_labels_of_the_surest():
    probabilities = np.column_stack([np.linspace(1, 0, 200), np.linspace(0, 1, 200)])
    codes = (np.arange(200) >= 100).astype(int)
    codes[[3, 197, 198]] = [1, 0, 0]
    joint = confident_joint(probabilities, codes)
    assert joint.predicted.tolist() == [100, 100]
    assert joint.counts.tolist() == [[29, 1], [2, 28]]
    assert (joint.thresholds > 0.8).all()


def test_the_floor_of_a_known_curve():
    rng = np.random.default_rng(0)
    confidence = rng.normal(0, 3, 20_000)
    wrong = rng.random(20_000) < 0.12 + 0.88 * norm.sf(confidence)
    order = np.argsort(-confidence)
    found = profile(binned(confidence, wrong, order, np.ones(20_000)), 0.5)
    assert found.mean == pytest.approx(0.12, abs=0.01)
    low, high = found.interval
    assert low < 0.12 < high < 0.14
    assert found.weights.sum() == pytest.approx(1)


def test_a_floor_that_differs_from_one_part_to_the_next():
    rng = np.random.default_rng(0)
    confidence = rng.normal(0, 3, 20_000)
    relative = np.where(confidence > 2, 0.5, 1.0)
    relative /= relative.mean()
    floor = 0.2 * relative
    wrong = rng.random(20_000) < floor + (1 - floor) * norm.sf(confidence)
    order = np.argsort(-confidence)
    assert profile(binned(confidence, wrong, order, relative), 0.5).mean == pytest.approx(
        0.2, abs=0.02
    )
    assert profile(binned(confidence, wrong, order, np.ones(20_000)), 0.5).mean < 0.15
