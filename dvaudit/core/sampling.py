"""Subsamples drawn without replacement, stratified by class."""

from __future__ import annotations

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
