"""Numbers that are too large, or came out as none: refused by every method, never returned."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from vectors import vector_dataset

from dvaudit import valuators
from dvaudit.core.dataset import Dataset, Task
from dvaudit.core.errors import NumericalError, SettingsError, UnsuitableDataError
from dvaudit.core.settings import SEEDS, specs
from dvaudit.valuators.magnitudes import LARGEST, single

# Enough to reach every branch: what large numbers do to values does not take a long training.
SHORT = {
    **{"steps": 6, "every": 2, "epochs": 2, "restarts": 1, "runs": 1, "orders": 20},
    **{"coalitions": 100, "initialisations": 1},
}
SAMPLES = 24


def _case(name: str) -> Any:
    package = valuators.lookup(name).requires
    absent = package is not None and importlib.util.find_spec(package) is None
    return pytest.param(name, marks=pytest.mark.skipif(absent, reason=f"{name} needs {package}"))


ALL = [_case(name) for name in valuators.names()]
REGRESSORS = [
    _case(name)
    for name in valuators.names()
    if Task.REGRESSION in valuators.lookup(name).tasks and name != "random"
]


def _data(scale: float = 1.0, *, of_targets: float | None = None, columns: int = 5) -> Dataset:
    """Return samples of three contributors with columns of the size `scale`."""
    vectors = np.random.default_rng(0).uniform(-1, 1, (SAMPLES, columns))
    labels = (vectors[:, 0] > 0).astype(np.int64)
    made = vector_dataset(scale * vectors, labels)
    if of_targets is not None:
        made = vector_dataset(scale * vectors, of_targets * vectors[:, 0], Task.REGRESSION)
    return replace(made, groups=np.array(["ann", "bob", "cid"] * 8, dtype=object))


def _method(name: str, **more: Any) -> valuators.Method:
    known = {spec.name for spec in specs(valuators.lookup(name).Settings)}
    return valuators.get(name, {key: value for key, value in SHORT.items() if key in known} | more)


@pytest.mark.parametrize("scale", [1e30, 1e300])
@pytest.mark.parametrize("name", ALL)
def test_huge_features_are_valued_or_refused_without_a_warning(name: str, scale: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        try:
            result = _method(name).value(_data(scale))
        except UnsuitableDataError as refusal:
            said = str(refusal)
            assert f"of {SAMPLES} samples" in said
            assert "numbers up to 1e+18" in said
            assert "Scale the columns, for instance standardise them" in said
            return
    assert np.isfinite(result.values).all()


@pytest.mark.parametrize("name", ALL)
def test_features_as_large_as_allowed_are_valued(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        result = _method(name).value(_data(LARGEST))
    assert np.isfinite(result.values).all()


@pytest.mark.parametrize("name", ["dvgs", "dvemb"])
def test_large_features_on_fewer_components_are_valued_like_small_ones(name: str) -> None:
    # Sums of squares over the samples leave float32 before a square does.
    rng = np.random.default_rng(0)
    vectors = rng.uniform(-1, 1, (800, 12))
    labels = (vectors[:, 0] > 0).astype(np.int64)
    found = [
        _method(name, components=3).value(vector_dataset(scale * vectors, labels)).values
        for scale in (1.0, LARGEST)
    ]
    assert np.corrcoef(found)[0, 1] > 0.999


@pytest.mark.parametrize("name", REGRESSORS)
def test_huge_targets_are_refused_without_a_warning(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(UnsuitableDataError, match=r"Targets are as large as .* up to 1e\+18"):
            _method(name).value(_data(of_targets=1e300))


@pytest.mark.parametrize("name", ALL)
def test_values_that_are_no_numbers_are_never_returned(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = valuators.lookup(name)._value

    def broken(self: Any, problem: Any) -> Any:
        found = own(self, problem)
        values = found.values.copy()
        values[[0, -1]] = np.nan, np.inf
        return replace(found, values=values)

    monkeypatch.setattr(valuators.lookup(name), "_value", broken)
    with pytest.raises(NumericalError, match=rf"^\d of {SAMPLES} values|^2 of 3 values") as refusal:
        _method(name).value(_data())
    assert f"by {name} came out as no finite number" in str(refusal.value)
    assert "standardise" in str(refusal.value)


@pytest.mark.parametrize("seed", [-1, SEEDS, 1.5, True, None, "3"])
@pytest.mark.parametrize("name", ALL)
def test_what_is_no_seed_is_refused(name: str, seed: Any) -> None:
    with pytest.raises(SettingsError, match=r"whole number from 0 to 4,294,967,295"):
        _method(name).value(_data(), seed=seed)


@pytest.mark.parametrize("name", ["dvgs", "trak", "knn-shapley"])
def test_the_largest_seed_works(name: str) -> None:
    few = {"components": 2} if name == "dvgs" else {}
    found = _method(name, **few).value(_data(), seed=SEEDS - 1).values
    assert np.isfinite(found).all()


def test_the_refusal_names_the_samples_and_their_size() -> None:
    vectors = np.ones((5, 2))
    vectors[1, 0], vectors[3, 1] = 2.5e20, -3e22
    with pytest.raises(UnsuitableDataError, match=r"as large as 3e\+22 in 2 of 5 samples \(b, d\)"):
        single(vectors, tuple("abcde"))


def test_vectors_within_the_limit_are_only_cast() -> None:
    vectors = np.random.default_rng(0).uniform(-LARGEST, LARGEST, (20, 3))
    np.testing.assert_array_equal(single(vectors, ("",) * 20), vectors.astype(np.float32))
