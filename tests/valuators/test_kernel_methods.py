"""The kernel methods against really leaving samples out, and the factor they share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from vectors import vector_dataset

from dvaudit import valuators
from dvaudit.core.dataset import Task
from dvaudit.core.errors import ResourceError
from dvaudit.kernels import system as kernel_system
from dvaudit.kernels.arccos import gram
from dvaudit.kernels.system import plan_precision

RIDGE = 0.3


def _data(n: int = 40, classes: int = 3, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, classes, n)
    return np.eye(classes, 6)[codes] * 2 + rng.standard_normal((n, 6)), codes


def _left_out(vectors: np.ndarray, targets: np.ndarray, ridge: float) -> np.ndarray:
    """Train without sample i and predict it, once for every i."""
    kernel = gram(torch.as_tensor(vectors))[0].numpy()
    out = np.empty_like(targets)
    for i in range(len(targets)):
        keep = np.arange(len(targets)) != i
        system = kernel[np.ix_(keep, keep)] + ridge * np.eye(keep.sum())
        out[i] = kernel[i, keep] @ np.linalg.solve(system, targets[keep])
    return out


def test_margin_equals_training_without_each_sample() -> None:
    vectors, codes = _data()
    result = valuators.get("kernel-loo", {"ridge": RIDGE}).value(vector_dataset(vectors, codes))
    targets = np.where(np.eye(3)[codes] == 1, 1.0, -1.0)
    predictions = _left_out(vectors, targets, RIDGE)
    assert result.class_scores is not None
    np.testing.assert_allclose(result.class_scores, predictions, rtol=1e-8, atol=1e-9)
    for i, code in enumerate(codes):
        others = [c for c in range(3) if c != code]
        best = max(others, key=lambda c: predictions[i, c])
        margin = predictions[i, best] - predictions[i, code]
        assert result.margins is not None
        assert result.margins[i] == pytest.approx(margin, rel=1e-7)
        assert result.values[i] == -result.margins[i]
        expected = f"class {best}" if margin > 0 else None
        assert result.suggested_labels is not None
        assert result.suggested_labels[i] == expected


def test_gap_equals_the_drop_of_the_quadratic_form() -> None:
    vectors, codes = _data(30)
    result = valuators.get("cg-score").value(vector_dataset(vectors, codes))
    kernel = gram(torch.as_tensor(vectors))[0].numpy()
    for i, code in enumerate(codes):
        signs, keep = np.where(codes == code, 1.0, -1.0), np.arange(30) != i
        whole = signs @ np.linalg.solve(kernel, signs)
        rest = signs[keep] @ np.linalg.solve(kernel[np.ix_(keep, keep)], signs[keep])
        assert -result.values[i] == pytest.approx(whole - rest, rel=1e-6)


def test_regression_suggests_the_leave_one_out_prediction_in_the_units_of_the_target() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((50, 4))
    targets = 1000 + 20 * vectors[:, 0]
    targets[7] += 300
    data = vector_dataset(vectors, targets, Task.REGRESSION)
    result = valuators.get("kernel-loo", {"ridge": RIDGE}).value(data)
    scaled = ((targets - targets.mean()) / targets.std())[:, None]
    expected = targets.mean() + targets.std() * _left_out(vectors, scaled, RIDGE)[:, 0]
    np.testing.assert_allclose(result.columns["loo_prediction"], expected, rtol=1e-9)
    assert result.suspicion_ranks()[7] == 1
    assert result.suggested_labels is not None
    assert float(result.suggested_labels[7]) == pytest.approx(expected[7], rel=1e-5)


def test_single_sample_class_is_ranked_and_not_flagged() -> None:
    vectors, codes = _data()
    codes[0] = 3
    result = valuators.get("kernel-loo").value(vector_dataset(vectors, codes))
    assert result.flagged is not None
    assert not result.flagged[0]
    assert "1 class has a single sample" in result.warnings[0]


def test_methods_of_equal_ridge_share_one_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[float] = []
    factorise = kernel_system.factorise

    def counting(build: object, ridge: float) -> object:
        made.append(ridge)
        return factorise(build, ridge)  # type: ignore[arg-type]

    monkeypatch.setattr(kernel_system, "factorise", counting)
    data = vector_dataset(*_data())
    shared = valuators.Shared()
    for name in ("cg-score", "kernel-loo"):
        valuators.get(name, {"ridge": RIDGE}).value(data, shared=shared)
    assert made == [RIDGE]
    valuators.get("cg-score", {"ridge": 0}).value(data, shared=shared)
    assert made == [RIDGE, 0]


def test_sign_test_is_the_papers_at_even_classes_and_milder_for_a_rare_class() -> None:
    vectors, codes = _data(40, 2)
    codes[:] = np.arange(40) % 2
    even = valuators.get("cg-score").value(vector_dataset(vectors, codes))
    assert even.flagged is not None
    np.testing.assert_array_equal(even.flagged, even.columns["partial_cg"] > 0)
    codes[:] = np.arange(40) % 8 != 0
    rare = valuators.get("cg-score").value(vector_dataset(vectors, codes))
    assert rare.flagged is not None
    positive = rare.columns["partial_cg"] > 0
    assert not (rare.flagged & ~positive)[codes == 0].any()
    assert rare.flagged[codes == 0].sum() < positive[codes == 0].sum()


@pytest.mark.parametrize("name", ["cg-score", "kernel-loo"])
def test_float32_ranks_as_float64(name: str) -> None:
    vectors, codes = _data(400, 4)
    data = vector_dataset(vectors, codes)
    double, single = (
        valuators.get(name, {"ridge": 0.1, "precision": precision}).value(data).values
        for precision in ("float64", "float32")
    )
    assert spearmanr(double, single).statistic > 0.9999


def test_plan_takes_float64_where_it_fits_and_refuses_with_the_numbers() -> None:
    assert plan_precision(1000, "auto", 1 << 30) == "float64"
    assert plan_precision(10_000, "auto", 600 << 20) == "float32"
    with pytest.raises(ResourceError, match=r"100,000 samples need 42\.8 GiB"):
        plan_precision(100_000, "auto", 8 << 30)
    with pytest.raises(ResourceError, match="float64"):
        plan_precision(10_000, "float64", 600 << 20)
