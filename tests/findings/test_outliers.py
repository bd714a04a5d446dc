"""Outliers by mean angle to the nearest samples."""

from __future__ import annotations

import numpy as np
from planted import clusters

from dvaudit.findings import find_outliers, nearest


def test_a_stranger_is_flagged_and_has_the_highest_score():
    vectors, _ = clusters({"a": 40, "b": 40}, noise=0.05)
    stranger = np.eye(16)[3] - vectors[:40].mean(axis=0) - vectors[40:].mean(axis=0)
    found = find_outliers(nearest(np.vstack([vectors, stranger])))
    assert found.score.argmax() == 80
    assert found.flagged[80]
    assert found.flagged[:80].sum() <= 4


def test_identical_samples_make_no_outliers():
    found = find_outliers(nearest(np.ones((30, 4))))
    assert not found.flagged.any()
    np.testing.assert_allclose(found.score, 0, atol=1e-6)


def test_a_few_samples_are_scored_and_none_is_flagged():
    found = find_outliers(nearest(np.vstack([np.ones((6, 3)), [[-5.0, 1.0, 1.0]]])))
    assert found.score.argmax() == 6
    assert not found.flagged.any()
    assert np.isinf(found.bound)


def test_a_single_sample_has_no_score():
    assert np.isnan(find_outliers(nearest(np.ones((1, 3)))).score).all()
