from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.errors import NumericalError, SettingsError, UnsuitableDataError
from dvaudit.core.progress import Cancelled
from dvaudit.kernels import mixture as module
from dvaudit.kernels import mmd
from dvaudit.kernels.mixture import (
    CODE_COMPATIBLE,
    Mixture,
    choose_mixture,
    kernel_weights,
    median_ladder,
)
from dvaudit.kernels.mmd import MmdSums

TWO = Mixture((0.7, 3.0), (0.25, 0.75))


@pytest.fixture(scope="module")
def cases(golden: Path) -> dict[str, np.ndarray]:
    with np.load(golden / "davinz.npz", allow_pickle=False) as stored:
        return dict(stored)


def _kernel(x: np.ndarray, z: np.ndarray, mixture: Mixture) -> np.ndarray:
    squared = ((x[:, None] - z[None]) ** 2).sum(2)
    return sum(
        weight * np.exp(-squared / (2 * sigma**2))
        for weight, sigma in zip(mixture.weights, mixture.sigmas, strict=True)
    )


def _squared(x: np.ndarray, z: np.ndarray, mixture: Mixture) -> float:
    """The biased MMD^2 from all pairs."""
    pairs = [_kernel(a, b, mixture).mean() for a, b in ((x, x), (z, z), (x, z))]
    return float(pairs[0] + pairs[1] - 2 * pairs[2])


def _sums(x: np.ndarray, codes: np.ndarray, z: np.ndarray, mixture: Mixture, **how) -> MmdSums:
    return MmdSums.build(x, codes, z, mixture, precision="float64", **how)


@pytest.mark.parametrize("sigma", [1, 5])
def test_stored_distances(cases: dict[str, np.ndarray], sigma: int) -> None:
    mixture = Mixture((float(sigma),), (1.0,))
    sums = _sums(cases["X"], cases["parties"], cases["Xv"], mixture)
    everybody = np.ones((1, 4), dtype=bool)
    np.testing.assert_allclose(
        sums.squared(everybody), cases[f"mmd2_sigma{sigma}_biased_ref"], rtol=1e-12
    )
    np.testing.assert_allclose(
        sums.squared_unbiased(everybody), cases[f"mmd2_sigma{sigma}_unbiased_ref"], rtol=1e-12
    )


def test_stored_parties_coalitions_and_leave_one_out(cases: dict[str, np.ndarray]) -> None:
    sums = _sums(cases["X"], cases["parties"], cases["Xv"], CODE_COMPATIBLE)
    masks = cases["coalitions"].astype(bool)
    np.testing.assert_allclose(sums.distance(masks), cases["coalition_mmd"], rtol=1e-12)
    parties = np.vstack([~np.eye(4, dtype=bool), np.ones((1, 4), dtype=bool)])
    np.testing.assert_allclose(sums.distance(parties), cases["party_mmd"], rtol=1e-12)
    without = np.sqrt(sums.squared_without_each())
    np.testing.assert_allclose(without, cases["loo_mmd_ref"], rtol=1e-12)


@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any),
    strip=st.sampled_from([1, 3, 1024]),
    seed=st.integers(0, 10**6),
    duplicates=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_every_coalition_equals_its_samples_pair_by_pair(
    sizes: list[int], strip: int, seed: int, duplicates: bool
) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x, z = rng.standard_normal((len(codes), 3)), rng.standard_normal((5, 3)) + 0.5
    if duplicates:
        x[len(x) // 2 :] = x[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mmd, "MOST_ROWS", strip)
        sums = _sums(x, codes, z, TWO, groups=len(sizes))
    masks = rng.random((4, len(sizes))) < 0.5
    for mask, found in zip(masks, sums.squared(masks), strict=True):
        kept = x[mask[codes]]
        if len(kept):
            assert found == pytest.approx(_squared(kept, z, TWO), rel=1e-9, abs=1e-14)
        else:
            assert np.isnan(found)
    if len(x) > 1:
        expected = [_squared(np.delete(x, i, 0), z, TWO) for i in range(len(x))]
        np.testing.assert_allclose(sums.squared_without_each(), expected, rtol=1e-9, atol=1e-14)


def test_sums_per_sample_are_those_of_the_kernel_matrix() -> None:
    rng = np.random.default_rng(0)
    x, z, codes = rng.standard_normal((12, 2)), rng.standard_normal((4, 2)), np.arange(12) % 3
    sums = _sums(x, codes, z, TWO)
    np.testing.assert_allclose(sums.rows, _kernel(x, x, TWO).sum(1), rtol=1e-12)
    np.testing.assert_allclose(sums.columns, _kernel(x, z, TWO).sum(1), rtol=1e-12)
    np.testing.assert_allclose(np.bincount(codes, sums.rows), sums.within.sum(1), rtol=1e-12)


def test_single_precision_far_from_the_origin() -> None:
    rng = np.random.default_rng(0)
    x, z = rng.standard_normal((200, 50)) + 1e4, rng.standard_normal((90, 50)) + 1e4 + 0.1
    mixture = Mixture((10.0,), (1.0,))
    everybody = np.ones((1, 1), dtype=bool)
    codes = np.zeros(200, dtype=int)
    narrow = MmdSums.build(x, codes, z, mixture).squared(everybody)
    np.testing.assert_allclose(narrow, _squared(x, z, mixture), atol=2e-7)


def test_a_set_against_itself_is_zero_and_never_nan() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        x = rng.standard_normal((40, 6))
        codes = np.zeros(40, dtype=int)
        found = MmdSums.build(x, codes, rng.permutation(x), CODE_COMPATIBLE).distance([[True]])
        assert 0 <= found[0] < 1e-3


def test_strips_stop_when_the_person_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmd, "MOST_ROWS", 1)
    reports: list[float] = []

    def cancel(fraction: float) -> None:
        reports.append(fraction)
        raise Cancelled

    with pytest.raises(Cancelled):
        _sums(np.zeros((50, 1)), np.zeros(50), np.zeros((2, 1)), TWO, report=cancel)
    assert len(reports) == 1


