from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.errors import NumericalError, SettingsError, UnsuitableDataError
from dvaudit.linalg import quadratic
from dvaudit.linalg.banded import banded, banded_quadratic, windows
from dvaudit.linalg.quadratic import BlockQuadratic
from dvaudit.linalg.threads import serial_workers


def _case(
    sizes: list[int], groups: int, seed: int, duplicates: bool = False
) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray, np.ndarray]:
    """Random blocks over shuffled rows; contributors hold uneven shares, the last one none."""
    rng = np.random.default_rng(seed)
    m = sum(sizes)
    features = rng.standard_normal((m, 6))
    if duplicates:
        features[m // 2 :] = features[: m - m // 2]
    rows = np.split(rng.permutation(m), np.cumsum(sizes)[:-1])
    codes = (rng.random(m) ** 2 * max(groups - 1, 1)).astype(np.int64)
    blocks = [(features[part] @ features[part].T, part) for part in rows]
    return blocks, rng.standard_normal(m), codes


def _direct(
    blocks: list[tuple[np.ndarray, np.ndarray]], y: np.ndarray, keep: np.ndarray, jitter: float
) -> float:
    value = 0.0
    for matrix, rows in blocks:
        here = keep[rows]
        system = matrix[np.ix_(here, here)] + jitter * np.eye(here.sum())
        value += y[rows[here]] @ np.linalg.solve(system, y[rows[here]])
    return value


CASES = {
    "sizes": st.lists(st.integers(1, 12), min_size=1, max_size=5),
    "groups": st.integers(1, 6),
    "seed": st.integers(0, 10**6),
    "duplicates": st.booleans(),
}


@given(**CASES)
@settings(max_examples=25, deadline=None)
def test_total_and_coalitions_equal_a_plain_solve(
    sizes: list[int], groups: int, seed: int, duplicates: bool
) -> None:
    blocks, y, codes = _case(sizes, groups, seed, duplicates)
    form = BlockQuadratic(blocks, y, codes, groups=groups, jitter=0.1)
    mask = np.random.default_rng(seed).random(groups) < 0.5
    assert form.total() == pytest.approx(_direct(blocks, y, np.ones(len(y), bool), 0.1), rel=1e-9)
    assert form.of(mask) == pytest.approx(_direct(blocks, y, mask[codes], 0.1), rel=1e-9)
    assert form.of(np.zeros(groups, bool)) == 0


@given(**CASES)
@settings(max_examples=25, deadline=None)
def test_every_prefix_equals_its_coalition(
    sizes: list[int], groups: int, seed: int, duplicates: bool
) -> None:
    blocks, y, codes = _case(sizes, groups, seed, duplicates)
    form = BlockQuadratic(blocks, y, codes, groups=groups, jitter=0.05)
    order = np.random.default_rng(seed + 1).permutation(groups)
    found = form.prefixes(order)
    for count in range(groups + 1):
        assert found[count] == pytest.approx(
            form.of(np.isin(np.arange(groups), order[:count])), rel=1e-8, abs=1e-12
        )


@given(**CASES)
@settings(max_examples=25, deadline=None)
def test_leaving_out_equals_factoring_anew(
    sizes: list[int], groups: int, seed: int, duplicates: bool
) -> None:
    blocks, y, codes = _case(sizes, groups, seed, duplicates)
    form = BlockQuadratic(blocks, y, codes, groups=groups, jitter=0.05)
    expected = [form.of(np.arange(groups) != group) for group in range(groups)]
    atol = 1e-9 * form.total()
    np.testing.assert_allclose(form.without_each_group(), expected, rtol=1e-8, atol=atol)
    one_each = BlockQuadratic(blocks, y, np.arange(len(y)), jitter=0.05)
    np.testing.assert_allclose(
        form.without_each_sample(), one_each.without_each_group(), rtol=1e-8, atol=atol
    )


def test_batches_of_one_block_or_of_several_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks, y, codes = _case([30, 29, 28, 11, 3, 0], 7, 0)
    order = np.random.default_rng(3).permutation(7)
    together = BlockQuadratic(blocks, y, codes, groups=7)
    monkeypatch.setattr(quadratic, "BATCH_BYTES", 0)
    apart = BlockQuadratic(blocks, y, codes, groups=7)
    np.testing.assert_allclose(together.prefixes(order), apart.prefixes(order), rtol=1e-9)
    np.testing.assert_allclose(together.prefixes(order), together.prefixes(order), rtol=0)
    assert (together.prefixes(order)[-1], together.total()) == pytest.approx((apart.total(),) * 2)


def test_nobody_left_is_zero_and_not_below() -> None:
    for seed in range(20):
        blocks, y, _ = _case([6, 3], 2, seed)
        form = BlockQuadratic(blocks, y, np.zeros(9), groups=2)
        left = form.without_each_group()
        assert 0 <= left[0] < 1e-9 * form.total()
        assert left[1] == form.total()


def test_workers_use_one_core_each_and_leave_the_rest_as_it_was() -> None:
    before = torch.get_num_threads()
    with serial_workers(3) as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(12))) == [1] * 12
        assert torch.get_num_threads() == before
    with ThreadPoolExecutor(1) as later:
        assert later.submit(torch.get_num_threads).result() == before


def test_only_the_lower_triangle_is_read() -> None:
    blocks, y, codes = _case([9], 3, 0)
    spoilt = [(np.tril(matrix), rows) for matrix, rows in blocks]
    order = np.array([2, 0, 1])
    np.testing.assert_array_equal(
        BlockQuadratic(spoilt, y, codes, groups=3).prefixes(order),
        BlockQuadratic(blocks, y, codes, groups=3).prefixes(order),
    )


