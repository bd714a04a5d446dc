"""Exact duplicates by content, near duplicates by angle, and the groups they form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.findings.types import DuplicateGroups, Neighbours

CEILING = 0.1  # radians; a photograph saved again as JPEG at quality 75 to 90 moves less than this
OF_MEDIAN = 0.13
ROUNDING = 1e-6  # radians; scaled copies of one vector differ by less than this in float32
LEAST_SAMPLES = 10


def exact(hashes: Sequence[str]) -> DuplicateGroups:
    """Group the samples with equal content hashes."""
    codes, copies = _content(hashes)
    member = copies > 1
    group = np.where(member, _by_first_member(codes, member), 0)
    return DuplicateGroups(group, member, 0.0, "Equal content, byte for byte.")


def near(neighbours: Neighbours, threshold: float | None = None) -> DuplicateGroups:
    """Group the samples whose angle is at most `threshold` radians (None: `near_threshold`).

    Groups are the connected parts of the graph of nearest samples, so a chain of near copies is
    one group.
    """
    bound = near_threshold(neighbours) if threshold is None else threshold
    return _grouped(len(neighbours), _near_edges(neighbours, bound), None, bound)


def grouped(hashes: Sequence[str], neighbours: Neighbours) -> DuplicateGroups:
    """Group exact and near duplicates together, under the data's own near threshold."""
    bound = near_threshold(neighbours)
    n = len(neighbours)
    codes, _ = _content(hashes)
    first = np.full(n, -1, dtype=np.int64)
    kinds, positions = np.unique(codes, return_index=True)
    first[kinds] = positions
    same_content = np.column_stack([np.arange(n), first[codes]])
    edges = np.concatenate([same_content, _near_edges(neighbours, bound)])
    return _grouped(n, edges, hashes, bound)


def near_threshold(neighbours: Neighbours) -> float:
    """Return the angle in radians up to which two samples of this data are near duplicates.

    The least of three bounds, and no less than float32 rounding:
    - 0.1, so that in sparse data merely similar samples never count;
    - 0.13 times the median angle to the nearest sample, so that dense data are not one group;
    - the angle below which chance alone makes less than one such pair. Around a sample the chance
      of a neighbour within r grows as r^m, m the intrinsic dimension, so of n samples about
      n ln 2 (r / median)^m have one. m comes from the ratio of the second to the first distance,
      whose logarithm has median ln 2 / m; it is what keeps a table with few columns, where
      distances near 0 are common, from being full of duplicates.
    """
    distance = neighbours.all_distance.astype(np.float64)
    n = len(distance)
    if n < LEAST_SAMPLES:
        return ROUNDING
    apart = (distance[:, 0] > ROUNDING) & np.isfinite(distance[:, 1])
    if not apart.any():
        return ROUNDING
    first, second = distance[apart, 0], distance[apart, 1]
    median = float(np.median(first))
    spread = float(np.median(np.log(second / first)))
    # (1 / (n ln 2))^(1 / m) with 1 / m = spread / ln 2.
    by_chance = median * (n * np.log(2)) ** (-spread / np.log(2))
    return float(max(ROUNDING, min(CEILING, OF_MEDIAN * median, by_chance)))


def conflicts(
    group: NDArray[np.int64], labels: NDArray[np.int64] | NDArray[np.float64] | None
) -> NDArray[np.bool_]:
    """Return (n,) True for members of groups whose known labels disagree.

    Class codes disagree when they differ; targets when they differ by more than a tenth of the
    interquartile range of all targets.
    """
    out = np.zeros(len(group), dtype=bool)
    if labels is None or not group.any():
        return out
    known = np.isfinite(labels) if labels.dtype.kind == "f" else labels >= 0
    tolerance = 0.0
    if labels.dtype.kind == "f" and known.any():
        tolerance = 0.1 * float(np.subtract(*np.percentile(labels[known], [75, 25])))
    members = (group > 0) & known
    lowest = np.full(int(group.max()) + 1, np.inf)
    highest = np.full(len(lowest), -np.inf)
    np.minimum.at(lowest, group[members], labels[members].astype(np.float64))
    np.maximum.at(highest, group[members], labels[members].astype(np.float64))
    disagree = np.isfinite(lowest) & (
        highest - np.where(np.isfinite(lowest), lowest, 0) > tolerance
    )
    out[group > 0] = disagree[group[group > 0]]
    return out


def table(
    groups: DuplicateGroups,
    conflict: NDArray[np.bool_],
    ids: Sequence[str],
    given_labels: NDArray[np.object_],
    ranks: NDArray[np.float64],
) -> pd.DataFrame:
    """Return one row per member: group, kind, id, given_label, conflict, keep.

    `keep` names one copy per group: the first labelled one in input order; where labels conflict
    the least suspicious labelled one by `ranks` (n,).
    """
    members = np.flatnonzero(groups.group)
    members = members[np.argsort(groups.group[members], kind="stable")]
    labelled = np.array([given_labels[i] is not None for i in members], dtype=bool)
    preference = np.where(conflict[members], np.nan_to_num(ranks[members], nan=0.0), 0.0)
    best_first = np.lexsort((-preference, ~labelled, groups.group[members]))
    keep = np.zeros(len(members), dtype=bool)
    _, first = np.unique(groups.group[members][best_first], return_index=True)
    keep[best_first[first]] = True
    return pd.DataFrame(
        {
            "group": groups.group[members],
            "kind": np.where(groups.exact[members], "exact", "near").astype(object),
            "id": np.asarray(ids, dtype=object)[members],
            "given_label": given_labels[members],
            "conflict": conflict[members],
            "keep": keep,
        }
    )


def _content(hashes: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (n,) codes of equal content, and (n,) how many samples share it."""
    codes = pd.factorize(np.asarray(hashes, dtype=object))[0].astype(np.int64)
    return codes, np.bincount(codes)[codes] if len(codes) else codes


def _near_edges(neighbours: Neighbours, bound: float) -> NDArray[np.int64]:
    close = (neighbours.all_index >= 0) & (neighbours.all_distance <= bound)
    rows, ranks = np.nonzero(close)
    return np.column_stack([rows, neighbours.all_index[rows, ranks]]).astype(np.int64)


def _grouped(
    n: int, edges: NDArray[np.int64], hashes: Sequence[str] | None, bound: float
) -> DuplicateGroups:
    # Here, since the web server reads this package and groups nothing.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    graph = coo_matrix((np.ones(len(edges), dtype=np.int8), (edges[:, 0], edges[:, 1])), (n, n))
    part = connected_components(graph.tocsr(), directed=False)[1].astype(np.int64)
    member = (np.bincount(part, minlength=1) > 1)[part] if n else np.zeros(0, dtype=bool)
    group = np.where(member, _by_first_member(part, member), 0)
    twins = np.zeros(n, dtype=bool) if hashes is None else _content(hashes)[1] > 1
    how = (
        "Equal content, or an angle between feature vectors of at most "
        f"{bound:.3g} rad ({np.degrees(bound):.2g}°)."
    )
    return DuplicateGroups(group, twins & member, bound, how)


def _by_first_member(part: NDArray[np.int64], member: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (n,) numbers from 1 for the parts of `member`, in order of their first member."""
    numbers = np.zeros(len(part), dtype=np.int64)
    numbers[member] = pd.factorize(part[member])[0] + 1
    return numbers
