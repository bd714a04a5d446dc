"""Agreement of two rankings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rank_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Spearman's correlation of two (n,) scores, n > 0, in -1 to 1.

    Where a score is constant the correlation is not defined: 1 if both are, 0 if one is.
    """
    from scipy.stats import rankdata  # here, since listing the methods loads no scipy

    ranks = np.stack([rankdata(one), rankdata(other)])
    ranks -= ranks.mean(1, keepdims=True)
    norms = np.sqrt((ranks**2).sum(1))
    if not norms.all():
        return 1.0 if norms[0] == norms[1] else 0.0
    return float(ranks[0] @ ranks[1] / (norms[0] * norms[1]))
