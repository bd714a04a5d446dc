"""KNN-Shapley: exact Shapley values of samples for a nearest-neighbour model, in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Task
from dvaudit.core.machine import Cost, Machine, size_text
from dvaudit.core.settings import setting
from dvaudit.valuators.base import Scores
from dvaudit.valuators.kernel_problem import standardised
from dvaudit.valuators.registry import register
from dvaudit.valuators.trained import TrainedValuator, TrainingProblem

Floats = NDArray[np.float64]

BLOCK_ELEMENTS = 1 << 20  # distances of a block of trusted samples to all others
BLOCK_COPIES = 9  # distances, their order, and the terms of the recursion
SORT_SECONDS = 2e-7  # an element of a block, sorted and summed


def class_shapley(matches: Floats, neighbours: int) -> Floats:
    """Return Shapley values of n samples for KNN classification of each of b queries, (b, n).

    Jia et al. 2019, theorem 1: with m_i = 1 where the i-th nearest sample has the query's label,
    s_i - s_{i+1} = (m_i - m_{i+1}) / K * min(K, i) / i and s_n = m_n / K * min(K, n) / n. The
    utility of a set is the number of matches among its K nearest over K, 0 for no samples.

    Args:
        matches: (b, n) of 0 and 1, columns from the nearest sample to the farthest.
        neighbours: K.
    """
    n = matches.shape[1]
    reach = np.minimum(neighbours, np.arange(1, n + 1)) / np.arange(1, n + 1) / neighbours
    steps = (matches[:, :-1] - matches[:, 1:]) * reach[:-1]
    return _summed_from_farthest(steps, matches[:, -1] * reach[-1])


def regression_shapley(targets: Floats, truth: Floats, neighbours: int) -> Floats:
    """Return Shapley values of n samples for KNN regression of each of b queries, (b, n).

    The utility of a set is -(sum of the targets of its K nearest / K - truth)^2, also where it
    has fewer than K samples, as in Jia et al. 2019 (their theorem for unweighted regression);
    with no samples -truth^2. With T the sum of the targets of the K - 1 nearest of a random set
    without i and i+1, counted where it has fewer than K samples nearer than i,
    s_i - s_{i+1} = -(y_i - y_{i+1}) / K * (((y_i + y_{i+1}) / K - 2 t) min(K, i) / i + 2 E[T] / K).

    Args:
        targets: (b, n), columns from the nearest sample to the farthest; centred, since fewer
            than K samples predict towards 0.
        truth: (b,) targets t of the queries.
        neighbours: K.
    """
    n, t = targets.shape[1], truth[:, None]
    rank = np.arange(1.0, n + 1)
    nearer = np.cumsum(targets, axis=1) - targets  # sum of y_l over l < i
    # A nearer sample is in the set, along with at most K - 2 others nearer than i.
    held = np.minimum(neighbours, rank)
    in_nearer = held * (held - 1) / (2 * rank * np.maximum(rank - 1, 1))
    # A sample l > i + 1 is in the set, along with at most K - 2 others nearer than l.
    later = np.minimum(neighbours, rank - 1) * np.minimum(neighbours - 1, rank - 2)
    later = np.where(rank > 2, later / (2 * np.maximum((rank - 1) * (rank - 2), 1)), 0)
    farther = np.cumsum((targets * later)[:, ::-1], axis=1)[:, ::-1]  # sum over l >= i
    farther = np.pad(farther, ((0, 0), (0, 1)))[:, 2:]  # over l >= i + 2, for i < n

    here, after = targets[:, :-1], targets[:, 1:]
    others = nearer[:, :-1] * in_nearer[:-1] + farther
    gap = ((here + after) / neighbours - 2 * t) * (held / rank)[:-1] + 2 * others / neighbours
    steps = -(here - after) / neighbours * gap

    last = (targets[:, -1] / neighbours - 2 * truth) * held[-1] / n
    last = last + 2 * nearer[:, -1] * in_nearer[-1] / neighbours
    return _summed_from_farthest(steps, -targets[:, -1] / neighbours * last)


def _summed_from_farthest(steps: Floats, last: Floats) -> Floats:
    """Return s, (b, n), from s_i - s_{i+1}, (b, n - 1), and s_n, (b,)."""
    whole = np.column_stack([steps, last])
    return np.asarray(np.cumsum(whole[:, ::-1], axis=1)[:, ::-1])


@register
@final
class KnnShapley(TrainedValuator):
    name = "knn-shapley"
    title = "KNN-Shapley"
    summary = (
        "How much each sample helps its nearest neighbours among the trusted samples to be "
        "predicted right: exact Shapley values of a nearest-neighbour model. Fast at any size."
    )
    use = (
        "On large data with a trusted set, where an answer is wanted at once. As good as the "
        "nearest neighbours in the features are."
    )
    reference = (
        "Jia, Dao, Wang, Hubis, Gurel, Li, Zhang, Spanos, Song: Efficient Task-Specific Data "
        "Valuation for Nearest Neighbor Algorithms, VLDB 2019, theorem 1"
    )
    tasks = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    needs = frozenset({"trusted"})
    detects_mislabels = True
    baseline = True

    @dataclass(frozen=True)
    class Settings:
        neighbours: int = setting(
            10, "Nearest samples that predict a trusted one.", low=1, high=100_000
        )

    def estimate(self, samples: int, dimensions: int, classes: int, machine: Machine) -> Cost:
        pairs = samples * samples / 2  # halves of the data against each other
        seconds = pairs * (2 * dimensions / machine.flops + SORT_SECONDS)
        block = max(BLOCK_ELEMENTS, samples)
        needed = 8 * (4 * samples * dimensions + BLOCK_COPIES * block)
        plan = f"trusted samples in blocks of about {block:,} distances ({size_text(needed)})"
        return Cost(seconds, needed, plan)

    def _value(self, problem: TrainingProblem) -> Scores:
        assert problem.trusted_inputs is not None
        neighbours, classes = self.settings.neighbours, problem.task is Task.CLASSIFICATION
        labels, known = problem.labels, problem.trusted_labels
        assert known is not None
        if not classes:
            labels, mean, scale = standardised(labels.astype(np.float64))
            known = (known - mean) / scale
        total = np.zeros(len(labels))
        for rows, order in _neighbourhoods(problem):
            if classes:
                matches = (labels[order] == known[rows, None]).astype(np.float64)
                found = class_shapley(matches, neighbours)
            else:
                found = regression_shapley(labels[order], known[rows], neighbours)
            total += np.bincount(order.ravel(), found.ravel(), minlength=len(total))
        unit = "shares of right votes" if classes else "squared error by variance of the targets"
        return Scores(
            values=total / len(known),
            status=f"Exact for {neighbours:,} neighbours, columns standardised; in {unit}.",
            stats={"neighbours": neighbours, "unit": unit},
        )


def _neighbourhoods(problem: TrainingProblem) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Return blocks of trusted rows, and for each the (b, m) samples from near to far."""
    from sklearn.preprocessing import StandardScaler  # here: listing the methods loads none of it

    assert problem.trusted_inputs is not None
    scaler = StandardScaler().fit(problem.inputs.astype(np.float64))
    source = scaler.transform(problem.inputs.astype(np.float64))
    trusted = scaler.transform(problem.trusted_inputs.astype(np.float64))
    lengths = np.square(source).sum(axis=1)
    block = max(1, BLOCK_ELEMENTS // len(source))
    for start in range(0, len(trusted), block):
        rows = slice(start, min(start + block, len(trusted)))
        problem.progress(start / len(trusted), f"neighbours of {len(trusted):,} trusted samples")
        queries = trusted[rows]
        squared = lengths - 2 * (queries @ source.T) + np.square(queries).sum(axis=1)[:, None]
        # In float32, the rounding of the product does not tell copies of a sample apart: they
        # stay ties, which keep input order.
        yield rows, np.argsort(squared.astype(np.float32), axis=1, kind="stable")
