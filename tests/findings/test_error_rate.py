"""The estimated error rate on simulated data whose rate is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from dvaudit.findings import estimate_error_rate
from dvaudit.findings.error_rate import calibrated, confident_joint


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
    assert estimate_error_rate(scores, given).rate < 0.06


def test_uneven_classes():
    scores, given, truth = simulated(5000, 3, 0.15, shares=[0.8, 0.15, 0.05])
    assert estimate_error_rate(scores, given).rate == pytest.approx(truth, abs=0.05)


def test_the_scale_of_the_scores_does_not_matter():
    scores, given, _ = simulated(3000, 4, 0.1)
    plain = estimate_error_rate(scores, given)
    scaled = estimate_error_rate(scores * 0.25 + 3, given)
    assert scaled.rate == pytest.approx(plain.rate, abs=0.01)


def test_the_seed_decides_the_interval():
    scores, given, _ = simulated(800, 4, 0.1)
    assert estimate_error_rate(scores, given, seed=4) == estimate_error_rate(scores, given, seed=4)


def test_a_clean_dataset_has_an_upper_end_above_zero():
    scores, given, _ = simulated(2000, 3, 0.0, sharpness=8.0)
    found = estimate_error_rate(scores, given)
    assert found.rate == 0
    assert 0 < found.high < 0.02


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
