"""Validation performance by retraining, exactly and for any coalition: a ridge probe.

A probe is ridge regression of the targets on random ReLU features of the inputs. Its normal
equations add up over contributors, so that training on any coalition is one solve of their sum,
whatever the number of samples. Performance is measured on the trusted set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from dvaudit.core.dataset import Task
from dvaudit.valuators.contributing import ContributorProblem
from dvaudit.valuators.kernel_problem import one_vs_rest, standardised

Floats = NDArray[np.float64]

FEATURES = 256
RIDGE = 1e-2  # times the mean diagonal of the normal matrix of all samples
CHUNK = 4096
RANDOM_ORDERS = 20


@dataclass(frozen=True, eq=False)
class Probe:
    """Normal equations by contributor, and the trusted set in the same features.

    Attributes:
        grams: (K, p, p) sums of phi phi' over a contributor's samples.
        moments: (K, p, k) sums of phi y'.
        trusted: (v, p) features of the trusted samples.
        labels: (v,) their codes, or standardised targets.
        ridge: added to the diagonal, per sample.
    """

    task: Task
    grams: Floats
    moments: Floats
    counts: NDArray[np.int64]
    trusted: Floats
    labels: Floats
    ridge: float

    @property
    def measure(self) -> str:
        """What `performance` is, in words."""
        if self.task is Task.CLASSIFICATION:
            return "accuracy"
        return "negative mean squared error"

    def performance(self, mask: NDArray[np.bool_]) -> float:
        """Return the performance on the trusted set after training on a coalition; higher = better.

        Accuracy, or the negative mean squared error in units of the targets' variance. Nobody's
        data predicts 0 for every class and target.
        """
        predictions = self.trusted @ self.weights(mask)
        if self.task is Task.CLASSIFICATION:
            return float((predictions.argmax(1) == self.labels).mean())
        return -float(np.square(predictions[:, 0] - self.labels).mean())

    def weights(self, mask: NDArray[np.bool_]) -> Floats:
        """Return the (p, k) ridge solution on a coalition."""
        size = int(self.counts[mask].sum())
        if size == 0:
            return np.zeros(self.moments.shape[1:])
        gram = self.grams[mask].sum(0)
        gram.flat[:: len(gram) + 1] += self.ridge * size
        return np.asarray(linalg.solve(gram, self.moments[mask].sum(0), assume_a="pos"))

    def without_each(self) -> Floats:
        """Return (K,): performance lost when a contributor is left out and the probe retrained."""
        everybody = np.ones(len(self.counts), dtype=bool)
        whole = self.performance(everybody)
        lost = [
            whole - self.performance(np.arange(len(self.counts)) != contributor)
            for contributor in range(len(self.counts))
        ]
        return np.array(lost)

    def influence(self) -> Floats:
        """Return (K,): first-order rise of the trusted loss when a contributor is left out.

        With w the solution on all, H its Hessian and g_c the gradient of the contributor's
        squared loss at w: grad loss(trusted)' H^-1 g_c (Koh and Liang 2017, for a group).
        Higher = more useful.
        """
        everybody = np.ones(len(self.counts), dtype=bool)
        weights = self.weights(everybody)
        targets = self._targets()
        error = self.trusted @ weights - targets
        gradient = 2 * self.trusted.T @ error / len(self.trusted)
        hessian = self.grams.sum(0)
        hessian.flat[:: len(hessian) + 1] += self.ridge * int(self.counts.sum())
        response = linalg.solve(hessian, gradient, assume_a="pos")
        own = self.grams @ weights - self.moments
        return np.asarray((own * response).sum((1, 2)))

    def _targets(self) -> Floats:
        if self.task is Task.CLASSIFICATION:
            return one_vs_rest(self.labels.astype(np.int64), self.moments.shape[2])
        return self.labels[:, None]


def build_probe(problem: ContributorProblem) -> Probe:
    """Return the probe of a problem."""
    features = _RandomFeatures(problem)
    targets, labels = _coded(problem)
    p, k, count = features.width, targets.shape[1], len(problem.names)
    grams, moments = np.zeros((count, p, p)), np.zeros((count, p, k))
    for contributor in range(count):
        rows = np.flatnonzero(problem.codes == contributor)
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            made = features.of(problem.inputs[part])
            grams[contributor] += made.T @ made
            moments[contributor] += made.T @ targets[part]
    scale = float(np.trace(grams.sum(0)) / p / len(problem.inputs))
    return Probe(
        problem.task,
        grams,
        moments,
        problem.counts,
        features.of(problem.trusted_inputs),
        labels,
        RIDGE * (scale or 1.0),
    )


class _RandomFeatures:
    """(n, ...) inputs to (n, FEATURES + 1): ReLU of random projections, and a constant."""

    width = FEATURES + 1

    def __init__(self, problem: ContributorProblem) -> None:
        flat = problem.inputs.reshape(len(problem.inputs), -1)
        self._mean = flat.mean(0, dtype=np.float64).astype(np.float32)
        spread = float(np.sqrt(np.mean(np.square(flat - self._mean), dtype=np.float64))) or 1.0
        rng = np.random.default_rng([problem.seed, 2])
        size = flat.shape[1]
        self._directions = rng.standard_normal((size, FEATURES)).astype(np.float32)
        self._directions /= spread * np.float32(np.sqrt(size))
        self._offsets = rng.standard_normal(FEATURES).astype(np.float32)

    def of(self, inputs: NDArray[np.float32]) -> Floats:
        flat = inputs.reshape(len(inputs), -1) - self._mean
        active = np.maximum(flat @ self._directions + self._offsets, 0).astype(np.float64)
        return np.column_stack([active, np.ones(len(active))])


def _coded(problem: ContributorProblem) -> tuple[Floats, Floats]:
    """Return the (m, k) targets and the (v,) labels of the trusted set in the same units."""
    if problem.task is Task.CLASSIFICATION:
        targets = one_vs_rest(problem.labels.astype(np.int64), problem.outputs)
        return targets, problem.trusted_labels.astype(np.float64)
    scaled, mean, spread = standardised(problem.labels.astype(np.float64))
    return scaled[:, None], (problem.trusted_labels.astype(np.float64) - mean) / spread


def curves(probe: Probe, values: Floats, seed: int) -> pd.DataFrame:
    """Return performance while contributors are removed or added, by value and at random.

    Columns: order (lowest, highest, random), direction (remove, add), count of contributors
    removed or added so far, samples in use, performance, std_error (0 but for random, where it is
    over RANDOM_ORDERS orders).
    """
    rng = np.random.default_rng([seed, 3])
    lowest = np.argsort(values, kind="stable")
    # Removing in one order passes the coalitions of adding in the reverse one, backwards.
    added = {
        "lowest": _paths(probe, [lowest]),
        "highest": _paths(probe, [lowest[::-1]]),
        "random": _paths(probe, [rng.permutation(len(values)) for _ in range(RANDOM_ORDERS)]),
    }
    reverse = {"lowest": "highest", "highest": "lowest", "random": "random"}
    tables = []
    for order, paths in added.items():
        tables.append(_curve(order, "add", paths))
        tables.append(_curve(order, "remove", added[reverse[order]][:, ::-1]))
    return pd.concat(tables, ignore_index=True)


def _paths(probe: Probe, orders: list[NDArray[np.int64]]) -> Floats:
    """Return (orders, K + 1, 2): samples and performance after adding 0, 1, ..., K of an order."""
    paths = np.empty((len(orders), len(orders[0]) + 1, 2))
    for number, order in enumerate(orders):
        mask = np.zeros(len(order), dtype=bool)
        paths[number, 0] = 0, probe.performance(mask)
        for count, contributor in enumerate(order, start=1):
            mask[contributor] = True
            paths[number, count] = probe.counts[mask].sum(), probe.performance(mask)
    return paths


def _curve(order: str, direction: str, paths: Floats) -> pd.DataFrame:
    performance = paths[:, :, 1]
    error = np.zeros(performance.shape[1])
    if len(paths) > 1:
        error = performance.std(0, ddof=1) / np.sqrt(len(paths))
    return pd.DataFrame(
        {
            "order": order,
            "direction": direction,
            "count": np.arange(len(error)),
            "samples": np.rint(paths[:, :, 0].mean(0)).astype(np.int64),
            "performance": performance.mean(0),
            "std_error": error,
        }
    )
