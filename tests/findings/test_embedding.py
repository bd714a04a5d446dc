"""Principal components against a decomposition of the whole matrix, and the grid of maps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dvaudit.findings import on_grid, principal_components
from dvaudit.findings.embedding import EXACT, SIDE


def slow_components(matrix: np.ndarray, components: int) -> np.ndarray:
    centred = matrix.astype(np.float64) - matrix.mean(0, dtype=np.float64)
    left, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
    return (left * sizes * signs)[:, :components]


def falling_spectrum(n: int, d: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sizes = 10.0 * 0.6 ** np.arange(min(n, d))
    left, _ = np.linalg.qr(rng.standard_normal((n, len(sizes))))
    right, _ = np.linalg.qr(rng.standard_normal((d, len(sizes))))
    return ((left * sizes) @ right.T + 3.0).astype(np.float32)


@pytest.mark.parametrize("shape", [(60, 5), (8, 40), (50, EXACT + 40)])
@pytest.mark.parametrize("components", [1, 2, 5])
def test_components_are_those_of_the_whole_decomposition(
    shape: tuple[int, int], components: int
) -> None:
    matrix = falling_spectrum(*shape, seed=components)
    found = principal_components(matrix, components)
    assert np.allclose(found, slow_components(matrix, components), atol=2e-3)


def test_missing_dimensions_are_zero() -> None:
    found = principal_components(np.arange(12.0).reshape(6, 2)[:, :1], 2)
    assert found.shape == (6, 2)
    assert (found[:, 1] == 0).all()
    assert np.allclose(found[:, 0], np.arange(6.0) * 2 - 5)


@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-1e6, 1e6)))
def test_the_grid_keeps_the_shape_and_fills_the_square(points: np.ndarray) -> None:
    found = on_grid(points).astype(np.float64)
    assert found.min() >= 0
    assert found.max() <= SIDE
    span = (points.max(0) - points.min(0)).max()
    if span > 1e-3:
        assert np.allclose(np.ptp(found, axis=0).max(), SIDE, atol=1)
        between = (found[:, None] - found[None]) / SIDE
        wanted = (points[:, None] - points[None]) / span
        assert np.abs(between - wanted).max() <= 2 / SIDE


def test_points_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="1 points are not finite"):
        on_grid(np.array([[0.0, np.nan], [1.0, 2.0]]))


def test_no_points_make_an_empty_map() -> None:
    assert on_grid(np.zeros((0, 2))).shape == (0, 2)
