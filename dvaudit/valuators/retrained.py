"""A learner that is retrained exactly in closed form, and what sets of samples are worth to it.

Linear ridge regression, one-vs-rest with targets +1 and -1 for classes, on standardised columns
and a constant. X_S^T X_S + penalty I grows by a rank for each sample, so that all prefixes of an
order of n samples in D dimensions cost O(n D^2 + n v D) for v trusted samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Machine
from dvaudit.core.sampling import stratified_rows
from dvaudit.core.settings import setting
from dvaudit.valuators.kernel_problem import one_vs_rest, standardised
from dvaudit.valuators.trained import TrainingProblem

Floats = NDArray[np.float64]

PENALTY_ROWS = 2000  # samples that the penalty is chosen on
BLOCK_ROWS = 64  # samples added at a time
BLOCK_SCORES = 1 << 22  # elements of the scores of a block of prefixes
BLOCK_SECONDS = 3e-4  # of calls, for each block


@dataclass(frozen=True)
class RetrainedSettings:
    penalty: float | None = setting(
        None,
        "Weight of the squared length of the model's weights. Empty: chosen by squared "
        "leave-one-out error on at most 2,000 samples.",
        low=1e-6,
        high=1e6,
    )


@dataclass(frozen=True)
class MeasuredSettings(RetrainedSettings):
    measure: str = setting(
        "auto",
        "What a model is worth on the trusted samples. auto: accuracy for classes, negative mean "
        "squared error for numbers. squared-error: that for classes too, which moves with every "
        "sample and is far less noisy.",
        choices=("auto", "squared-error"),
    )


@dataclass(frozen=True, eq=False)
class Retrained:
    """Ridge regression on any set of n samples, and its utility on v trusted ones.

    Attributes:
        source: (n, D) rows, the constant included.
        targets: (n, k), k = 1 for regression.
        trusted: (v, D).
        truth: (v, k) targets of the trusted samples.
        codes: (v,) their classes, where the utility is accuracy; None: negative mean squared
            error over samples and outputs.
        penalty: added to the diagonal of X^T X; the constant's weight is penalised like others.
    """

    source: Floats
    targets: Floats
    trusted: Floats
    truth: Floats
    codes: NDArray[np.int64] | None
    penalty: float

    def utility(self, scores: Floats) -> Floats:
        """Return (...,) utilities, higher = more useful, of models that score (..., v, k)."""
        if self.codes is None:
            return -np.asarray(np.square(scores - self.truth).mean(axis=(-2, -1)))
        return np.asarray((scores.argmax(axis=-1) == self.codes).mean(axis=-1))

    @property
    def empty(self) -> float:
        """The utility of no samples: of guessing a class, or of predicting 0."""
        if self.codes is not None:
            return 1.0 / int(self.truth.shape[1])
        return float(self.utility(np.zeros_like(self.truth)))

    def weights(self, rows: NDArray[Any]) -> Floats:
        """Return (D, k), the model of `rows`, by the smaller of the two normal equations."""
        X, Y = self.source[rows], self.targets[rows]
        if len(X) < X.shape[1]:
            system = X @ X.T + self.penalty * np.eye(len(X))
            return np.asarray(X.T @ np.linalg.solve(system, Y))
        system = X.T @ X + self.penalty * np.eye(X.shape[1])
        return np.asarray(np.linalg.solve(system, X.T @ Y))

    def of(self, masks: NDArray[np.bool_]) -> Floats:
        """Return (c,) utilities of the non-empty sets given as (c, n) masks."""
        found = [self.utility(self.trusted @ self.weights(np.flatnonzero(mask))) for mask in masks]
        return np.array(found, dtype=np.float64)

    def all(self) -> float:
        """Return the utility of all samples."""
        return float(self.of(np.ones((1, len(self.source)), dtype=bool))[0])

    def prefixes(self, order: NDArray[np.int64], full: float, truncation: float = 0.0) -> Floats:
        """Return (n + 1,) utilities of the first 0, 1, ..., n samples of `order`.

        Samples are added by blocks. With P = (X^T X + penalty I)^-1 of the samples before and W
        their model, a block X_b with X_b P X_b^T + I = L L^T gives G = L^-1 X_b P and
        R = L^-1 (Y_b - X_b W); the model of the first j samples of the block too is
        W + G_j^T R_j with the first j rows of both, and P loses G^T G (Sherman-Morrison-Woodbury).

        Args:
            full: the utility of all samples.
            truncation: from the first prefix on whose utility is within this share of
                |full - empty| from `full`, all have that utility (Ghorbani, Zou 2019,
                algorithm 1); 0 retrains for every prefix.
        """
        from scipy.linalg import solve_triangular

        n, dimensions = len(order), self.source.shape[1]
        block = int(np.clip(BLOCK_SCORES // self.truth.size, 1, BLOCK_ROWS))
        utilities = np.full(n + 1, self.empty)
        close = truncation * abs(full - self.empty) if truncation > 0 else -1.0
        inverse = np.eye(dimensions) / self.penalty
        weights, scores = np.zeros((dimensions, self.truth.shape[1])), np.zeros_like(self.truth)
        for start in range(0, n, block):
            near = np.flatnonzero(np.abs(full - utilities[: start + 1]) <= close)
            if len(near):
                break
            rows = order[start : start + block]
            X, Y = self.source[rows], self.targets[rows]
            products = X @ inverse
            lower = np.linalg.cholesky(products @ X.T + np.eye(len(X)))
            gains = solve_triangular(lower, products, lower=True, check_finite=False)
            left = solve_triangular(lower, Y - X @ weights, lower=True, check_finite=False)
            steps = (gains @ self.trusted.T)[:, :, None] * left[:, None, :]
            along = scores + np.cumsum(steps, axis=0)
            utilities[start + 1 : start + 1 + len(X)] = self.utility(along)
            scores = along[-1]
            inverse -= gains.T @ gains
            weights += gains.T @ left
        near = np.flatnonzero(np.abs(full - utilities) <= close)
        if len(near):
            utilities[near[0] :] = utilities[near[0]]
        return utilities


def build_retrained(problem: TrainingProblem, penalty: float | None, measure: str) -> Retrained:
    """Return the learner of a problem with trusted samples.

    Columns are standardised by the samples to value and divided by the root of their number;
    regression targets are standardised likewise, so that errors are in variances of the target.
    Where there are more columns than samples, both sets are expressed in the space that the
    samples span: the model never leaves it, so nothing changes.

    Args:
        penalty: None chooses it by squared leave-one-out error.
        measure: see MeasuredSettings.
    """
    from sklearn.preprocessing import StandardScaler

    assert problem.trusted_inputs is not None
    assert problem.trusted_labels is not None
    scaler = StandardScaler().fit(problem.inputs.astype(np.float64))
    source, trusted = (
        np.column_stack([scaler.transform(part) / np.sqrt(part.shape[1]), np.ones(len(part))])
        for part in (problem.inputs.astype(np.float64), problem.trusted_inputs.astype(np.float64))
    )
    if len(source) < source.shape[1]:
        basis = np.linalg.qr(source.T)[0]
        source, trusted = source @ basis, trusted @ basis
    targets, truth = _targets(problem)
    if penalty is None:
        penalty = _chosen_penalty(problem, source, targets)
    accuracy = problem.task is Task.CLASSIFICATION and measure == "auto"
    codes = problem.trusted_labels.astype(np.int64) if accuracy else None
    return Retrained(source, targets, trusted, truth, codes, penalty)


def _targets(problem: TrainingProblem) -> tuple[Floats, Floats]:
    """Return (m, k) and (v, k) targets of the samples to value and of the trusted ones."""
    labels, known = problem.labels, problem.trusted_labels
    assert known is not None
    if problem.task is Task.CLASSIFICATION:
        return one_vs_rest(labels, problem.outputs), one_vs_rest(known, problem.outputs)
    targets, mean, scale = standardised(labels.astype(np.float64))
    return targets[:, None], ((known - mean) / scale)[:, None]


def _chosen_penalty(problem: TrainingProblem, source: Floats, targets: Floats) -> float:
    import torch  # here, since listing the methods loads no torch

    from dvaudit.linalg.ridge import choose_ridge

    problem.progress(0.0, "choosing the penalty")
    codes = problem.labels.astype(np.int64)
    if problem.task is not Task.CLASSIFICATION:
        codes = np.zeros(len(codes), dtype=np.int64)
    rows = stratified_rows(codes, PENALTY_ROWS, problem.seed)
    gram = torch.as_tensor(source[rows] @ source[rows].T)
    return choose_ridge(gram, torch.as_tensor(targets[rows]))


def unit_of(learner: Retrained) -> str:
    """Return in words what the learner's utility measures."""
    return "negative mean squared error" if learner.codes is None else "accuracy"


def told_apart(values: Floats, std_errors: Floats) -> str:
    """Return a sentence that says how many values stand out of their sampling noise."""
    clear = int((np.abs(values) > 2 * std_errors).sum())
    return f"{clear:,} of {len(values):,} values are more than two standard errors from 0."


def penalty_seconds(samples: int, machine: Machine) -> float:
    """Return what choosing the penalty takes: an eigendecomposition for each half of the data."""
    return 24 * min(samples / 2, PENALTY_ROWS) ** 3 / machine.flops
