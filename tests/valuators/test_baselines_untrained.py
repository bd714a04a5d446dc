"""Baselines without retraining: KNN-Shapley, the random control, confident learning."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from vectors import vector_dataset

from dvaudit import games
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import MissingDependencyError
from dvaudit.core.progress import Cancelled
from dvaudit.valuators import knn_shapley
from dvaudit.valuators.confident_learning import ConfidentLearning, _folds
from dvaudit.valuators.knn_shapley import KnnShapley, class_shapley, regression_shapley
from dvaudit.valuators.random_values import RandomValues


def _flipped(n: int = 150, seed: int = 0) -> tuple[Dataset, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    vectors = 4 * np.eye(3, 5)[codes] + rng.standard_normal((n, 5))
    flipped = np.arange(n) % 10 == 0
    codes[flipped] = (codes[flipped] + 1) % 3
    return vector_dataset(vectors, codes), flipped


def _brute_force(utility: Callable[[np.ndarray], float], players: int) -> np.ndarray:
    """Return Shapley values by their definition; `utility` of the members, near to far."""
    return games.exact_shapley(
        lambda masks: np.array([utility(np.flatnonzero(mask)) for mask in masks]),
        players,
        baseline=utility(np.array([], dtype=int)),
    )


@given(
    matches=st.lists(st.integers(0, 1), min_size=1, max_size=8),
    neighbours=st.integers(1, 10),
)
@settings(max_examples=60, deadline=None)
def test_knn_classification_is_the_shapley_value(matches: list[int], neighbours: int) -> None:
    near = np.array(matches, dtype=float)
    expected = _brute_force(lambda rows: near[rows[:neighbours]].sum() / neighbours, len(near))
    np.testing.assert_allclose(class_shapley(near[None], neighbours)[0], expected, atol=1e-12)


@given(
    targets=st.lists(st.floats(-3, 3), min_size=1, max_size=8),
    truth=st.floats(-3, 3),
    neighbours=st.integers(1, 10),
)
@settings(max_examples=60, deadline=None)
def test_knn_regression_is_the_shapley_value(
    targets: list[float], truth: float, neighbours: int
) -> None:
    near = np.array(targets)

    def utility(rows: np.ndarray) -> float:
        return -((near[rows[:neighbours]].sum() / neighbours - truth) ** 2)

    found = regression_shapley(near[None], np.array([truth]), neighbours)[0]
    np.testing.assert_allclose(found, _brute_force(utility, len(near)), atol=1e-11)


@pytest.mark.parametrize("neighbours", [1, 4, 90])
def test_knn_regression_shares_out_the_whole_utility(neighbours: int) -> None:
    rng = np.random.default_rng(0)
    targets, truth = rng.standard_normal((5, 70)), rng.standard_normal(5)
    full = -((targets[:, :neighbours].sum(1) / neighbours - truth) ** 2)
    total = regression_shapley(targets, truth, neighbours).sum(1)
    np.testing.assert_allclose(total, full + truth**2, rtol=1e-10)


def _by_displacement(matches: np.ndarray, neighbours: int) -> np.ndarray:
    """Return KNN-Shapley values of one query in O(n^2), without a recursion.

    The i-th nearest joins the K nearest of a random set with probability min(K, i) / i, and
    displaces the l-th nearest, l > i, with probability K / (l (l - 1)) where l > K.
    """
    n = len(matches)
    values = np.empty(n)
    for i in range(1, n + 1):
        gain = matches[i - 1] * min(neighbours, i) / i
        for farther in range(max(i, neighbours) + 1, n + 1):
            gain -= matches[farther - 1] * neighbours / (farther * (farther - 1))
        values[i - 1] = gain / neighbours
    return values


@pytest.mark.parametrize("elements", [1, 200, 1 << 20])
def test_knn_valuator_equals_the_loop_in_any_blocks(
    elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knn_shapley, "BLOCK_ELEMENTS", elements)
    data, trusted = _flipped(60)[0], _flipped(17, seed=1)[0]
    mean, spread = data.vectors.mean(0), data.vectors.std(0)
    X, queries = ((part.vectors - mean) / spread for part in (data, trusted))
    expected = np.zeros(60)
    for query, label in zip(queries, trusted.labels, strict=True):
        order = np.argsort(np.linalg.norm(X - query, axis=1))
        expected[order] += _by_displacement((data.labels[order] == label) * 1.0, 5) / 17
    found = KnnShapley({"neighbours": 5}).value(data, trusted=trusted)
    np.testing.assert_allclose(found.values, expected, atol=1e-12)


def test_knn_never_holds_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def watched(matches: np.ndarray, neighbours: int) -> np.ndarray:
        shapes.append(matches.shape)
        return class_shapley(matches, neighbours)

    monkeypatch.setattr(knn_shapley, "BLOCK_ELEMENTS", 600)
    monkeypatch.setattr(knn_shapley, "class_shapley", watched)
    KnnShapley().value(_flipped(200)[0], trusted=_flipped(50, seed=1)[0])
    assert sum(rows for rows, _ in shapes) == 50
    assert max(rows * columns for rows, columns in shapes) <= 600


def test_random_values_are_uniform_and_follow_the_seed() -> None:
    data = vector_dataset(np.ones((4000, 1)), np.zeros(4000, dtype=np.int64))
    first, again, other = (RandomValues().value(data, seed=seed).values for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.05
    counts = np.histogram(first, bins=10, range=(0, 1))[0]
    assert counts.sum() == 4000
    assert abs(counts - 400).max() < 80


def test_random_values_know_nothing_of_errors_planted_with_the_seed() -> None:
    data = vector_dataset(np.ones((4000, 1)), np.zeros(4000), Task.REGRESSION)
    planted = np.random.default_rng(3).random(4000)
    found = RandomValues().value(data, seed=3).values
    assert abs(np.corrcoef(found, planted)[0, 1]) < 0.05


def test_without_cleanlab_the_refusal_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    for loaded in [name for name in sys.modules if name.startswith("cleanlab.")]:
        monkeypatch.delitem(sys.modules, loaded)
    with pytest.raises(MissingDependencyError, match=r"pip install 'dvaudit\[cleanlab\]'"):
        ConfidentLearning().value(_flipped()[0])
    assert ConfidentLearning.requires == "cleanlab"


def _folds_and_probabilities(data: Dataset, folds: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the fold of each sample, and probabilities fitted anew on the other folds."""
    fold_of = _folds(data.labels, folds, 0)
    X = (data.vectors - data.vectors.mean(0)) / data.vectors.std(0)
    expected = np.zeros((len(data), int(data.labels.max()) + 1))
    for row in range(len(data)):
        others = fold_of != fold_of[row]
        model = LogisticRegression(max_iter=200).fit(X[others], data.labels[others])
        expected[row, model.classes_] = model.predict_proba(X[row : row + 1])[0]
    return fold_of, expected