def test_unbiased_needs_two_of_each() -> None:
    z = np.zeros((1, 1))
    alone = _sums(np.zeros((2, 1)), np.array([0, 1]), z, CODE_COMPATIBLE)
    assert np.isnan(alone.squared_unbiased([[True, True], [True, False]])).all()
    pair = _sums(np.zeros((3, 1)), np.array([0, 1, 1]), np.zeros((2, 1)), CODE_COMPATIBLE)
    np.testing.assert_allclose(pair.squared_unbiased([[True, True], [False, True]]), 0, atol=1e-15)
    assert np.isnan(pair.squared_unbiased([[True, False]]))
    with pytest.raises(UnsuitableDataError, match="at least two"):
        _sums(z, np.array([0]), z, CODE_COMPATIBLE).squared_without_each()


def test_ladder_is_centred_on_the_median_and_doubles() -> None:
    x, z = np.zeros((1, 1)), np.array([[1.0], [3.0]])  # distances 1, 2, 3
    np.testing.assert_allclose(median_ladder(x, z, rungs=3), (1, 2, 4))
    np.testing.assert_allclose(median_ladder(x, z, rungs=1), 2)
    many = np.zeros((50, 1))
    np.testing.assert_allclose(median_ladder(many, z[:1], rungs=1), 1)  # duplicates do not count
    with pytest.raises(UnsuitableDataError, match="All 52 rows"):
        median_ladder(many, np.zeros((2, 1)))
    with pytest.raises(SettingsError, match="at least one"):
        median_ladder(x, z, rungs=0)


def test_weights_go_to_the_bandwidth_that_separates() -> None:
    """The sets differ in a fine ripple only, which wide kernels do not see."""
    rng = np.random.default_rng(0)
    draws = rng.uniform(0, 2 * np.pi, (8000, 1))
    x = draws[rng.random(8000) < 0.5 + 0.5 * np.sin(4 * draws[:, 0])]
    mixture = kernel_weights(x, draws, (0.2, 6.0, 12.0))
    assert mixture.weights[0] > 0.9
    assert sum(mixture.weights) == pytest.approx(1)
    assert "maximise" in mixture.note


def test_weights_maximise_the_ratio_over_a_grid() -> None:
    rng = np.random.default_rng(1)
    x, z = rng.standard_normal((400, 2)), 1.5 * rng.standard_normal((300, 2)) + 0.4
    sigmas = (0.5, 2.0)
    terms = module._h_terms(x, z, sigmas, 0)
    covariance = np.cov(terms, rowvar=False)
    covariance += module.RIDGE * covariance.diagonal().mean() * np.eye(2)

    def ratio(first: float) -> float:
        beta = np.array([first, 1 - first])
        return float(terms.mean(0) @ beta / np.sqrt(beta @ covariance @ beta))

    best = max(ratio(first) for first in np.linspace(0, 1, 2001))
    found = kernel_weights(x, z, sigmas, seed=0).weights[0]
    assert ratio(found) == pytest.approx(best, rel=1e-6)


def test_weights_are_uniform_where_nothing_separates_and_it_is_said() -> None:
    rng = np.random.default_rng(0)
    mixture = choose_mixture(rng.standard_normal((60, 3)), rng.standard_normal((60, 3)), rungs=4)
    assert mixture.weights == (0.25,) * 4
    assert "No bandwidth separates" in mixture.note
    same = np.array([[0.0], [1.0]])
    assert kernel_weights(same, same, (1.0,)).weights == (1.0,)


@pytest.mark.parametrize(
    ("sigmas", "weights"),
    [((), ()), ((1.0,), (0.5, 0.5)), ((0.0,), (1.0,)), ((1.0, 2.0), (1.5, -0.5)), ((1.0,), (2.0,))],
)
def test_impossible_mixtures_are_refused(sigmas: tuple, weights: tuple) -> None:
    with pytest.raises(SettingsError):
        Mixture(sigmas, weights)


def test_what_does_not_fit_is_refused_by_name() -> None:
    x, codes, z = np.zeros((3, 2)), np.array([0, 1, 1]), np.zeros((2, 2))
    with pytest.raises(UnsuitableDataError, match=r"2 features.*3"):
        MmdSums.build(x, codes, np.zeros((2, 3)), CODE_COMPATIBLE)
    with pytest.raises(UnsuitableDataError, match="no validation row"):
        MmdSums.build(x, codes, np.zeros((0, 2)), CODE_COMPATIBLE)
    with pytest.raises(UnsuitableDataError, match="3 samples"):
        MmdSums.build(x, codes[:2], z, CODE_COMPATIBLE)
    with pytest.raises(UnsuitableDataError, match=r"outside 0\.\.0"):
        MmdSums.build(x, codes, z, CODE_COMPATIBLE, groups=1)
    with pytest.raises(NumericalError, match="1 of 3 sample rows"):
        MmdSums.build([[0, 0], [np.nan, 0], [0, 0]], codes, z, CODE_COMPATIBLE)
    with pytest.raises(UnsuitableDataError, match=r"\(c, 2\)"):
        MmdSums.build(x, codes, z, CODE_COMPATIBLE).squared(np.ones((1, 3), dtype=bool))
    with pytest.raises(UnsuitableDataError, match="two samples of each"):
        kernel_weights(x, z[:1], (1.0,))
