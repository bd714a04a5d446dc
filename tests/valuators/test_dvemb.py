"""The dvemb valuator: its values by definition, where its points are, and when it refuses."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from vectors import vector_dataset

from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import NumericalError, ResourceError, SettingsError
from dvaudit.core.machine import GIB, Machine
from dvaudit.core.progress import Cancelled, silent
from dvaudit.core.result import ValuationResult
from dvaudit.gradients import (
    Curvature,
    Sharpness,
    capture,
    draw_updates,
    influences,
    plan_taps,
    train,
)
from dvaudit.valuators import dvemb_embedding
from dvaudit.valuators.dvemb import DvEmb
from dvaudit.valuators.dvemb_plan import embeddings_fit, plan_points
from dvaudit.valuators.dvemb_rates import rate_that_would_do
from dvaudit.valuators.fitting import run_seeds
from dvaudit.valuators.learner import build_learner
from dvaudit.valuators.shared import Shared
from dvaudit.valuators.trained import _problem, net_inputs
from dvaudit.valuators.trusted import given_split

MACHINE = Machine(cores=2, memory=24 * GIB, flops=5e10)
FAST = {"net": "linear", "epochs": 3, "batch": 8}


def _classes(n: int = 40, seed: int = 0, classes: int = 3) -> Dataset:
    draws = np.random.default_rng(seed)
    codes = np.arange(n) % classes
    return vector_dataset(2 * np.eye(classes, 5)[codes] + draws.standard_normal((n, 5)), codes)


def _curve(n: int = 40, seed: int = 0) -> Dataset:
    draws = np.random.default_rng(seed)
    vectors = draws.standard_normal((n, 4))
    targets = 50 + 10 * vectors[:, 0] + draws.standard_normal(n)
    return vector_dataset(vectors, targets, Task.REGRESSION)


def _value(settings: dict[str, Any], data: Dataset | None = None, **more: Any) -> ValuationResult:
    data = data or _classes()
    trusted = _classes(15, seed=1) if data.task is Task.CLASSIFICATION else _curve(15, seed=1)
    return DvEmb({**FAST, **settings}).value(data, trusted=trusted, **more)


def _told(problem_seed: int = 0, data: Dataset | None = None) -> tuple[Any, int]:
    """Return the learner of a run of FAST, and the run's seed."""
    data = data or _classes()
    split = given_split(data, _classes(15, seed=1))
    assert split is not None
    shared = Shared()
    inputs = net_inputs(split.data, "linear", shared, problem_seed, "cpu")
    ((rows, against),) = split.parts()
    problem, _ = _problem(
        split.data, len(data), inputs, rows, against, shared, problem_seed, "cpu", lambda *_: None
    )
    (seed,) = run_seeds(problem_seed, 1)
    return build_learner(problem, "linear", seed=seed), seed


