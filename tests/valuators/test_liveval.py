"""The liveval valuator: its values by definition, while it trains and afterwards."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from vectors import vector_dataset

from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import NumericalError, SettingsError
from dvaudit.core.machine import GIB, Machine
from dvaudit.core.progress import Cancelled
from dvaudit.core.result import ValuationResult
from dvaudit.core.trace import unwatched
from dvaudit.gradients import (
    LiveStep,
    Window,
    draw_updates,
    live_values,
    static_values,
    totals,
    train,
)
from dvaudit.valuators import liveval_runs
from dvaudit.valuators.fitting import run_seeds
from dvaudit.valuators.learner import Learner, build_learner
from dvaudit.valuators.liveval import LiveVal
from dvaudit.valuators.liveval_tables import early_table, window_table
from dvaudit.valuators.shared import Shared
from dvaudit.valuators.trained import TrainingProblem

FAST = {"net": "linear", "epochs": 3, "batch": 8}
STEPS = 5  # of an epoch of 37 samples
MACHINE = Machine(cores=2, memory=24 * GIB, flops=5e10)


def _classes(n: int = 37, seed: int = 0, classes: int = 3) -> Dataset:
    draws = np.random.default_rng(seed)
    codes = np.arange(n) % classes
    return vector_dataset(2 * np.eye(classes, 5)[codes] + draws.standard_normal((n, 5)), codes)


def _curve(n: int = 37, scale: float = 10) -> Dataset:
    draws = np.random.default_rng(0)
    vectors = draws.standard_normal((n, 4))
    return vector_dataset(vectors, scale * vectors[:, 0] + 50, Task.REGRESSION)


def _value(settings: dict[str, Any], data: Dataset | None = None, **more: Any) -> ValuationResult:
    return LiveVal({**FAST, **settings}).value(data or _classes(), **more)


def _learner(data: Dataset, run: int = 0) -> tuple[Learner, int]:
    """Return the net that a run of the valuator starts from, and the run's seed."""
    assert data.vectors is not None
    assert data.labels is not None
    problem = TrainingProblem(
        task=data.task,
        inputs=data.vectors.astype(np.float32),
        labels=data.labels,
        class_names=data.class_names,
        ids=data.ids,
        trusted_inputs=None,
        trusted_labels=None,
        seed=0,
        device="cpu",
        progress=lambda *_: None,
        watch=unwatched,
    )
    seed = run_seeds(0, run + 1)[run]
    return build_learner(problem, "linear", seed=seed), seed


def _by_hand(data: Dataset, run: int = 0, window: Window | None = None) -> list[LiveStep]:
    learner, seed = _learner(data, run)
    updates = draw_updates(len(data), batch=8, epochs=3, rate=0.05, seed=seed)
    steps = live_values(learner.net, learner.loss, learner.source, updates, window=window)
    return sorted(steps, key=lambda step: step.step)


def _by_epoch(steps: list[LiveStep], n: int) -> np.ndarray:
    per = len(steps) // 3
    return np.stack([totals(steps[at : at + per], n)[0].numpy() for at in range(0, 3 * per, per)])


@pytest.mark.parametrize("data", [_classes(), _curve()], ids=["classes", "curve"])
def test_values_are_the_live_values_of_the_run(data: Dataset) -> None:
    result, steps = _value({}, data), _by_hand(data)
    by_epoch = _by_epoch(steps, len(data))
    np.testing.assert_allclose(result.values, by_epoch.sum(0), atol=1e-6)
    np.testing.assert_array_equal(result.columns["live_sum"], result.values)
    np.testing.assert_allclose(result.columns["live_mean"], result.values / 3)
    np.testing.assert_array_equal(result.columns["times_valued"], 3)
    trace = result.trace
    assert trace is not None
    assert trace.additive
    np.testing.assert_array_equal(trace.points, [1, 2, 3])
    np.testing.assert_allclose(trace.values, by_epoch, atol=1e-6)
    np.testing.assert_allclose(trace.values.sum(0), result.values, atol=1e-6)
    losses = [sum(s.loss * len(s.rows) for s in steps[at : at + STEPS]) for at in (0, 5, 10)]
    np.testing.assert_allclose(trace.losses, np.array(losses) / len(data), rtol=1e-5)
    windows = result.tables["windows"]
    assert windows["step"].tolist() == list(range(1, 16))
    assert windows["delta"].tolist() == [step.reference - step.step + 1 for step in steps]
    np.testing.assert_allclose(windows["rate"], [step.rate for step in steps], atol=1e-6)


def test_the_window_is_as_asked() -> None:
    asked = {"start": 4, "least": 2, "most": 6, "step": 2, "slow": 0.01, "rapid": 0.02}
    result = _value({f"window_{name}": value for name, value in asked.items()})
    steps = _by_hand(_classes(), window=Window(**asked))  # type: ignore[arg-type]
    np.testing.assert_allclose(result.values, _by_epoch(steps, 37).sum(0), atol=1e-6)
    assert result.tables["windows"]["delta"].max() > 4
    with pytest.raises(SettingsError, match="between 3 and 2"):
        _value({"window_least": 3, "window_start": 3, "window_most": 2})


