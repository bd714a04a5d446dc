from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.kernels import arccos
from dvaudit.kernels.arccos import gram


def _slow_gram(rows: list[list[float]]) -> list[list[float]]:
    """One pair at a time, from the definition."""

    def unit(row: list[float]) -> list[float]:
        norm = math.hypot(*row)
        return [value / norm for value in row] if norm else row

    units = [unit(row) for row in rows]
    out = [[0.5] * len(rows) for _ in rows]
    for i, a in enumerate(units):
        for j, b in enumerate(units):
            if i != j:
                cosine = min(1.0, max(-1.0, sum(x * y for x, y in zip(a, b, strict=True))))
                out[i][j] = cosine * (math.pi - math.acos(cosine)) / (2 * math.pi)
    return out


@given(
    rows=st.lists(
        st.lists(st.integers(-5, 5).map(float), min_size=3, max_size=3), min_size=1, max_size=12
    ),
    strip=st.integers(1, 5),
)
@settings(max_examples=80, deadline=None)
def test_equals_the_slow_twin(rows: list[list[float]], strip: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arccos, "ROWS", strip)
        fast, report = gram(torch.tensor(rows, dtype=torch.float64))
    torch.testing.assert_close(
        fast, torch.tensor(_slow_gram(rows), dtype=torch.float64), rtol=0, atol=3e-8
    )
    assert torch.equal(fast, fast.T)
    assert report.zero_rows == sum(not any(row) for row in rows)


@pytest.mark.parametrize("scale", [1.0, 3.7, 1e-200, 1e200])
def test_scaled_copies_count_as_duplicates(scale: float) -> None:
    row = torch.tensor([0.3, -1.2, 2.0], dtype=torch.float64)
    _, report = gram(torch.stack([row, torch.ones(3, dtype=torch.float64), scale * row]))
    assert report.duplicate_rows == 1


def test_antipodal_rows_are_no_duplicates() -> None:
    matrix, report = gram(torch.tensor([[1.0, 2.0], [-1.0, -2.0]], dtype=torch.float64))
    assert report.duplicate_rows == 0
    assert float(matrix[0, 1]) == pytest.approx(0, abs=1e-8)