@pytest.mark.parametrize("curvature", Curvature)
@pytest.mark.parametrize("query", ["mean", "class_mean"])
def test_values_are_the_influences_of_the_run(curvature: Curvature, query: str) -> None:
    data = _classes(37)
    result = _value({"curvature": curvature.value, "query": query, "rate": 0.2}, data)
    learner, seed = _told(data=data)
    updates = draw_updates(37, batch=8, epochs=3, rate=0.2, seed=seed)
    run = train(learner.net, learner.loss, learner.source, updates)
    taps = plan_taps(learner.net, learner.loss, learner.source)
    rows = capture(learner.net, learner.loss, learner.trusted, taps, point=run.at(len(updates)))
    gradients = rows.gradients()
    by_class = [gradients[learner.trusted[1] == code].mean(0) for code in range(3)]
    u = gradients.mean(0) if query == "mean" else torch.stack(by_class).mean(0)
    sums, own, last = np.zeros(37), np.zeros(37), np.zeros(37)
    by_epoch = np.zeros((3, 37))
    steps = influences(learner.net, learner.loss, learner.source, run, u[None], curvature=curvature)
    for step in steps:
        update = updates[step.step]
        batch = learner.source[0][update.rows], learner.source[1][update.rows]
        norms = capture(learner.net, learner.loss, batch, taps, point=run.at(step.step))
        own[update.rows] += 0.2 / len(update.rows) * norms.squared_norms().numpy()
        sums[update.rows] += step.values[:, 0].numpy()
        by_epoch[step.step // 5, update.rows] = step.values[:, 0].numpy()
    last = by_epoch[2]
    tight = {"rtol": 1e-4, "atol": 1e-7}
    np.testing.assert_allclose(result.values, sums, **tight)
    np.testing.assert_allclose(result.columns["influence_sum"], sums, **tight)
    np.testing.assert_allclose(result.columns["influence_mean"], sums / 3, **tight)
    np.testing.assert_allclose(result.columns["self_influence"], own, **tight)
    np.testing.assert_allclose(result.columns["last_epoch"], last, **tight)
    assert result.flagged is not None
    np.testing.assert_array_equal(result.flagged, result.values < 0)
    assert result.trace is not None
    assert result.trace.additive
    np.testing.assert_allclose(result.trace.values, by_epoch, rtol=1e-3, atol=1e-6)


def test_phases_tell_each_epochs_influence_norm_and_loss() -> None:
    result = _value({"rate": 0.2})
    phases = result.tables["phases"]
    assert result.trace is not None
    assert phases["epoch"].tolist() == [1, 2, 3]
    scaled = result.trace.values.astype(np.float64) / 0.2
    np.testing.assert_allclose(phases["magnitude"], np.abs(scaled).mean(1), rtol=1e-5)
    np.testing.assert_allclose(phases["influence"], scaled.sum(1), rtol=1e-4)
    np.testing.assert_array_equal(phases["training_loss"], result.trace.losses)
    assert phases["training_loss"].is_monotonic_decreasing
    assert phases["adjoint_norm"].is_monotonic_increasing  # Gauss-Newton only shrinks it backwards


@pytest.mark.parametrize("points", ["disk", "checkpoints"])
def test_where_the_points_are_does_not_change_the_values(points: str) -> None:
    held, other = _value({"points": "memory"}), _value({"points": points})
    np.testing.assert_array_equal(other.values, held.values)
    assert held.stats["points"] == "memory"
    assert other.stats["points"] == points
    assert held.stats["points_bytes"] == 4 * 18 * (15 + 1)
    words = {"disk": "points on disk (1.2 kB)", "checkpoints": "checkpoints every 3 steps"}[points]
    assert words in other.status


def test_embeddings_answer_the_query_of_the_values() -> None:
    """One layer, unprojected, with the embeddings' own curvature: the same number."""
    result = _value({"curvature": "fisher", "projection": 65_536})
    embedded, queries = result.arrays["embeddings"], result.arrays["query_embeddings"]
    assert embedded.shape == (40, 18)
    assert embedded.dtype == np.float32
    assert result.arrays["query_rows"].tolist() == list(range(40, 55))  # after the data
    np.testing.assert_allclose(embedded @ queries.mean(0), result.values, rtol=1e-3, atol=1e-6)
    assert result.stats["embeddings_agreement"] > 0.999
    assert [layer["size"] for layer in result.stats["embeddings"]["layers"]] == [18]
    assert _value({"embeddings": False}).arrays == {}
    assert _value({"embeddings": False}).stats["embeddings"] is None


def test_coarse_embeddings_are_said() -> None:
    coarse, fine = _value({"projection": 1}), _value({})
    agreement = coarse.stats["embeddings_agreement"]
    assert agreement < 0.8 < fine.stats["embeddings_agreement"]
    assert f"rank correlation with the values is {agreement:.2f}" in coarse.warnings[-1]
    assert not any("coarse" in text for text in fine.warnings)


def test_embeddings_without_a_label_are_nan_and_many_queries_are_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dvemb_embedding, "QUERIES", 6)
    data = _classes()
    assert data.labels is not None
    labels = data.labels.copy()
    labels[[4, 9]] = -1
    result = _value({}, replace(data, labels=labels))
    missing = np.isnan(result.arrays["embeddings"])
    assert np.flatnonzero(missing.all(1)).tolist() == [4, 9]
    assert np.flatnonzero(missing.any(1)).tolist() == [4, 9]
    assert result.arrays["query_embeddings"].shape == (6, 18)
    rows = result.arrays["query_rows"]
    assert len(set(rows.tolist())) == 6
    assert (np.diff(rows) > 0).all()


