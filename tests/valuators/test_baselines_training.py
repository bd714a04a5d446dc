"""Baselines that follow a training: each against a twin that takes one sample at a time."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from slow_training import (
    ASKED,
    CLASSES,
    SAMPLES,
    SEED,
    ends,
    logits_one_by_one,
    problem,
    trained_slowly,
    value,
)
from torch import Tensor
from vectors import vector_dataset

from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import NumericalError
from dvaudit.gradients import reference
from dvaudit.valuators import fitting
from dvaudit.valuators.aum import Aum, logit_margins
from dvaudit.valuators.el2n import El2n, error_norms
from dvaudit.valuators.forgetting import Forgetting, Memory
from dvaudit.valuators.grand import Grand
from dvaudit.valuators.influence import Influence
from dvaudit.valuators.learner import build_learner
from dvaudit.valuators.tracin import Tracin
from dvaudit.valuators.trained import TrainedValuator
from dvaudit.valuators.trak import Trak, log_odds

SINGLE = {"rtol": 2e-4, "atol": 2e-6}  # float32 training in another order of sums


def test_el2n_is_the_mean_error_norm_of_its_runs() -> None:
    given = problem()
    found = []
    for run in range(2):
        learner, model = ends(given, "mlp", 0.9, run)
        rows = zip(logits_one_by_one(model, learner.source[0]), given.labels, strict=True)
        gaps = [logits.softmax(0) - torch.eye(CLASSES)[code] for logits, code in rows]
        found.append([float(gap.square().sum().sqrt()) for gap in gaps])
    scores = value(El2n, given, runs=2)
    np.testing.assert_allclose(scores.values, -np.mean(found, axis=0), **SINGLE)
    np.testing.assert_array_equal(scores.columns["el2n"], -scores.values)
    errors = np.abs(np.subtract(*found)) / 2  # standard error of the mean of two
    np.testing.assert_allclose(scores.std_errors, errors, rtol=1e-2, atol=1e-5)


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_grand_is_the_mean_gradient_norm_of_its_runs(task: Task) -> None:
    given = problem(task)
    found = []
    for run in range(2):
        learner, model = ends(given, "mlp", 0.9, run)
        rows = reference.gradients(model, learner.loss, learner.source)
        found.append(rows.norm(dim=1).numpy())
    scores = value(Grand, given, runs=2)
    np.testing.assert_allclose(scores.values, -np.mean(found, axis=0), rtol=2e-3, atol=1e-4)


def test_grand_without_training_is_of_the_initial_net() -> None:
    given = problem()
    learner = build_learner(given, "mlp", seed=fitting.run_seeds(SEED, 1)[0])
    norms = reference.squared_norms(learner.net, learner.loss, learner.source).sqrt()
    scores = value(Grand, given, runs=1, epochs=0)
    np.testing.assert_allclose(scores.columns["grand"], norms, rtol=1e-5)
    assert scores.std_errors is None


def test_forgetting_counts_falls_from_right_to_wrong() -> None:
    given = problem()
    right = []
    for learner, model in trained_slowly(given, "linear", 0.9):
        best = [int(row.argmax()) for row in logits_one_by_one(model, learner.source[0])]
        right.append([guess == code for guess, code in zip(best, given.labels, strict=True)])
    counts = [forgotten_slowly(list(history)) for history in zip(*right, strict=True)]
    scores = value(Forgetting, given, net="linear")
    assert scores.values.tolist() == [-count for count in counts]
    never = [not any(history) for history in zip(*right, strict=True)]
    assert scores.columns["never_learnt"].tolist() == never
    assert 0 < sum(never) < SAMPLES


def forgotten_slowly(history: list[bool]) -> int:
    if True not in history:
        return len(history)
    return sum(before and not after for before, after in itertools.pairwise(history))


@given(st.integers(1, 6).flatmap(lambda m: st.lists(
    st.lists(st.booleans(), min_size=m, max_size=m), min_size=1, max_size=9
)))  # fmt: skip
def test_memory_counts_any_history(epochs: list[list[bool]]) -> None:
    memory = Memory(len(epochs[0]))
    for right in epochs:
        memory.see(np.array(right))
    histories = [list(history) for history in zip(*epochs, strict=True)]
    assert memory.counts().tolist() == [forgotten_slowly(history) for history in histories]
    learnt = memory.counts()[memory.learnt]
    assert (learnt <= len(epochs) / 2).all()  # below the count of one never learnt


def test_aum_is_the_mean_margin_over_epochs() -> None:
    given = problem()
    margins = []
    for learner, model in trained_slowly(given, "mlp", 0.9):
        rows = logits_one_by_one(model, learner.source[0])
        margins.append([margin(row, code) for row, code in zip(rows, given.labels, strict=True)])
    scores = value(Aum, given)
    np.testing.assert_allclose(scores.values, np.mean(margins, axis=0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(scores.columns["last_margin"], margins[-1], rtol=1e-3, atol=1e-4)


def margin(logits: Tensor, code: int) -> float:
    return float(logits[code]) - max(
        float(logit) for other, logit in enumerate(logits) if other != code
    )


@pytest.mark.parametrize("task", [Task.CLASSIFICATION, Task.REGRESSION])
def test_tracin_adds_up_products_at_checkpoints(task: Task) -> None:
    given = problem(task)
    agreed, own = np.zeros(SAMPLES), np.zeros(SAMPLES)
    for learner, model in trained_slowly(given, "mlp", 0.0):
        assert learner.trusted is not None
        rows = reference.gradients(model, learner.loss, learner.source)
        target = reference.gradients(model, learner.loss, learner.trusted).mean(0)
        agreed += ASKED["rate"] * (rows @ target).numpy()
        own += ASKED["rate"] * rows.square().sum(1).numpy()
    scores = value(Tracin, given)
    np.testing.assert_allclose(scores.values, agreed, rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(scores.columns["self_influence"], own, rtol=2e-3, atol=1e-4)
    alone = value(Tracin, given, against="self")
    np.testing.assert_array_equal(alone.values, -scores.columns["self_influence"])


ROWS = st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=5)


@given(ROWS, st.integers(0, 100))
def test_quantities_of_one_row_follow_their_definitions(row: list[float], draw: int) -> None:
    code = draw % len(row)
    logits, codes = torch.tensor([row], dtype=torch.float64), torch.tensor([code])
    others = [logit for other, logit in enumerate(row) if other != code]
    assert float(logit_margins(logits, codes)) == row[code] - max(others)
    odds = row[code] - np.log(np.exp(others).sum())
    assert float(log_odds(logits, codes)) == pytest.approx(odds, abs=1e-9)
    norm = float(error_norms(logits, codes))
    assert 0 <= norm <= 2**0.5 + 1e-12
    share = 1 / (1 + np.exp(-odds))
    assert norm >= (1 - share) - 1e-12  # the given label's own part of the error


METHODS: list[tuple[type[TrainedValuator], dict[str, Any]]] = [
    (El2n, {}),
    (Grand, {}),
    (Forgetting, {}),
    (Aum, {}),
    (Tracin, {}),
    (Tracin, {"against": "self"}),
    (Influence, {}),
    (Trak, {}),
]
NAMES = [f"{method.name} {' '.join(more.values())}".strip() for method, more in METHODS]


def blobs(n: int, seed: int, share: float = 0.0) -> tuple[Dataset, np.ndarray]:
    """Return three separable classes, as many of each, and which labels were replaced."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    vectors = 5 * np.eye(3, 6)[codes] + rng.standard_normal((n, 6))
    flipped = rng.random(n) < share
    codes[flipped] = (codes[flipped] + rng.integers(1, 3, flipped.sum())) % 3
    return vector_dataset(vectors, codes), flipped


