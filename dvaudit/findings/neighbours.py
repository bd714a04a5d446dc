"""Nearest samples by angle, of the same and of other classes: exact, in blocks of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.core.progress import Progress, silent
from dvaudit.findings.types import Neighbours

BLOCK_NUMBERS = 1 << 24  # similarities held at once: 64 MiB, and twice that while selecting
GATHER_NUMBERS = 1 << 24

Found = tuple[NDArray[np.int64], NDArray[np.float32]]


def nearest(
    matrix: NDArray[np.floating],
    codes: NDArray[np.int64] | None = None,
    k: int = 10,
    progress: Progress = silent,
) -> Neighbours:
    """Return the `k` nearest of each row of `matrix` (n, d) by angle.

    `codes` are (n,) class codes, -1 for a missing label; None where there are no classes. Rows
    are compared as unit vectors, so a scaled copy is at angle 0; an all-zero row is at a right
    angle to every row but other zero rows. Time O(n² d), memory O(n (d + k)) and a block.

    Raises:
        UnsuitableDataError: a row holds NaN or infinity.
    """
    n = len(matrix)
    grouped = np.zeros(n, dtype=np.int64) if codes is None else np.asarray(codes, dtype=np.int64)
    # Sorted by class, every class is one slice, and samples without a label come first.
    order = np.argsort(grouped, kind="stable")
    units = _unit_rows(matrix)[order]
    sorted_codes = grouped[order]
    parts = [_empty(n, k) for _ in range(3)]
    same_rank = np.zeros(n, dtype=np.int32)
    step = max(1, min(n, BLOCK_NUMBERS // max(n, 1)))
    for start in range(0, n, step):
        progress(start / n, "finding nearest samples")
        stop = min(start + step, n)
        found, rank = _block(units, sorted_codes, start, stop, k)
        for part, (index, distance) in zip(parts, found, strict=True):
            part[0][start:stop], part[1][start:stop] = index, distance
        same_rank[start:stop] = rank
    progress(1.0, "finding nearest samples")
    return _in_input_order(parts, same_rank, order, classes=codes is not None)


def _unit_rows(matrix: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return float32 unit rows; zero rows share one extra axis of their own."""
    units = np.empty(matrix.shape, dtype=np.float32)
    norms = np.empty(len(matrix))
    step = max(1, GATHER_NUMBERS // max(1, matrix.shape[1]))
    for low in range(0, len(matrix), step):
        rows = np.asarray(matrix[low : low + step], dtype=np.float64)
        lengths = np.linalg.norm(rows, axis=1)
        norms[low : low + step] = lengths
        lengths = np.where(np.isfinite(lengths), lengths, 1.0)
        units[low : low + step] = rows / np.where(lengths == 0, 1.0, lengths)[:, None]
    bad = np.flatnonzero(~np.isfinite(norms))
    if len(bad):
        raise UnsuitableDataError(
            f"{len(bad):,} of {len(matrix):,} feature rows hold NaN or infinity "
            f"(rows {some(bad)}); impute them or leave these samples out."
        )
    zero = norms == 0
    if zero.any():
        units = np.column_stack([units, zero.astype(np.float32)])
    return np.ascontiguousarray(units)


def _block(
    units: NDArray[np.float32], codes: NDArray[np.int64], start: int, stop: int, k: int
) -> tuple[tuple[Found, Found, Found], NDArray[np.int32]]:
    """Return (same, other, all) of rows start to stop, and how near the nearest of the same is."""
    cosines = units[start:stop] @ units.T
    cosines[np.arange(stop - start), np.arange(start, stop)] = -np.inf
    rows = stop - start
    same: Found = _empty(rows, k)
    unlabelled: Found = _empty(rows, k)
    unlabelled_until = int(np.searchsorted(codes, 0))
    labelled = codes[start:stop] >= 0
    best = np.full(rows, np.inf, dtype=np.float32)
    for code in np.unique(codes[start:stop][labelled]):
        low, high = np.searchsorted(codes, [code, code + 1])
        of_class = slice(max(low, start) - start, min(high, stop) - start)
        _put(same, of_class, _select(cosines[of_class, low:high], k, low))
        best[of_class] = cosines[of_class, low:high].max(axis=1)
        cosines[of_class, low:high] = -np.inf
    alone = same[0][:, 0] < 0
    rank = np.where(alone, 0, 1 + (cosines > best[:, None]).sum(axis=1)).astype(np.int32)
    if unlabelled_until:
        _put(unlabelled, slice(0, rows), _select(cosines[:, :unlabelled_until], k, 0))
        cosines[:, :unlabelled_until] = -np.inf
    other = _select(cosines, k, 0)
    same, other, unlabelled = (_measure(units, start, found) for found in (same, other, unlabelled))
    everything = _nearest_of(same, other, unlabelled, k=k)
    return (same, other, everything), rank


def _select(cosines: NDArray[np.float32], k: int, offset: int) -> Found:
    """Return the columns (plus `offset`) of the k largest cosines of each row, padded with -1."""
    rows, width = cosines.shape
    found = _empty(rows, k)
    take = min(k, width)
    if not take:
        return found
    if take < width:
        columns = np.argpartition(cosines, width - take, axis=1)[:, width - take :]
    else:
        columns = np.broadcast_to(np.arange(width), (rows, width))
    chosen = np.take_along_axis(cosines, columns, axis=1)
    found[0][:, :take] = np.where(np.isfinite(chosen), columns + offset, -1)
    return found


def _measure(units: NDArray[np.float32], start: int, found: Found) -> Found:
    """Fill in exact angles and sort by them, then by position.

    The angle comes from the chord, 2 arcsin(|u - v| / 2): near 0 the cosine in float32 only
    resolves angles of about 1e-3, the chord about 1e-7.
    """
    index = found[0]
    distance = np.full(index.shape, np.inf, dtype=np.float32)
    step = max(1, GATHER_NUMBERS // max(1, index.shape[1] * units.shape[1]))
    for low in range(0, len(index), step):
        part = index[low : low + step]
        chords = units[part] - units[start + low : start + low + len(part), None, :]
        lengths = np.sqrt(np.einsum("ikd,ikd->ik", chords, chords))
        angles = 2 * np.arcsin(np.minimum(lengths / 2, 1.0))
        distance[low : low + step] = np.where(part >= 0, angles, np.inf)
    by_distance = np.lexsort((index, distance), axis=1)
    return np.take_along_axis(index, by_distance, 1), np.take_along_axis(distance, by_distance, 1)


def _nearest_of(*found: Found, k: int) -> Found:
    index = np.concatenate([part[0] for part in found], axis=1)
    distance = np.concatenate([part[1] for part in found], axis=1)
    first = np.lexsort((index, distance), axis=1)[:, :k]
    return np.take_along_axis(index, first, 1), np.take_along_axis(distance, first, 1)


def _empty(rows: int, k: int) -> Found:
    return np.full((rows, k), -1, dtype=np.int64), np.full((rows, k), np.inf, dtype=np.float32)


def _put(target: Found, rows: slice, found: Found) -> None:
    target[0][rows], target[1][rows] = found


def _in_input_order(
    parts: list[Found], same_rank: NDArray[np.int32], order: NDArray[np.int64], *, classes: bool
) -> Neighbours:
    """Undo the sort by class, of rows and of the positions they name."""
    n = len(order)
    position = np.append(order, -1)  # -1, no neighbour, names the last entry
    arrays: list[tuple[NDArray[np.int32], NDArray[np.float32]]] = []
    for index, distance in parts:
        named = position[index]
        # Equal distances are in the order of classes so far.
        first = np.lexsort((named, distance), axis=1)
        out_index = np.empty(index.shape, dtype=np.int32)
        out_distance = np.empty(index.shape, dtype=np.float32)
        out_index[order] = np.take_along_axis(named, first, 1)
        sorted_distance = np.take_along_axis(distance, first, 1)
        out_distance[order] = np.where(np.isfinite(sorted_distance), sorted_distance, np.nan)
        arrays.append((out_index, out_distance))
    rank = np.zeros(n, dtype=np.int32)
    rank[order] = same_rank
    same, other, everything = arrays
    return Neighbours(*same, *other, *(everything if classes else same), same_rank=rank)