def test_embeddings_past_their_bound_are_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dvemb_embedding, "embeddings_fit", lambda *_: False)
    kept, left = _value({"embeddings": False}), _value({})
    assert left.arrays == {}
    assert "18 numbers for 40 samples pass their bound" in left.status
    np.testing.assert_array_equal(left.values, kept.values)


def test_a_steep_run_is_warned_of() -> None:
    settings = {"batch": 40, "epochs": 5}
    result = _value({**settings, "rate": 0.5}, _curve())
    found = re.search(
        r"eigenvalue is ([\d.]+) in step .* a rate of ([\d.e+-]+)", result.warnings[0]
    )
    assert found is not None, result.warnings
    top = max(each["product"] for each in result.stats["rate_times_eigenvalue"])
    assert 1 < float(found[1]) == pytest.approx(top, rel=0.01)
    milder = _value({**settings, "rate": float(found[2]) * 0.9}, _curve())
    assert not any("eigenvalue" in text for text in milder.warnings)


@pytest.mark.parametrize(
    ("settings", "rate", "words"),
    [
        ({"net": "linear", "batch": 4, "epochs": 5}, 0.6, "grows .*-fold"),
        ({"net": "mlp", "batch": 4, "epochs": 20}, 50.0, "training diverged"),
    ],
)
def test_a_run_that_cannot_be_told_names_a_rate_that_does(
    settings: dict[str, Any], rate: float, words: str
) -> None:
    settings = {**settings, "embeddings": False}
    with pytest.raises(NumericalError, match=f"{words}.* Set rate to") as caught:
        _value({**settings, "rate": rate}, _curve())
    named = re.search(r"Set rate to ([\d.e+-]+) or less", str(caught.value))
    assert named is not None
    found = _value({**settings, "rate": float(named[1])}, _curve())
    assert np.isfinite(found.values).all()
    assert max(each["product"] for each in found.stats["rate_times_eigenvalue"]) <= 1


def test_a_rate_far_below_what_would_do_is_raised_again() -> None:
    learner, seed = _told()
    updates = draw_updates(len(_classes()), batch=4, epochs=3, rate=10.0, seed=seed)
    steep = [Sharpness(0, 1e6, 10.0)]
    tried = rate_that_would_do(learner, updates, steep, Curvature.GAUSS_NEWTON, silent)
    assert tried.would_do
    assert tried.rate > 1e-3
    assert f"Set rate to {tried.rate:g} or less" in tried.words


def test_runs_are_averaged() -> None:
    one, two, three = (_value({"runs": runs}) for runs in (1, 2, 3))
    assert one.std_errors is None
    assert two.std_errors is not None
    other = 2 * two.values - one.values  # of the second run
    expected = np.abs(one.values - other) / 2
    np.testing.assert_allclose(two.std_errors, expected, rtol=1e-6, atol=1e-12)
    assert three.std_errors is not None
    assert (three.std_errors > 0).all()
    np.testing.assert_array_equal(three.arrays["embeddings"], one.arrays["embeddings"])
    assert not np.array_equal(_value({}, seed=1).values, one.values)


@pytest.mark.parametrize("curvature", Curvature)
def test_regression_is_in_units_of_standardised_targets(curvature: Curvature) -> None:
    data = _curve()
    assert data.labels is not None
    scaled = replace(data, labels=data.labels * 1000 + 7)
    settings = {**FAST, "curvature": curvature.value}
    values = DvEmb(settings).value(data, seed=2).values
    np.testing.assert_allclose(
        DvEmb(settings).value(scaled, seed=2).values, values, rtol=1e-2, atol=1e-5
    )
    assert np.isfinite(values).all()