@pytest.mark.parametrize(("method", "more"), METHODS, ids=NAMES)
def test_planted_flips_are_least_useful(
    method: type[TrainedValuator], more: dict[str, Any]
) -> None:
    (data, flipped), (trusted, _) = blobs(150, 0, share=0.1), blobs(60, 1)
    given = trusted if "trusted" in method.needs else None
    values = method(more).value(data, trusted=given).values
    assert roc_auc_score(flipped, -values) > 0.8


@pytest.mark.parametrize(("method", "more"), [(Grand, {}), (Tracin, {"against": "self"})])
def test_shifted_targets_pull_hardest(method: type[TrainedValuator], more: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((100, 4))
    targets = 100 + 10 * vectors[:, 0] + 0.3 * rng.standard_normal(100)
    targets[:6] += [40, -40, 40, -40, 40, -40]
    values = method(more).value(vector_dataset(vectors, targets, Task.REGRESSION)).values
    assert sorted(np.argsort(values)[:6]) == list(range(6))


@pytest.mark.parametrize("method", [El2n, Grand, Forgetting, Aum, Tracin])
def test_values_so_far_are_told_epoch_by_epoch(method: type[TrainedValuator]) -> None:
    told: list[tuple[str, float, np.ndarray]] = []

    def watch(name: str, point: float, values: np.ndarray, known: dict[str, Any]) -> None:
        told.append((name, point, values))

    scores = value(method, replace(problem(), watch=watch))
    trace = scores.trace
    assert trace is not None
    assert {name for name, _, _ in told} == {method.name}
    assert [point for _, point, _ in told] == trace.points.tolist()
    so_far = np.cumsum(trace.values, axis=0)
    if not trace.additive:
        so_far /= np.arange(1, len(so_far) + 1)[:, None]
    said = np.stack([values for _, _, values in told])
    np.testing.assert_allclose(said, so_far, rtol=1e-5, atol=1e-6)
    assert trace.points.tolist()[-ASKED["epochs"] :] == [1, 2, 3, 4]
    summed = {Tracin: trace.values.sum(0), Aum: trace.values.mean(0)}
    shown = summed.get(method, trace.values[-1])
    np.testing.assert_allclose(shown, scores.values, rtol=1e-5, atol=1e-6)
    assert np.isfinite(trace.losses[trace.points > 0]).all()


def _hard_cases() -> list[tuple[str, Dataset]]:
    data, _ = blobs(24, 2, share=0.2)
    assert data.vectors is not None
    assert data.labels is not None
    constant, copies = data.vectors.copy(), data.vectors.copy()
    constant[:, 2:] = 7
    copies[1:9] = copies[0]
    single = np.where(np.arange(24) == 5, 1, 0)
    return [
        ("constant columns", vector_dataset(constant, data.labels)),
        ("duplicates", vector_dataset(copies, data.labels)),
        ("one class", vector_dataset(data.vectors, np.zeros(24, dtype=np.int64))),
        ("class of one", vector_dataset(data.vectors, single)),
        ("two samples", vector_dataset(data.vectors[:2], np.array([0, 1]))),
        ("all the same", vector_dataset(np.ones((6, 2)), np.arange(6) % 2)),
        ("constant target", vector_dataset(data.vectors, np.ones(24), Task.REGRESSION)),
        ("two targets", vector_dataset(data.vectors[:2], np.arange(2.0), Task.REGRESSION)),
    ]


CASES = [
    pytest.param(method, more, data, id=f"{name} {case}")
    for (method, more), name in zip(METHODS, NAMES, strict=True)
    for case, data in _hard_cases()
    if data.task in method.tasks
]


@pytest.mark.parametrize(("method", "more", "data"), CASES)
def test_hard_cases_have_finite_values(
    method: type[TrainedValuator], more: dict[str, Any], data: Dataset
) -> None:
    few = {"epochs": 2} | ({"runs": 2} if hasattr(method.Settings, "runs") else {})
    one, two = (method({**more, **few}).value(data, seed=4).values for _ in range(2))
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, two)


def test_steps_that_are_too_long_are_refused() -> None:
    with pytest.raises(NumericalError, match="lower `rate`"):
        value(Grand, problem(Task.REGRESSION), rate=100.0, epochs=50)


def test_seeds_of_runs_do_not_depend_on_their_number() -> None:
    assert fitting.run_seeds(3, 5)[:2] == fitting.run_seeds(3, 2)
    assert len({*fitting.run_seeds(0, 50), *fitting.run_seeds(1, 50)}) == 100