def test_folds_spread_every_class_evenly() -> None:
    codes = np.repeat([0, 1, 2], [31, 12, 1])
    fold_of = _folds(codes, 5, 0)
    for chosen in (codes == 0, codes == 1, codes >= 0):
        counts = np.bincount(fold_of[chosen], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_quality_is_the_out_of_sample_probability_of_the_given_label() -> None:
    pytest.importorskip("cleanlab")
    data, _ = _flipped(45)
    _, expected = _folds_and_probabilities(data, 5)
    result = ConfidentLearning().value(data)
    np.testing.assert_allclose(result.values, expected[np.arange(45), data.labels], atol=1e-6)
    np.testing.assert_allclose(result.class_scores, np.log(expected), atol=1e-4)


def test_cleanlab_flags_the_flips_and_suggests_the_right_labels() -> None:
    pytest.importorskip("cleanlab")
    data, flipped = _flipped()
    result = ConfidentLearning().value(data)
    assert roc_auc_score(flipped, -result.values) > 0.95
    assert result.flagged[flipped].mean() > 0.8
    assert result.flagged[~flipped].mean() < 0.05
    right = [f"class {(code - 1) % 3}" for code in data.labels[flipped & result.flagged]]
    assert result.suggested_labels[flipped & result.flagged].tolist() == right
    assert (result.margins[flipped & result.flagged] > 0).all()


@pytest.mark.parametrize("flag_by", ["prune_by_noise_rate", "both", "confident_learning"])
@pytest.mark.parametrize("quality", ["self_confidence", "normalized_margin"])
@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0], [0, 1], [0, 1, 2, 3], [0, 0, 0, 1]], ids=str)
def test_few_labels_give_finite_values(labels: list[int], quality: str, flag_by: str) -> None:
    pytest.importorskip("cleanlab")
    vectors = np.random.default_rng(0).standard_normal((len(labels), 3))
    data = vector_dataset(vectors, np.array(labels))
    chosen = {"quality": quality, "flag_by": flag_by}
    first, second = (ConfidentLearning(chosen).value(data) for _ in range(2))
    assert np.isfinite(first.values).all()
    np.testing.assert_array_equal(first.values, second.values)
    if len(set(labels)) == 1:
        assert not first.flagged.any()


def test_a_cancelled_run_stops() -> None:
    pytest.importorskip("cleanlab")

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        ConfidentLearning().value(_flipped()[0], progress=stop)
