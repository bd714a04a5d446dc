"""Baselines that retrain on subsets of samples, beside retraining on each and all subsets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from vectors import vector_dataset

from dvaudit import games
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Cancelled
from dvaudit.valuators import retrained
from dvaudit.valuators.data_banzhaf import DataBanzhaf
from dvaudit.valuators.knn_shapley import KnnShapley
from dvaudit.valuators.loo_retraining import LooRetraining, leave_one_out_changes
from dvaudit.valuators.retrained import Retrained
from dvaudit.valuators.tmc_shapley import TmcShapley

ALL = (KnnShapley, TmcShapley, DataBanzhaf, LooRetraining)


def _classes(n: int, seed: int = 0, columns: int = 4) -> Dataset:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    vectors = 3 * np.eye(3, columns)[codes] + rng.standard_normal((n, columns))
    return vector_dataset(vectors, codes)


def _numbers(n: int, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 3))
    return vector_dataset(vectors, 50 + 9 * vectors[:, 0] + rng.standard_normal(n), Task.REGRESSION)


def _brute_force(utility: Callable[[np.ndarray], float], players: int) -> np.ndarray:
    """Return Shapley values by their definition; `utility` of the members, near to far."""
    return games.exact_shapley(
        lambda masks: np.array([utility(np.flatnonzero(mask)) for mask in masks]),
        players,
        baseline=utility(np.array([], dtype=int)),
    )


def _standard(data: Dataset, *others: Dataset) -> list[np.ndarray]:
    mean, spread = data.vectors.mean(0), data.vectors.std(0)
    return [(each.vectors - mean) / spread for each in (data, *others)]


def _utility(data: Dataset, trusted: Dataset, penalty: float, measure: str) -> Any:
    """Return nu of row numbers by scikit-learn's ridge, fitted anew for each set."""
    X, known = (
        np.column_stack([part / np.sqrt(part.shape[1]), np.ones(len(part))])
        for part in _standard(data, trusted)
    )
    if data.task is Task.REGRESSION:
        mean, spread = data.labels.mean(), data.labels.std()
        Y, truth = ((part.labels - mean) / spread for part in (data, trusted))
        Y, truth = Y[:, None], truth[:, None]
    else:
        Y, truth = (2 * np.eye(3)[part.labels] - 1 for part in (data, trusted))

    def utility(rows: np.ndarray) -> float:
        if measure == "accuracy" and not len(rows):
            return 1 / 3
        scores = np.zeros_like(truth)
        if len(rows):
            model = Ridge(alpha=penalty, fit_intercept=False).fit(X[rows], Y[rows])
            scores = model.predict(known).reshape(truth.shape)
        if measure == "accuracy":
            return float((scores.argmax(1) == trusted.labels).mean())
        return -float(((scores - truth) ** 2).mean())

    return utility


GAMES = [
    (_classes, "auto", "accuracy"),
    (_classes, "squared-error", "error"),
    (_numbers, "auto", "error"),
]


@pytest.mark.parametrize(("make", "measure", "kind"), GAMES)
def test_few_samples_have_exact_shapley_and_banzhaf_values(
    make: Any, measure: str, kind: str
) -> None:
    data, trusted = make(5), make(12, seed=1)
    utility = _utility(data, trusted, 0.3, kind)
    chosen = {"penalty": 0.3, "measure": measure}
    shapley = TmcShapley(chosen).value(data, trusted=trusted)
    np.testing.assert_allclose(shapley.values, _brute_force(utility, 5), atol=1e-9)
    banzhaf = DataBanzhaf(chosen).value(data, trusted=trusted)
    expected = games.exact_banzhaf(
        lambda masks: np.array([utility(np.flatnonzero(mask)) for mask in masks]),
        5,
        baseline=utility(np.array([], dtype=int)),
    )
    np.testing.assert_allclose(banzhaf.values, expected, atol=1e-9)
    assert not shapley.std_errors.any()
    assert not banzhaf.std_errors.any()


@pytest.mark.parametrize(("make", "measure", "kind"), GAMES)
def test_sampled_values_lie_within_their_standard_errors(
    make: Any, measure: str, kind: str
) -> None:
    data, trusted = make(9), make(12, seed=1)
    utility = _utility(data, trusted, 0.3, kind)
    table = np.array(
        [utility(np.flatnonzero(mask)) for mask in games.all_coalitions(9)], dtype=float
    )
    chosen = {"penalty": 0.3, "measure": measure}
    shapley = TmcShapley({**chosen, "tolerance": 0}).value(data, trusted=trusted)
    banzhaf = DataBanzhaf({**chosen, "coalitions": 400}).value(data, trusted=trusted)
    for result, exact in ((shapley, games.exact_shapley), (banzhaf, games.exact_banzhaf)):
        expected = exact(lambda masks: table[1:], 9, baseline=table[0])
        assert (result.std_errors > 0).all()
        assert (np.abs(result.values - expected) < 4 * result.std_errors).all()
        assert np.abs(result.values - expected).max() > 1e-9


def _learner(data: Dataset, trusted: Dataset, penalty: float, accuracy: bool) -> Retrained:
    X, known = _standard(data, trusted)
    Y, truth = (2 * np.eye(3)[part.labels] - 1 for part in (data, trusted))
    return Retrained(X, Y, known, truth, trusted.labels if accuracy else None, penalty)


