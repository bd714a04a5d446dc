"""Nearest samples of large datasets: exact within the leaves of random trees.

Each tree halves the samples along random directions until a leaf has at most LEAF of them
(Dasgupta and Freund 2008); samples of a small angle fall into one leaf of some tree with high
probability. Time O(n LEAF d) a tree.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.progress import Progress, part, silent
from dvaudit.findings.neighbours import nearest
from dvaudit.findings.types import Neighbours

EXACT_ROWS = 60_000  # up to here every pair is compared
LEAF = 2048
TREES = 4

SIDES = ("same", "other", "all")


def near(
    matrix: NDArray[np.floating],
    codes: NDArray[np.int64] | None = None,
    k: int = 10,
    progress: Progress = silent,
    *,
    exact_rows: int = EXACT_ROWS,
    leaf: int = LEAF,
) -> Neighbours:
    """Return the k nearest of each row by angle: exact up to `exact_rows` rows, else by forest.

    Beyond, a neighbour that shares no leaf with a sample is missed, and `same_rank` is the
    largest rank seen in a leaf, an estimate. Arguments as in `nearest`.
    """
    if len(matrix) <= exact_rows:
        return nearest(matrix, codes, k, progress)
    merged: Neighbours | None = None
    for tree in range(TREES):
        stage = part(progress, tree / TREES, (tree + 1) / TREES)
        found = _in_leaves(matrix, codes, k, _leaves(matrix, leaf, tree), stage)
        merged = found if merged is None else _merge(merged, found, k)
    assert merged is not None
    progress(1.0, "finding nearest samples")
    return merged


def _leaves(matrix: NDArray[np.floating], leaf: int, seed: int) -> list[NDArray[np.int64]]:
    """Return a partition of the rows: halved at the median of random projections of unit rows."""
    rng = np.random.default_rng(seed)
    depth = max(0, int(np.ceil(np.log2(len(matrix) / leaf))))
    directions = rng.standard_normal((matrix.shape[1], max(depth, 1))).astype(np.float32)
    lengths = np.linalg.norm(matrix, axis=1)
    places = (matrix @ directions) / np.where(lengths > 0, lengths, 1)[:, None]
    leaves = [np.arange(len(matrix))]
    for level in range(depth):
        halves = []
        for rows in leaves:
            order = rows[np.argsort(places[rows, level], kind="stable")]
            halves += [order[: len(order) // 2], order[len(order) // 2 :]]
        leaves = halves
    return [np.sort(rows) for rows in leaves]


def _in_leaves(
    matrix: NDArray[np.floating],
    codes: NDArray[np.int64] | None,
    k: int,
    leaves: list[NDArray[np.int64]],
    progress: Progress,
) -> Neighbours:
    n = len(matrix)
    index = {side: np.full((n, k), -1, dtype=np.int32) for side in SIDES}
    distance = {side: np.full((n, k), np.nan, dtype=np.float32) for side in SIDES}
    rank = np.zeros(n, dtype=np.int32)
    for number, rows in enumerate(leaves):
        progress(number / len(leaves), "finding nearest samples")
        found = nearest(matrix[rows], None if codes is None else codes[rows], k)
        named = np.append(rows, -1).astype(np.int32)  # -1, no neighbour, names the last entry
        for side in SIDES:
            index[side][rows] = named[getattr(found, f"{side}_index")]
            distance[side][rows] = getattr(found, f"{side}_distance")
        rank[rows] = found.same_rank
    return _neighbours(index, distance, rank)


def _merge(one: Neighbours, two: Neighbours, k: int) -> Neighbours:
    indices: dict[str, NDArray[np.int32]] = {}
    distances: dict[str, NDArray[np.float32]] = {}
    for side in SIDES:
        index = np.concatenate([getattr(found, f"{side}_index") for found in (one, two)], axis=1)
        distance = np.concatenate(
            [getattr(found, f"{side}_distance") for found in (one, two)], axis=1
        )
        distance = np.where(index < 0, np.inf, distance)
        # A neighbour found twice is kept once: sorted by name, the second is next to the first.
        by_name = np.argsort(index, axis=1, kind="stable")
        index = np.take_along_axis(index, by_name, 1)
        distance = np.take_along_axis(distance, by_name, 1)
        twice = (index[:, 1:] == index[:, :-1]) & (index[:, 1:] >= 0)
        index[:, 1:][twice], distance[:, 1:][twice] = -1, np.inf
        first = np.lexsort((index, distance), axis=1)[:, :k]
        nearest_first = np.take_along_axis(distance, first, 1)
        indices[side] = np.take_along_axis(index, first, 1)
        distances[side] = np.where(np.isfinite(nearest_first), nearest_first, np.nan)
    return _neighbours(indices, distances, np.maximum(one.same_rank, two.same_rank))


def _neighbours(
    index: dict[str, NDArray[np.int32]],
    distance: dict[str, NDArray[np.float32]],
    rank: NDArray[np.int32],
) -> Neighbours:
    return Neighbours(
        same_index=index["same"],
        same_distance=distance["same"].astype(np.float32),
        other_index=index["other"],
        other_distance=distance["other"].astype(np.float32),
        all_index=index["all"],
        all_distance=distance["all"].astype(np.float32),
        same_rank=rank,
    )
