"""The stored DAVINZ case: scores of coalitions, and the games over them, from the fast parts."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dvaudit.games import banzhaf, exact_banzhaf, exact_shapley, leave_one_out, shapley
from dvaudit.kernels import CODE_COMPATIBLE, MmdSums
from dvaudit.linalg.banded import banded_quadratic
from dvaudit.linalg.quadratic import BlockQuadratic

PLAYERS, ROWS = 4, 40


@pytest.fixture(scope="module")
def cases(golden: Path) -> dict[str, np.ndarray]:
    with np.load(golden / "davinz.npz", allow_pickle=False) as stored:
        return dict(stored)


def _form(cases: dict[str, np.ndarray], blocks: int, jitter: float) -> BlockQuadratic:
    edges = [part * ROWS // blocks for part in range(blocks + 1)]
    spans = [np.arange(*pair) for pair in pairwise(edges)]
    parts = [(cases["ntk"][np.ix_(rows, rows)], rows) for rows in spans]
    return BlockQuadratic(parts, cases["yhat"], cases["parties"], jitter=jitter)


@pytest.mark.parametrize("blocks", [1, 4, 7])
@pytest.mark.parametrize("jitter", [0.0001, 0.01])
def test_stored_ntk_scores(cases: dict[str, np.ndarray], blocks: int, jitter: float) -> None:
    score = np.sqrt(_form(cases, blocks, jitter).total() / ROWS)
    key = f"ntk_score_nb{blocks}_lam{jitter}"
    np.testing.assert_allclose(score, cases[f"{key}_oracle"], rtol=1e-9)
    np.testing.assert_allclose(score, cases[f"{key}_ref_f64"], rtol=1e-8)


def test_stored_permuted_blocks(cases: dict[str, np.ndarray]) -> None:
    scores = []
    for order in cases["permute_perms"]:
        blocks = [(cases["ntk"][np.ix_(rows, rows)], rows) for rows in np.split(order, 4)]
        form = BlockQuadratic(blocks, cases["yhat"], cases["parties"])
        scores.append(np.sqrt(form.total() / ROWS))
    np.testing.assert_allclose(np.mean(scores), cases["permute_score_oracle"], rtol=1e-9)


def test_banded_reaches_the_exact_score(cases: dict[str, np.ndarray]) -> None:
    spans = np.split(np.arange(ROWS), 4)
    for bandwidth, key in ((0, "nb4"), (3, "nb1")):
        found = banded_quadratic(cases["ntk"], spans, bandwidth, cases["yhat"])
        np.testing.assert_allclose(
            np.sqrt(found / ROWS), cases[f"ntk_score_{key}_lam0.0001_oracle"], rtol=1e-9
        )


def test_stored_leave_one_out_of_samples(cases: dict[str, np.ndarray]) -> None:
    form = _form(cases, 1, 1e-4)
    without = np.sqrt(form.without_each_sample() / (ROWS - 1))
    np.testing.assert_allclose(without, cases["loo_ntk_closed"], rtol=1e-9)
    np.testing.assert_allclose(without, cases["loo_ntk_ref"], rtol=1e-8)


class _Scores:
    """nu of any coalition of the four parties, under the stored kappa, ten samples each."""

    def __init__(self, cases: dict[str, np.ndarray]) -> None:
        self.form = _form(cases, 1, 1e-4)
        self.sums = MmdSums.build(
            cases["X"], cases["parties"], cases["Xv"], CODE_COMPATIBLE, precision="float64"
        )
        self.kappa = float(cases["party_kappa"])

    def of(self, q: np.ndarray, masks: np.ndarray) -> np.ndarray:
        return -self.kappa * np.sqrt(q / (10 * masks.sum(1))) - self.sums.distance(masks)

    def slow(self, masks: np.ndarray) -> np.ndarray:
        return self.of(np.array([self.form.of(mask) for mask in masks]), masks)

    def prefixes(self, order: np.ndarray) -> np.ndarray:
        masks = np.zeros((PLAYERS, PLAYERS), dtype=bool)
        masks[:, order] = np.tri(PLAYERS, dtype=bool)
        return np.append(-0.6, self.of(self.form.prefixes(order)[1:], masks))


def test_stored_coalitions_and_the_three_games(cases: dict[str, np.ndarray]) -> None:
    scores = _Scores(cases)
    masks = cases["coalitions"].astype(bool)
    stored = -scores.kappa * cases["coalition_ntk"] - cases["coalition_mmd"]
    np.testing.assert_allclose(scores.slow(masks), stored, rtol=1e-8)

    def brute(asked: np.ndarray) -> np.ndarray:
        return np.array([stored[(masks == mask).all(1)][0] for mask in asked])

    fast = shapley(scores.prefixes, PLAYERS)
    assert fast.rounds == 24
    np.testing.assert_allclose(
        fast.values, exact_shapley(scores.slow, PLAYERS, baseline=-0.6), atol=1e-10
    )
    np.testing.assert_allclose(
        fast.values, exact_shapley(brute, PLAYERS, baseline=-0.6), rtol=1e-8, atol=1e-10
    )
    np.testing.assert_allclose(
        banzhaf(scores.slow, PLAYERS, 16, baseline=-0.6).values,
        exact_banzhaf(brute, PLAYERS, baseline=-0.6),
        rtol=1e-8,
        atol=1e-10,
    )


def test_stored_leave_one_out_of_parties(cases: dict[str, np.ndarray]) -> None:
    scores = _Scores(cases)
    others = ~np.eye(PLAYERS, dtype=bool)
    without = scores.of(scores.form.without_each_group(), others)
    everybody = np.ones((1, PLAYERS), dtype=bool)
    total = float(scores.of(np.array([scores.form.total()]), everybody)[0])
    np.testing.assert_allclose(without, cases["party_combined"][:4], rtol=1e-8)
    np.testing.assert_allclose(total, cases["party_combined"][4], rtol=1e-8)
    found = leave_one_out(total, without).values
    np.testing.assert_allclose(found, cases["party_loo_value"], rtol=1e-7, atol=1e-10)
    ntk = np.append(scores.form.without_each_group() / 30, scores.form.total() / 40)
    np.testing.assert_allclose(np.sqrt(ntk), cases["party_ntk"], rtol=1e-8)
    kappa = cases["party_mmd"].mean() / np.sqrt(ntk).mean()
    np.testing.assert_allclose(kappa, scores.kappa, rtol=1e-8)
