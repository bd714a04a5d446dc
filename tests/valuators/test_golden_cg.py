"""The stored cases of the paper's reference code and of an independent closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvaudit.kernels import KernelSystem
from dvaudit.valuators.cg_score import complexity_gap, gap_terms
from dvaudit.valuators.kernel_problem import one_vs_rest


@pytest.fixture(scope="module")
def cases(golden: Path) -> dict[str, np.ndarray]:
    with np.load(golden / "cg_score.npz", allow_pickle=False) as stored:
        return dict(stored)


def _own_class(X: np.ndarray, y: np.ndarray, ridge: float = 0.0) -> tuple[np.ndarray, ...]:
    codes = np.unique(y, return_inverse=True)[1]
    targets = one_vs_rest(codes, codes.max() + 1)
    solution, diagonal = KernelSystem(X, "float64", "cpu").inverse(ridge).solve(targets)
    rows = np.arange(len(y))
    return solution[rows, codes], diagonal, targets[rows, codes]


@pytest.mark.parametrize("name", ["bal", "imb", "pix"])
def test_exact_scores(cases: dict[str, np.ndarray], name: str) -> None:
    solution, diagonal, target = _own_class(cases[f"{name}_X"], cases[f"{name}_y"])
    gap, terms = complexity_gap(solution, diagonal), gap_terms(solution, diagonal, target)
    np.testing.assert_allclose(gap, cases[f"{name}_exact_oracle_vi"], rtol=1e-8)
    np.testing.assert_allclose(gap, cases[f"{name}_exact_bruteforce_vi"], rtol=1e-6)
    np.testing.assert_allclose(terms.partial / 2, cases[f"{name}_exact_ref_ab"], rtol=1e-6)
    np.testing.assert_allclose(terms.cross, cases[f"{name}_exact_ref_a2"], rtol=1e-6)
    np.testing.assert_allclose(terms.diagonal, cases[f"{name}_exact_ref_b2"], rtol=1e-6)
    np.testing.assert_allclose(terms.cross + terms.partial + terms.diagonal, gap, rtol=1e-9)


@pytest.mark.parametrize("name", ["bal", "imb", "pix"])
@pytest.mark.parametrize("repeats", [1, 5])
def test_scores_on_the_stored_negatives(
    cases: dict[str, np.ndarray], name: str, repeats: int
) -> None:
    X, y = cases[f"{name}_X"], cases[f"{name}_y"]
    prefix = f"{name}_stoch_ratio1_rep{repeats}"
    expected = cases[f"{prefix}_oracle_vi"]
    totals = np.zeros(len(y))
    for label in np.unique(y):
        positives = np.flatnonzero(y == label)
        for repeat in range(repeats):
            negatives = cases[f"{prefix}_neg_r{repeat}_c{label}"]
            rows = np.concatenate([positives, negatives])
            signs = np.where(y[rows] == label, 1.0, -1.0)[:, None]
            solution, diagonal = KernelSystem(X[rows], "float64", "cpu").inverse(0).solve(signs)
            totals[positives] += complexity_gap(solution[:, 0], diagonal)[: len(positives)]
    np.testing.assert_allclose(totals / repeats, expected, rtol=1e-8)


DEGENERATE = (
    "dup_same_label",
    "dup_other_label",
    "collinear_same_label",
    "antipodal",
    "near_dup_1e-9",
    "zero_row",
)


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_inputs_give_finite_non_negative_scores(
    cases: dict[str, np.ndarray], name: str
) -> None:
    solution, diagonal, _ = _own_class(cases[f"deg_{name}_X"], cases[f"deg_{name}_y"])
    gap = complexity_gap(solution, diagonal)
    assert np.isfinite(gap).all()
    assert (gap >= 0).all()


def test_every_stored_degenerate_case_is_tested(cases: dict[str, np.ndarray]) -> None:
    stored = {key[4:-2] for key in cases if key.startswith("deg_") and key.endswith("_X")}
    assert stored == set(DEGENERATE)


def test_regression_closed_form_and_ridges(cases: dict[str, np.ndarray]) -> None:
    X, y = cases["reg_X"], cases["reg_t"]
    for key, ridge in [("reg_closed_vi", 0.0)] + [
        (f"reg_closed_vi_lam{text}", float(text)) for text in ("1e-06", "0.001", "0.1")
    ]:
        solution, diagonal = KernelSystem(X, "float64", "cpu").inverse(ridge).solve(y[:, None])
        np.testing.assert_allclose(
            complexity_gap(solution[:, 0], diagonal), cases[key], rtol=1e-8, err_msg=key
        )
