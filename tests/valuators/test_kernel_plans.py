"""Plans of kernel systems: which is chosen, and what bagged and iterative ones estimate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from vectors import vector_dataset

from dvaudit import valuators
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import ResourceError
from dvaudit.core.machine import GIB, Machine
from dvaudit.core.sampling import stratified_blocks
from dvaudit.kernels import KernelSystem
from dvaudit.valuators import kernel_solving
from dvaudit.valuators.kernel_plan import KernelSettings, Method, choose_plan
from dvaudit.valuators.kernel_problem import one_vs_rest

KERNEL_METHODS = ("kernel-loo", "cg-score")
LAPTOP = Machine(cores=4, memory=16 * GIB, flops=1e11)


def _flipped(n: int = 600, seed: int = 0) -> tuple[Dataset, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    vectors = 2.5 * np.eye(3, 10)[codes] + rng.standard_normal((n, 10))
    flipped = rng.random(n) < 0.1
    codes[flipped] = (codes[flipped] + 1) % 3
    return vector_dataset(vectors, codes), flipped


def _plan(n: int, machine: Machine = LAPTOP, **settings: object) -> Method:
    return choose_plan(n, 256, 10, machine, KernelSettings(**settings)).method


def test_the_most_faithful_plan_that_fits_is_chosen() -> None:
    assert _plan(10_000) is Method.EXACT
    assert choose_plan(10_000, 256, 10, LAPTOP, KernelSettings()).precision == "float64"
    assert choose_plan(55_000, 256, 10, LAPTOP, KernelSettings()).precision == "float32"
    assert _plan(80_000) is Method.ITERATIVE
    assert _plan(1_000_000) is Method.BAGGED


def test_bagging_is_linear_in_the_samples() -> None:
    asked = KernelSettings(plan="bagged", block=2000)
    small, large = (choose_plan(n, 64, 10, LAPTOP, asked) for n in (100_000, 1_000_000))
    assert large.seconds == pytest.approx(10 * small.seconds, rel=0.05)
    assert large.bytes < 24 * GIB
    assert large.bytes < 10 * small.bytes


def test_a_named_plan_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = _flipped(200)
    monkeypatch.setattr(kernel_solving, "machine_of", lambda _: Machine(1, 1000, 1e9))
    with pytest.raises(ResourceError, match=r"200 samples need .* bagged"):
        valuators.get("kernel-loo", {"plan": "exact"}).value(data)


def test_estimates_name_the_plan() -> None:
    for name in KERNEL_METHODS:
        cost = valuators.get(name).estimate(1_000_000, 64, 10, LAPTOP)
        assert "bagged" in cost.plan
        assert cost.bytes < LAPTOP.memory
        assert "exact, float64" in valuators.get(name).estimate(2000, 64, 10, LAPTOP).plan


@pytest.mark.parametrize("name", KERNEL_METHODS)
@pytest.mark.parametrize("plan", ["iterative", "bagged"])
def test_other_plans_rank_as_the_exact_one(name: str, plan: str) -> None:
    data, flipped = _flipped()
    ridge = {"ridge": 0.1}
    exact = valuators.get(name, ridge).value(data)
    other = valuators.get(name, {**ridge, "plan": plan, "block": 300}).value(data)
    least = 0.98 if plan == "iterative" else 0.9
    assert spearmanr(exact.values, other.values).statistic > least
    assert roc_auc_score(flipped, -other.values) > roc_auc_score(flipped, -exact.values) - 0.02
    assert plan in other.status.lower()
    assert plan in other.stats["plan"]


@pytest.mark.parametrize("name", KERNEL_METHODS)
def test_a_block_larger_than_half_the_data_is_said(name: str) -> None:
    data, _ = _flipped(120)
    asked = {"plan": "bagged", "block": 9000, "partitions": 2, "ridge": 0.1}
    said = "block: 9,000 asked for, 60 used, half of the samples"
    result = valuators.get(name, asked).value(data)
    assert said in result.status
    assert said in result.stats["plan"]
    clamp = {"setting": "block", "asked": 9000, "used": 60, "why": "half of the samples"}
    assert result.stats["clamped"] == [clamp]
    assert said in valuators.get(name, asked).estimate(120, 10, 3, LAPTOP).plan
    fits = valuators.get(name, {**asked, "block": 60}).value(data)
    assert fits.stats["clamped"] == []
    assert "asked for" not in fits.status


@pytest.mark.parametrize("name", KERNEL_METHODS)
def test_bagged_values_are_means_over_the_partitions(name: str) -> None:
    data, _ = _flipped(120)
    assert data.vectors is not None
    assert data.labels is not None
    settings = {"plan": "bagged", "block": 60, "partitions": 3, "ridge": 0.1}
    result = valuators.get(name, settings).value(data, seed=5)
    codes, rounds = data.labels.astype(np.int64), []
    for number in range(3):
        values = np.empty(120)
        for rows in stratified_blocks(codes, 60, [5, number, 60]):
            targets, own = one_vs_rest(codes[rows], 3), codes[rows]
            inverse = KernelSystem(data.vectors[rows], "float64", "cpu").inverse(0.1)
            solution, diagonal = inverse.solve(targets)
            at = np.arange(len(rows))
            if name == "cg-score":
                values[rows] = -(solution[at, own] ** 2) / diagonal
            else:
                predictions = targets - solution / diagonal[:, None]
                given = predictions[at, own].copy()
                predictions[at, own] = -np.inf
                values[rows] = given - predictions.max(1)
        rounds.append(values)
    np.testing.assert_allclose(result.values, np.mean(rounds, axis=0))
    assert result.std_errors is not None
    np.testing.assert_allclose(result.std_errors, np.std(rounds, axis=0, ddof=1) / np.sqrt(3))


@pytest.mark.parametrize("name", KERNEL_METHODS)
def test_bagged_intervals_cover_the_mean_of_many_partitions(name: str) -> None:
    data, _ = _flipped(200)
    asked = {"plan": "bagged", "block": 50, "ridge": 0.1}
    many = valuators.get(name, {**asked, "partitions": 200}).value(data, seed=99)
    few = valuators.get(name, {**asked, "partitions": 6}).value(data, seed=0)
    low, high = few.columns["value_low"], few.columns["value_high"]
    assert ((low <= many.values) & (many.values <= high)).mean() >= 0.9


def test_bagged_regression_finds_wrong_targets() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((300, 4))
    targets = vectors[:, 0] + 0.1 * rng.standard_normal(300)
    targets[:5] += 8
    data = vector_dataset(vectors, targets, Task.REGRESSION)
    for name in KERNEL_METHODS:
        result = valuators.get(name, {"plan": "bagged", "block": 100, "ridge": 0.1}).value(data)
        assert set(np.argsort(result.values)[:5]) == set(range(5))
        assert result.flagged is not None
        assert result.flagged[:5].all()


def test_a_rare_class_is_not_scattered() -> None:
    codes = np.array([0] * 500 + [1] * 9 + [2])
    for seed in range(5):
        blocks = stratified_blocks(codes, 50, [seed])
        assert sorted(np.concatenate(blocks)) == list(range(510))
        rare = [int((codes[rows] == 1).sum()) for rows in blocks]
        assert all(count == 0 or count >= 4 for count in rare)
        assert max(map(len, blocks)) < 75
