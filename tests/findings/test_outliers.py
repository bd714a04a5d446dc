"""Outliers by mean distance to the nearest samples."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from planted import clusters

from dvaudit import readers
from dvaudit.features import extract
from dvaudit.findings import find_outliers, outliers


def _described(rows: np.ndarray) -> np.ndarray:
    """The feature vectors of a table without labels."""
    table = pd.DataFrame(rows, columns=[f"f{j}" for j in range(rows.shape[1])])
    return extract(readers.load(table, task="unsupervised")).matrix


def test_a_stranger_is_flagged_and_has_the_highest_score():
    vectors, _ = clusters({"a": 40, "b": 40}, noise=0.05)
    stranger = np.eye(16)[3] - vectors[:40].mean(axis=0) - vectors[40:].mean(axis=0)
    found = find_outliers(np.vstack([vectors, stranger]))
    assert found.score.argmax() == 80
    assert found.flagged[80]
    assert found.flagged[:80].sum() <= 4


@pytest.mark.parametrize("columns", [1, 2, 3, 10])
@pytest.mark.parametrize(("far", "many"), [(30.0, 1), (30.0, 4), (9.0, 1), (9.0, 4)])
def test_rows_far_from_a_table_are_its_outliers(columns: int, far: float, many: int):
    rows = np.random.default_rng(columns).normal(size=(300, columns))
    rows[:many] = far
    found = find_outliers(_described(rows))
    assert np.flatnonzero(found.flagged).tolist() == list(range(many))
    assert found.score[:many].min() > found.score[many:].max()


@pytest.mark.parametrize("columns", [1, 2, 3, 10, 40])
def test_a_normal_distribution_has_next_to_no_outliers(columns: int):
    rng = np.random.default_rng(7)
    flagged = [find_outliers(rng.normal(size=(1000, columns))).flagged.mean() for _ in range(4)]
    assert np.mean(flagged) < 0.002


def test_scores_are_those_of_all_pairs(monkeypatch: pytest.MonkeyPatch):
    rows = np.random.default_rng(0).normal(size=(60, 5)) + 1000
    apart = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    wanted = np.sort(apart, axis=1)[:, :10].mean(axis=1)
    np.testing.assert_allclose(find_outliers(rows).score, wanted, rtol=1e-4)
    monkeypatch.setattr(outliers, "BLOCK_NUMBERS", 150)
    np.testing.assert_allclose(find_outliers(rows).score, wanted, rtol=1e-4)


def test_a_far_row_is_found_among_more_rows_than_distances_are_taken_to():
    rows = np.random.default_rng(0).normal(size=(3000, 3))
    rows[17:21] = 30
    found = find_outliers(_described(rows), references=400)
    assert found.flagged[17:21].all()
    assert found.flagged.sum() < 4 + 0.005 * 3000


def test_identical_samples_make_no_outliers():
    found = find_outliers(np.full((30, 4), 0.1))
    assert not found.flagged.any()
    np.testing.assert_allclose(found.score, 0, atol=1e-6)


def test_one_row_unlike_copies_is_an_outlier_and_rare_rows_of_a_table_of_copies_are_not():
    copies = np.zeros((100, 3))
    copies[5] = 2
    assert np.flatnonzero(find_outliers(copies).flagged).tolist() == [5]
    rng = np.random.default_rng(0)
    categories = np.eye(4)[rng.integers(0, 4, size=(400, 2))].reshape(400, -1)
    categories[:6, 0] += 0.1
    assert not find_outliers(categories).flagged.any()


def test_a_few_samples_are_scored_and_none_is_flagged():
    found = find_outliers(np.vstack([np.ones((6, 3)), [[-5.0, 1.0, 1.0]]]))
    assert found.score.argmax() == 6
    assert not found.flagged.any()
    assert np.isinf(found.bound)


def test_a_single_sample_has_no_score():
    assert np.isnan(find_outliers(np.ones((1, 3))).score).all()