def test_the_end_as_reference_gives_the_static_values() -> None:
    data = _classes()
    result = _value({"reference": "end"})
    learner, seed = _learner(data)
    updates = draw_updates(len(data), batch=8, epochs=3, rate=0.05, seed=seed)
    run = train(learner.net, learner.loss, learner.source, updates)
    steps = list(static_values(learner.net, learner.loss, learner.source, run))
    np.testing.assert_allclose(result.values, _by_epoch(steps, 37).sum(0), atol=1e-5)
    assert result.tables["windows"]["delta"].tolist() == list(range(15, 0, -1))
    assert "against the trained net" in result.status
    assert not np.allclose(result.values, _value({}).values, atol=1e-3)


def test_the_mean_is_the_sum_over_the_times() -> None:
    total, mean = _value({}), _value({"total": "mean"})
    np.testing.assert_allclose(mean.values, total.values / 3)
    np.testing.assert_array_equal(mean.columns["live_sum"], total.columns["live_sum"])
    assert mean.trace is not None
    np.testing.assert_allclose(mean.trace.values.sum(0), mean.values, atol=1e-6)


def test_runs_are_averaged() -> None:
    data = _classes()
    each = np.stack([_by_epoch(_by_hand(data, run), 37).sum(0) for run in range(2)])
    both = _value({"runs": 2})
    np.testing.assert_allclose(both.values, each.mean(0), atol=1e-6)
    assert both.std_errors is not None
    np.testing.assert_allclose(both.std_errors, abs(each[0] - each[1]) / 2, atol=1e-6)
    assert both.trace is not None
    np.testing.assert_allclose(both.trace.values.sum(0), both.values, atol=1e-6)
    assert _value({}).std_errors is None


@pytest.mark.parametrize("reference", ["live", "end"])
def test_momentum_and_schedule_are_those_of_the_training(reference: str) -> None:
    plain = _value({"reference": reference})
    for change in ({"momentum": 0.9}, {"schedule": "cosine"}):
        assert not np.allclose(_value({"reference": reference, **change}).values, plain.values)
    learner, seed = _learner(_classes())
    updates = draw_updates(
        37,
        batch=8,
        epochs=3,
        rate=lambda step: 0.05 * (1 + np.cos(np.pi * step / 15)) / 2,
        seed=seed,
    )
    steps = live_values(
        learner.net,
        learner.loss,
        learner.source,
        updates,
        optimiser=lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.5),
    )
    result = _value({"momentum": 0.5, "schedule": "cosine"})
    np.testing.assert_allclose(result.values, totals(steps, 37)[0], atol=1e-6)
    assert "falling to 0 along a cosine, momentum 0.5" in result.status


Told = list[tuple[float, np.ndarray, dict[str, Any]]]


def _watched(settings: dict[str, Any]) -> tuple[ValuationResult, Told]:
    told: Told = []

    def watch(name: str, point: float, values: np.ndarray, known: dict[str, Any]) -> None:
        assert name == "liveval"
        told.append((point, values, known))

    return _value(settings, shared=Shared(watch=watch)), told


def test_every_epoch_tells_the_sums_so_far() -> None:
    result, told = _watched({"runs": 2})
    assert [(known["run"], point) for point, _, known in told] == [
        (run, epoch) for run in range(2) for epoch in (1, 2, 3)
    ]
    by_epoch = _by_epoch(_by_hand(_classes()), 37)
    for (_, values, _), sums in zip(told[:3], np.cumsum(by_epoch, axis=0), strict=True):
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, sums, atol=1e-6)
    np.testing.assert_allclose((told[2][1] + told[5][1]) / 2, result.values, atol=1e-6)
    windows = result.tables["windows"]
    for point, _, known in told[:3]:
        of = windows.iloc[int(point - 1) * STEPS : int(point) * STEPS]
        assert known["window"] == pytest.approx(of["delta"].mean())
    assert result.trace is not None
    means = [(told[at][2]["loss"] + told[at + 3][2]["loss"]) / 2 for at in range(3)]
    np.testing.assert_allclose(means, result.trace.losses, rtol=0.05)


def test_long_epochs_tell_sums_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveval_runs, "WATCHED", -1.0)
    result, told = _watched({})
    points = [point for point, _, _ in told]
    assert points == sorted(set(points))
    assert {1.0, 2.0, 3.0} <= set(points)
    assert len(points) > 6
    ordered = sorted(_by_hand(_classes()), key=lambda step: step.reference)
    point, values, known = told[0]
    done = ordered[: round(point * STEPS)]
    np.testing.assert_allclose(values, totals(done, 37)[0], atol=1e-6)
    assert known["loss"] == pytest.approx(np.mean([step.loss for step in done]), rel=1e-5)
    np.testing.assert_allclose(told[-1][1], result.values, atol=1e-6)