def test_what_does_not_fit_is_refused_by_name() -> None:
    blocks, y, codes = _case([5, 4], 3, 0)
    with pytest.raises(UnsuitableDataError, match="4 of 9 rows"):
        BlockQuadratic(blocks[:1], y, codes)
    with pytest.raises(UnsuitableDataError, match="no contributor"):
        BlockQuadratic(blocks, y, codes, groups=1)
    with pytest.raises(UnsuitableDataError, match="Block 1 has 4 rows"):
        BlockQuadratic([blocks[0], (blocks[0][0], blocks[1][1])], y, codes)
    with pytest.raises(UnsuitableDataError, match="without repeats"):
        BlockQuadratic([(np.eye(2), [0, 0])], [1.0], [0])
    with pytest.raises(UnsuitableDataError, match="outside"):
        BlockQuadratic([(np.eye(1), [7])], [1.0], [0])
    with pytest.raises(UnsuitableDataError, match="both must be"):
        BlockQuadratic(blocks, y, codes[:3])
    with pytest.raises(UnsuitableDataError, match="1 signs"):
        BlockQuadratic(blocks, y, codes, signs=[1])
    with pytest.raises(NumericalError, match="1 of 1 residuals"):
        BlockQuadratic([(np.eye(1), [0])], [np.nan], [0])
    with pytest.raises(NumericalError, match=r"block 1.*larger jitter"):
        BlockQuadratic([(np.eye(2), [0, 1]), (-np.eye(2), [2, 3])], np.ones(4), np.zeros(4))
    with pytest.raises(NumericalError, match="Kernel block 0"):
        BlockQuadratic([([[np.inf]], [0])], [1.0], [0])


def _banded_inverse(sizes: list[int], bandwidth: int, seed: int) -> tuple[np.ndarray, list]:
    """A matrix whose inverse is zero further than `bandwidth` blocks off the diagonal."""
    rng = np.random.default_rng(seed)
    number = np.repeat(np.arange(len(sizes)), sizes)
    inverse = rng.standard_normal((len(number), len(number)))
    inverse = (inverse + inverse.T) * (abs(number[:, None] - number) <= bandwidth)
    inverse += np.diag(abs(inverse).sum(1) + 1)
    blocks = [np.flatnonzero(number == block) for block in range(len(sizes))]
    return np.linalg.inv(inverse), blocks


@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    bandwidth=st.integers(0, 5),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=25, deadline=None)
def test_banded_form_is_exact_where_the_inverse_is_banded(
    sizes: list[int], bandwidth: int, seed: int
) -> None:
    bandwidth = min(bandwidth, len(sizes) - 1)
    theta, blocks = _banded_inverse(sizes, bandwidth, seed)
    y = np.random.default_rng(seed).standard_normal(len(theta))
    exact = y @ np.linalg.solve(theta, y)
    found = banded_quadratic(theta, blocks, bandwidth, y, jitter=0)
    assert found == pytest.approx(exact, rel=1e-9)
    form = banded(theta, blocks, bandwidth, y, np.zeros(len(y), int), jitter=0)
    assert form.total() == pytest.approx(exact, rel=1e-9)


def test_banded_form_spans_block_diagonal_to_exact() -> None:
    (given,), y, codes = _case([24], 4, 1)
    theta = np.empty_like(given[0])
    theta[np.ix_(given[1], given[1])] = given[0]
    blocks = np.split(np.arange(24), 6)
    diagonal = BlockQuadratic([(theta[np.ix_(rows, rows)], rows) for rows in blocks], y, codes)
    whole = BlockQuadratic([(theta, np.arange(24))], y, codes)

    def between(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return theta[np.ix_(rows, columns)]

    assert banded_quadratic(between, blocks, 0, y) == pytest.approx(diagonal.total(), rel=1e-9)
    assert banded_quadratic(between, blocks, 5, y) == pytest.approx(whole.total(), rel=1e-9)


@pytest.mark.parametrize("bandwidth", [0, 1, 2])
def test_banded_coalitions_prefixes_and_leave_one_out_agree(bandwidth: int) -> None:
    theta, blocks = _banded_inverse([4, 3, 5, 2], 3, 2)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, len(theta))
    form = banded(theta, blocks, bandwidth, rng.standard_normal(len(theta)), codes, groups=4)
    order = rng.permutation(4)
    prefixes = [form.of(np.isin(np.arange(4), order[:count])) for count in range(5)]
    without = [form.of(np.arange(4) != group) for group in range(4)]
    np.testing.assert_allclose(form.prefixes(order), prefixes, rtol=1e-9)
    np.testing.assert_allclose(form.without_each_group(), without, rtol=1e-9)


def test_windows_minus_overlaps_hold_every_row_once() -> None:
    signed = windows([[0, 1], [2], [3, 4], [5]], 2)
    assert [(sign, rows.tolist()) for sign, rows in signed] == [
        (1, [0, 1, 2, 3, 4]),
        (-1, [2, 3, 4]),
        (1, [2, 3, 4, 5]),
    ]
    with pytest.raises(SettingsError, match="0 to 3, not 4"):
        windows([[0]] * 4, 4)


def test_banded_window_that_is_not_definite_is_named() -> None:
    with pytest.raises(NumericalError, match="Window 0 of 2 rows"):
        banded_quadratic(-np.eye(2), [[0, 1]], 0, np.ones(2))
