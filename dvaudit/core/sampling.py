"""Subsamples drawn without replacement, stratified by class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def stratified_rows(codes: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """Return at most `size` sorted row numbers, each class in proportion to its share.

    Every class keeps at least one row as long as there are no more classes than `size`.
    """
    n = len(codes)
    if n <= size:
        return np.arange(n)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(n)
    # The position of a row within its class, as a share of the class: taking the rows of lowest
    # share takes the same share of every class, and the first row of each class before all else.
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]
    sizes = np.unique(codes[order], return_counts=True)[1]
    within = np.concatenate([np.arange(count) / count for count in sizes])
    return np.sort(order[np.argsort(within, kind="stable")[:size]])


LEAST_TOGETHER = 4  # samples of a class that share a block: fewer cannot speak for their class


def stratified_blocks(
    codes: NDArray[np.int64], size: int, seed: Sequence[int]
) -> list[NDArray[np.int64]]:
    """Return a random partition of the rows into blocks of about `size`, stratified by class.

    A class with too few samples to give every block LEAST_TOGETHER goes to fewer blocks, so that
    its samples are not each alone among strangers.

    Args:
        codes: (n,) class of each row; all equal where there is nothing to stratify by.
    """
    rng = np.random.default_rng(seed)
    count = max(1, round(len(codes) / size))
    block_of = np.empty(len(codes), dtype=np.int64)
    for code in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == code))
        shares = min(count, max(1, len(members) // LEAST_TOGETHER))
        chosen = rng.permutation(count)[:shares]
        block_of[members] = chosen[np.arange(len(members)) % shares]
    blocks = [np.flatnonzero(block_of == number) for number in range(count)]
    return [rows for rows in blocks if len(rows)]