def test_the_early_curve_ends_at_the_values() -> None:
    early = _value({"batch": 4}).tables["early"]  # 10 steps an epoch
    assert early["epoch"].tolist() == [0.3, 0.5, 0.8, 1, 2, 3]
    np.testing.assert_allclose(early["seen"], np.array([12, 20, 32, 37, 37, 37]) / 37)
    assert early.iloc[-1, 2:].tolist() == pytest.approx([1, 1, 1])
    assert (early["rank_correlation"].iloc[:4] < 0.999).all()


def test_the_early_curve_compares_samples_valued_by_then() -> None:
    parts = np.array([[3.0, 2, 0, 0], [0, 0, -1, 5], [-9, 0, 0, 0]])
    early = early_table([1, 2, 4], 2, parts, np.array([0, 0, 1, 1]))
    assert early["epoch"].tolist() == [0.5, 1, 2]
    assert early["seen"].tolist() == [0.5, 1, 1]
    # At last -6 < -1 < 2 < 5; by then 3 > 2, and 3, 2, -1, 5.
    assert early["rank_correlation"].tolist() == pytest.approx([-1, 0.4, 1])
    assert early["lowest_5"].tolist() == [0, 0, 1]


def test_the_window_table_is_thinned() -> None:
    windows = np.arange(4 * 4100.0).reshape(4100, 4)
    found = window_table(windows)
    assert len(found) == 1367
    np.testing.assert_array_equal(found["delta"], windows[::3, 1])


@pytest.mark.parametrize("reference", ["live", "end"])
def test_flipped_labels_pull_away(reference: str) -> None:
    draws = np.random.default_rng(3)
    codes = draws.integers(0, 4, 160)
    vectors = 4 * np.eye(4, 10)[codes] + draws.standard_normal((160, 10))
    wrong = np.arange(0, 160, 10)
    labels = codes.copy()
    labels[wrong] = (labels[wrong] + 1 + np.arange(16) % 3) % 4
    values = LiveVal({"reference": reference}).value(vector_dataset(vectors, labels)).values
    assert roc_auc_score(np.isin(np.arange(160), wrong), -values) > 0.8


def test_a_diverged_training_names_the_epoch_and_a_rate_that_does() -> None:
    data = _curve(200)
    for reference in ("live", "end"):
        asked = {"epochs": 20, "rate": 2.0, "reference": reference}
        with pytest.raises(NumericalError, match=r"epoch \d+ of 20 .* at rate 2: ") as caught:
            _value(asked, data)
        named = re.search(r"set rate to ([\d.e+-]+\d)", str(caught.value))
        assert named is not None
        result = _value({**asked, "rate": float(named[1])}, data)
        assert np.isfinite(result.values).all()
        assert result.trace is not None
        assert result.trace.losses[-1] < result.trace.losses[0]


def test_regression_does_not_depend_on_the_unit_of_the_target() -> None:
    data = _curve()
    assert data.labels is not None
    other = replace(data, labels=data.labels * 1000 + 7)
    np.testing.assert_allclose(_value({}, other).values, _value({}, data).values, atol=1e-4)


@pytest.mark.parametrize(
    "data",
    [
        vector_dataset(np.ones((2, 3)), np.array([0, 1])),
        vector_dataset(np.ones((1, 3)), np.array([0])),
        vector_dataset(np.ones((5, 3)), np.ones(5), Task.REGRESSION),
    ],
    ids=["two equal", "one", "constant target"],
)
@pytest.mark.parametrize("reference", ["live", "end"])
def test_little_data(data: Dataset, reference: str) -> None:
    result = _value({"reference": reference}, data)
    assert (np.abs(result.values) <= 3).all()
    assert result.tables["early"].notna().all(axis=None)


def test_equal_seeds_give_equal_values() -> None:
    np.testing.assert_array_equal(_value({}, seed=4).values, _value({}, seed=4).values)
    assert not np.array_equal(_value({}, seed=5).values, _value({}, seed=4).values)


@pytest.mark.parametrize("reference", ["live", "end"])
def test_progress_rises_and_stops_the_work(reference: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveval_runs, "TOLD", -1.0)
    seen: list[float] = []
    _value({"runs": 2, "reference": reference}, progress=lambda part, _: seen.append(part))
    assert seen == sorted(seen)
    assert seen[-1] == 1
    assert len(seen) == 30 * (1 + (reference == "end"))

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        _value({}, progress=stop)


def test_the_status_says_what_was_trained() -> None:
    status = _value({"runs": 2}).status
    assert "Trained the net 'linear' (18 parameters) 2 times" in status
    assert "3 epochs of 5 steps by batches of 8, learning rate 0.05." in status
    assert "Values are of this training" in status


def test_the_estimate_says_the_plan() -> None:
    live, end = (LiveVal({"reference": r}).estimate(1000, 50, 5, MACHINE) for r in ("live", "end"))
    assert live.plan.endswith("references 1 to 3 steps ahead")
    assert end.plan.endswith("reference at the end")
    assert end.seconds > live.seconds
    assert live.bytes > end.bytes


def test_listing_and_estimating_load_no_torch() -> None:
    code = (
        "import sys; from dvaudit.valuators.liveval import LiveVal;"
        "from dvaudit.core.machine import Machine;"
        "LiveVal().estimate(100, 10, 2, Machine(1, 1 << 30, 1e9)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