def test_wrong_labels_hurt_a_clean_trusted_set_on_average() -> None:
    data = _classes(60)
    assert data.labels is not None
    wrong = np.arange(0, 60, 6)
    labels = data.labels.copy()
    labels[wrong] = (labels[wrong] + 1) % 3
    flipped = replace(data, labels=labels, fingerprint="flipped")
    values = _value({"epochs": 10, "rate": 0.2}, flipped).values
    assert values[wrong].mean() < np.median(np.delete(values, wrong))
    assert (values > 0).mean() > 0.5


def test_progress_is_told_and_stops_the_work() -> None:
    seen: list[tuple[float, str]] = []
    _value({"epochs": 4}, progress=lambda fraction, stage: seen.append((fraction, stage)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert any("training" in stage for _, stage in seen)
    assert any("sweep back" in stage for _, stage in seen)

    def stop(fraction: float, stage: str) -> None:
        if "sweep" in stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        _value({}, progress=stop)


def test_halves_value_every_sample() -> None:
    result = DvEmb(FAST).value(_classes())
    assert np.isfinite(result.values).all()
    assert result.tables["phases"]["part"].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("asked", "memory", "disk", "kind"),
    [
        ("auto", 2000, 0, "memory"),
        ("auto", 1000, 1000, "disk"),
        ("auto", 1000, 400, "checkpoints"),
        ("memory", 404, 0, "memory"),
        ("disk", 0, 404, "disk"),
        ("checkpoints", 10_000, 10_000, "checkpoints"),
    ],
)
def test_the_plan_follows_what_is_free(asked: str, memory: int, disk: int, kind: str) -> None:
    plan = plan_points(asked, steps=100, parameters=1, memory=memory, disk=disk)
    assert plan.kind == kind
    if kind == "checkpoints":
        assert (plan.every, plan.bytes) == (10, 22 * 4)
    else:
        assert (plan.every, plan.bytes) == (1, 404)


def test_points_that_do_not_fit_are_refused() -> None:
    for asked in ("memory", "disk"):
        with pytest.raises(ResourceError, match=f"100 steps take 404 B of {asked} and 403 B"):
            plan_points(asked, steps=100, parameters=1, memory=403, disk=403)


def test_the_bound_of_the_embeddings() -> None:
    assert embeddings_fit(50_000, 2000, 4096, 24 * GIB)
    assert not embeddings_fit(50_000, 2000, 4096, 2 * GIB)
    assert not embeddings_fit(100_000, 2000, 4096, 100 * GIB)


def test_the_estimate_says_the_plan() -> None:
    small = DvEmb().estimate(1000, 100, 10, MACHINE)
    assert small.plan.startswith("10 epochs in 320 steps, points in memory (27 MB), embeddings")
    large = DvEmb().estimate(1_000_000, 3000, 10, MACHINE)
    assert "not kept" in large.plan
    assert "in memory" not in large.plan or "checkpoints" in large.plan
    assert large.bytes > small.bytes
    assert large.seconds > small.seconds
    replayed = DvEmb({"points": "checkpoints"}).estimate(1000, 100, 10, MACHINE)
    assert "checkpoints every 17 steps" in replayed.plan


def test_listing_and_estimating_load_no_torch() -> None:
    code = (
        "import sys; from dvaudit.valuators.dvemb import DvEmb;"
        "from dvaudit.core.machine import Machine;"
        "DvEmb().estimate(100, 10, 2, Machine(1, 1 << 30, 1e9)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_settings_are_checked() -> None:
    assert not DvEmb.detects_mislabels
    with pytest.raises(SettingsError, match=r"dvemb.curvature is 'ggn'"):
        DvEmb({"curvature": "ggn"})