@given(
    seed=st.integers(0, 1000),
    columns=st.sampled_from([2, 5, 40]),
    truncation=st.sampled_from([0.0, 0.05, 0.3]),
    accuracy=st.booleans(),
    block=st.sampled_from([1, 4, 64]),
)
@settings(max_examples=40, deadline=None)
def test_prefixes_equal_retraining_on_each(
    seed: int, columns: int, truncation: float, accuracy: bool, block: int
) -> None:
    data = _classes(22, seed, max(columns, 3))
    learner = _learner(data, _classes(9, seed + 1, max(columns, 3)), 0.5, accuracy)
    order = np.random.default_rng(seed).permutation(22)
    slow = games.prefixes_of(
        lambda mask: float(learner.of(mask[None])[0]),
        22,
        baseline=learner.empty,
        truncation=truncation,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrained, "BLOCK_ROWS", block)
        fast = learner.prefixes(order, learner.all(), truncation)
    np.testing.assert_allclose(fast, slow(order), atol=1e-8)


@pytest.mark.parametrize("columns", [4, 60])
def test_leave_one_out_equals_retraining_without_each(columns: int) -> None:
    learner = _learner(_classes(25, 0, columns), _classes(9, 1, columns), 0.2, False)
    expected = games.leave_one_out(learner.all(), learner.of(~np.eye(25, dtype=bool)))
    np.testing.assert_allclose(leave_one_out_changes(learner), expected.values, atol=1e-10)


@pytest.mark.parametrize(("make", "n"), [(_classes, 24), (_numbers, 24), (_numbers, 3)])
def test_leave_one_out_valuator_equals_scikit_learn(make: Any, n: int) -> None:
    data, trusted = make(n), make(12, seed=1)
    utility = _utility(data, trusted, 0.4, "error")
    everyone = np.arange(n)
    expected = [utility(everyone) - utility(np.delete(everyone, i)) for i in range(n)]
    found = LooRetraining({"penalty": 0.4}).value(data, trusted=trusted)
    np.testing.assert_allclose(found.values, expected, atol=1e-8)


def test_wide_vectors_are_rotated_without_changing_the_model() -> None:
    data, trusted = _classes(9, 0, 50), _classes(12, 1, 50)
    found = LooRetraining({"penalty": 0.4}).value(data, trusted=trusted)
    utility = _utility(data, trusted, 0.4, "error")
    expected = [utility(np.arange(9)) - utility(np.delete(np.arange(9), i)) for i in range(9)]
    np.testing.assert_allclose(found.values, expected, atol=1e-8)


def test_untruncated_shapley_values_share_out_the_accuracy() -> None:
    result = TmcShapley({"truncation": 0}).value(_classes(30), trusted=_classes(20, seed=1))
    gain = result.stats["utility_all"] - result.stats["utility_none"]
    assert result.values.sum() == pytest.approx(gain, abs=1e-9)
    assert gain > 0.4


def test_shapley_refuses_many_samples_and_names_what_to_use() -> None:
    with pytest.raises(UnsuitableDataError, match=r"40 samples .* most_samples of 30.*knn-shapley"):
        TmcShapley({"most_samples": 30}).value(_classes(40), trusted=_classes(9))


@pytest.mark.parametrize("method", [KnnShapley, TmcShapley])
def test_flipped_labels_are_worth_least(method: Any) -> None:
    data, trusted = _classes(150), _classes(60, seed=1)
    flipped = np.arange(150) % 10 == 0
    data.labels[flipped] = (data.labels[flipped] + 1) % 3
    result = method().value(data, trusted=trusted, seed=1)
    assert roc_auc_score(flipped, -result.values) > 0.9


@pytest.mark.parametrize("method", [KnnShapley, TmcShapley, DataBanzhaf])
def test_wrong_targets_are_worth_least(method: Any) -> None:
    data, trusted = _numbers(120), _numbers(100, seed=1)
    wrong = np.arange(120) % 20 == 0
    data.labels[wrong] += 40
    result = method().value(data, trusted=trusted)
    assert roc_auc_score(wrong, -result.values) > 0.9


def _traps() -> dict[str, tuple[Dataset, Dataset]]:
    plain, few, target = _classes(20), _classes(3), _numbers(12)
    constant = plain.vectors.copy()
    constant[:, 1] = 7
    one = np.zeros(20, dtype=np.int64)
    ones = vector_dataset(target.vectors, np.ones(12), Task.REGRESSION)
    return {
        "two samples": (vector_dataset(plain.vectors[:2], np.array([0, 1])), few),
        "one sample": (vector_dataset(plain.vectors[:1], np.array([0])), few),
        "one trusted": (plain, vector_dataset(plain.vectors[:1], np.array([0]))),
        "one class": (vector_dataset(plain.vectors, one), vector_dataset(few.vectors, one[:3])),
        "all rows equal": (vector_dataset(np.ones((20, 4)), plain.labels), few),
        "constant column": (vector_dataset(constant, plain.labels), few),
        "constant target": (ones, target),
        "copies": (vector_dataset(np.repeat(plain.vectors[:5], 4, 0), plain.labels), few),
    }


@pytest.mark.parametrize("trap", _traps().values(), ids=_traps())
@pytest.mark.parametrize("method", ALL)
def test_traps_give_finite_values_twice_the_same(
    method: Any, trap: tuple[Dataset, Dataset]
) -> None:
    first, second = (method().value(trap[0], trusted=trap[1], seed=2) for _ in range(2))
    assert np.isfinite(first.values).all()
    np.testing.assert_array_equal(first.values, second.values)


@pytest.mark.parametrize("method", ALL)
def test_a_cancelled_run_stops(method: Any) -> None:
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        method({}).value(_classes(20), trusted=_classes(9, seed=1), progress=stop)
