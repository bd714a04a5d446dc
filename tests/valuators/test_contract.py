"""Promises every valuator keeps, over the registry."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from vectors import vector_dataset

from dvaudit import valuators
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.core.machine import Machine
from dvaudit.core.progress import Cancelled
from dvaudit.core.result import ValuationResult
from dvaudit.core.settings import specs

ALL = valuators.names(valuators.Level.SAMPLE)
DATA_SEED = 11


def _case(name: str) -> Any:
    package = valuators.lookup(name).requires
    absent = package is not None and importlib.util.find_spec(package) is None
    return pytest.param(name, marks=pytest.mark.skipif(absent, reason=f"{name} needs {package}"))


RUNNABLE = [_case(name) for name in ALL]
DETECTORS = [_case(name) for name in ALL if valuators.lookup(name).detects_mislabels]
REGRESSORS = [
    _case(name)
    for name in ALL
    if valuators.lookup(name).detects_mislabels and Task.REGRESSION in valuators.lookup(name).tasks
]
MEASURED = [_case(name) for name in ALL if "trusted" in valuators.lookup(name).needs]


def _blobs(n: int = 150, classes: int = 3, seed: int = DATA_SEED) -> tuple[Dataset, np.ndarray]:
    """Return well separated classes with a tenth of the labels flipped, and the flips."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, classes, n)
    codes[:classes] = np.arange(classes)
    vectors = 3 * np.eye(classes, 8)[codes] + rng.standard_normal((n, 8))
    flipped = np.zeros(n, dtype=bool)
    flipped[rng.choice(n, n // 10, replace=False)] = True
    codes[flipped] = (codes[flipped] + 1) % classes
    return vector_dataset(vectors, codes), flipped


def _curve(n: int = 120) -> tuple[Dataset, np.ndarray]:
    rng = np.random.default_rng(DATA_SEED)
    vectors = rng.standard_normal((n, 4))
    targets = 100 + 10 * vectors[:, 0] + 5 * np.abs(vectors[:, 1]) + 0.3 * rng.standard_normal(n)
    wrong = np.zeros(n, dtype=bool)
    wrong[rng.choice(n, 6, replace=False)] = True
    targets[wrong] += 40
    return vector_dataset(vectors, targets, Task.REGRESSION), wrong


def _value(name: str, data: Dataset, trusted: Dataset | None = None, **options: Any) -> Any:
    """Value against trusted samples where the method wants some, and its own data will not do."""
    if "trusted" not in valuators.lookup(name).needs:
        return valuators.get(name, options.pop("settings", {})).value(data, **options)
    return valuators.get(name, options.pop("settings", {})).value(
        data, trusted=trusted or data, **options
    )


def _clean_blobs() -> Dataset:
    data, flipped = _blobs(seed=DATA_SEED + 1)
    return _take(data, np.flatnonzero(~flipped))


def _clean_curve() -> Dataset:
    data, wrong = _curve()
    return _take(data, np.flatnonzero(~wrong))


def _take(data: Dataset, rows: np.ndarray) -> Dataset:
    assert data.vectors is not None
    assert data.labels is not None
    taken = vector_dataset(data.vectors[rows], data.labels[rows], data.task)
    return replace(taken, class_names=data.class_names, ids=tuple(data.ids[i] for i in rows))


@pytest.mark.parametrize("name", DETECTORS)
def test_flipped_labels_are_less_useful(name: str) -> None:
    data, flipped = _blobs()
    result = _value(name, data, _clean_blobs())
    assert roc_auc_score(flipped, -result.values) > 0.9
    if result.flagged is not None:
        assert result.flagged[flipped].mean() > 0.7
        assert result.flagged[~flipped].mean() < 0.15


@pytest.mark.parametrize("name", MEASURED)
def test_without_a_trusted_set_every_sample_is_measured_against_the_rest(name: str) -> None:
    data, flipped = _blobs()
    result = valuators.get(name).value(data)
    assert np.isfinite(result.values).all()
    assert "no trusted set was given" in result.status
    if valuators.lookup(name).detects_mislabels:
        assert roc_auc_score(flipped, -result.values) > 0.8


@pytest.mark.parametrize("name", MEASURED)
def test_marked_samples_are_measured_against_and_not_valued(name: str) -> None:
    data, flipped = _blobs()
    marked = np.zeros(len(data), dtype=bool)
    marked[np.flatnonzero(~flipped)[:60]] = True
    result = valuators.get(name).value(replace(data, trusted=marked))
    np.testing.assert_array_equal(np.isnan(result.values), marked)
    assert "the 60 samples marked as trusted" in result.status


@pytest.mark.parametrize("name", REGRESSORS)
def test_wrong_targets_are_less_useful(name: str) -> None:
    data, wrong = _curve()
    result = _value(name, data, _clean_curve())
    # A training looks at the signs of residuals first; exact methods at their size.
    least = 0.95 if valuators.lookup(name).order_free else 0.8
    assert roc_auc_score(wrong, -result.values) > least
    if result.flagged is not None:
        assert result.flagged[wrong].all()


@pytest.mark.parametrize("name", RUNNABLE)
def test_order_of_samples_does_not_matter(name: str) -> None:
    if not valuators.lookup(name).order_free:
        pytest.skip(f"{name} draws by the order of the samples")
    data, _ = _blobs()
    order = np.random.default_rng(0).permutation(len(data))
    setting = {"ridge": 0.1} if "ridge" in _setting_names(name) else {}
    plain = valuators.get(name, setting).value(data).values
    shuffled = valuators.get(name, setting).value(_take(data, order)).values
    np.testing.assert_allclose(shuffled, plain[order], rtol=1e-7)


@pytest.mark.parametrize("name", RUNNABLE)
def test_same_seed_same_result(name: str) -> None:
    data, _ = _blobs()
    first, second = (_value(name, data, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.values, second.values)


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_method_that_another_seed_changes_says_what_is_drawn(name: str) -> None:
    data, _ = _blobs(60)
    trusted = _clean_blobs()
    first, second = (
        _value(name, data, trusted, seed=seed, settings=_short(name)) for seed in (3, 4)
    )
    draws = valuators.lookup(name).draws
    assert draws or np.array_equal(first.values, second.values)


@pytest.mark.parametrize("info", valuators.describe(), ids=lambda info: info.name)
def test_every_method_says_what_it_is_for(info: valuators.ValuatorInfo) -> None:
    assert 40 <= len(info.use) <= 220
    for text in (info.use, info.summary, info.draws):
        assert not text or text.endswith(".")
        assert "  " not in text
    assert info.use != info.summary
    assert info.reference


@pytest.mark.parametrize("name", RUNNABLE)
def test_missing_labels_are_scored_by_no_one(name: str) -> None:
    data, _ = _blobs()
    assert data.labels is not None
    labels = data.labels.copy()
    labels[[4, 9]] = -1
    trusted = _clean_blobs()
    result = _value(name, replace(data, labels=labels), trusted)
    assert np.flatnonzero(np.isnan(result.values)).tolist() == [4, 9]
    frame = result.to_frame()
    assert frame["suspicion_rank"].isna().sum() == 2
    assert sorted(frame["suspicion_rank"].dropna()) == list(range(1, len(data) - 1))
    kept = np.setdiff1d(np.arange(len(data)), [4, 9])
    alone = _value(name, _take(data, kept), trusted)
    np.testing.assert_allclose(result.values[kept], alone.values, rtol=1e-5)


def _with_traps() -> list[tuple[str, Dataset]]:
    data, _ = _blobs(40)
    vectors, labels = data.vectors, data.labels
    assert vectors is not None
    assert labels is not None
    zero, copies, opposite = vectors.copy(), vectors.copy(), labels.copy()
    zero[[3, 7]] = 0
    copies[10:14] = [[1], [1], [3.7], [1e-3]] * vectors[10]
    opposite[11] = (opposite[10] + 1) % 3
    near = vectors.copy()
    near[21] = near[20] * (1 + 1e-10)
    alone = labels.copy()
    alone[5] = 3
    return [
        ("zero rows", vector_dataset(zero, labels)),
        ("scaled copies", vector_dataset(copies, labels)),
        ("copies with other labels", vector_dataset(copies, opposite)),
        ("near duplicates", vector_dataset(near, labels)),
        ("all rows equal", vector_dataset(np.ones((12, 3)), labels[:12])),
        ("single-sample class", vector_dataset(vectors, alone)),
        ("one class", vector_dataset(vectors, np.zeros_like(labels))),
        ("one sample", vector_dataset(vectors[:1], np.zeros(1, dtype=np.int64))),
        ("two samples", vector_dataset(vectors[:2], np.array([0, 1]))),
        ("constant target", vector_dataset(vectors, np.ones(40), Task.REGRESSION)),
        ("one target", vector_dataset(vectors[:1], np.ones(1), Task.REGRESSION)),
    ]


TRAPS = _with_traps()
# Enough to reach every branch: what traps do to values does not take a long training.
SHORT = {"steps": 6, "every": 2, "epochs": 2, "restarts": 1, "runs": 1, "orders": 20}


def _short(name: str) -> dict[str, Any]:
    return {key: value for key, value in SHORT.items() if key in _setting_names(name)}


@pytest.mark.parametrize("trap", TRAPS, ids=[name for name, _ in TRAPS])
@pytest.mark.parametrize("name", RUNNABLE)
def test_traps_give_finite_values(name: str, trap: tuple[str, Dataset]) -> None:
    data = trap[1]
    if data.task not in valuators.lookup(name).tasks:
        pytest.skip(f"{name} does not do {data.task}")
    precisions = ("float64", "float32") if "precision" in _setting_names(name) else (None,)
    for precision in precisions:
        chosen = {} if precision is None else {"precision": precision}
        _check_trap(trap, _value(name, data, settings={**_short(name), **chosen}))


def _check_trap(trap: tuple[str, Dataset], result: ValuationResult) -> None:
    data = trap[1]
    assert np.isfinite(result.values).all()
    assert sorted(result.suspicion_ranks()) == list(range(1, len(data) + 1))
    assert isinstance(result.warnings, tuple)
    for said in (result.status, *result.warnings):
        assert said.endswith(".")
        assert said[0] == said[0].upper() or said.startswith("cleanlab")
        assert "  " not in said
    assert not any(warning in result.status for warning in result.warnings)
    if trap[0] in ("one class", "one sample"):
        assert result.warnings[0].startswith("Only one class occurs")
        assert result.flagged is None or not result.flagged.any()


@pytest.mark.parametrize("name", RUNNABLE)
def test_a_forced_ridge_is_reported(name: str) -> None:
    if "ridge" not in _setting_names(name):
        pytest.skip(f"{name} has no ridge")
    data = dict(TRAPS)["copies with other labels"]
    result = valuators.get(name, {"ridge": 0}).value(data)
    assert result.stats["ridge_forced"]
    assert result.stats["ridge"] > 0
    assert "3 samples point the same way" in result.warnings[0]
    assert "raised from 0 to" in result.warnings[-1]


@pytest.mark.parametrize("name", RUNNABLE)
def test_unsuitable_data_is_refused_by_name(name: str) -> None:
    data, _ = _blobs(20)
    unlabelled = replace(data, labels=np.full(20, -1))
    with pytest.raises(UnsuitableDataError, match="None of the 20 samples has a label"):
        valuators.get(name).value(unlabelled)
    if Task.UNSUPERVISED not in valuators.lookup(name).tasks:
        with pytest.raises(UnsuitableDataError, match=name):
            valuators.get(name).value(replace(data, labels=None, task=Task.UNSUPERVISED))


@pytest.mark.parametrize("name", ALL)
def test_every_setting_is_documented_and_checked(name: str) -> None:
    for spec in specs(valuators.lookup(name).Settings):
        assert spec.help.endswith(".")
        wrong = "no such choice" if spec.type is str else "not a number"
        with pytest.raises(SettingsError, match=f"{name}.{spec.name}"):
            valuators.get(name, {spec.name: wrong})
        if spec.low is not None:
            with pytest.raises(SettingsError, match="least"):
                valuators.get(name, {spec.name: spec.low - 1})
    with pytest.raises(SettingsError, match="has no setting"):
        valuators.get(name, {"no_such_setting": 1})


@pytest.mark.parametrize("name", ALL)
def test_the_estimate_grows_with_the_data(name: str) -> None:
    machine = Machine(cores=2, memory=24 << 30, flops=5e10)
    small, large = (valuators.get(name).estimate(n, 100, 10, machine) for n in (1000, 12000))
    assert 0 < small.seconds < large.seconds
    assert 0 < small.bytes < large.bytes
    assert large.plan


@pytest.mark.parametrize("name", RUNNABLE)
def test_work_can_be_cancelled(name: str) -> None:
    data, _ = _blobs(30)

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        valuators.get(name).value(data, progress=stop)


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=25), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("name", RUNNABLE)
def test_any_labelling_gives_one_rank_each(name: str, labels: list[int], seed: int) -> None:
    vectors = np.random.default_rng(seed).integers(-1, 2, (len(labels), 3)).astype(float)
    result = _value(name, vector_dataset(vectors, np.array(labels)), settings=_short(name))
    assert sorted(result.suspicion_ranks()) == list(range(1, len(labels) + 1))


def _setting_names(name: str) -> set[str]:
    return {spec.name for spec in specs(valuators.lookup(name).Settings)}


def test_every_file_registers_its_valuator() -> None:
    listed = {info.name for info in valuators()}  # type: ignore[operator]
    assert listed == set(valuators.names())
    assert set(ALL) < listed
    assert len(ALL) >= 2


def test_a_taken_name_is_refused() -> None:
    with pytest.raises(ValueError, match="already registered"):
        valuators.register(valuators.CgScore)


def test_unknown_valuator_gets_a_hint() -> None:
    with pytest.raises(SettingsError, match="did you mean 'kernel-loo'"):
        valuators.get("kernel_loo")
