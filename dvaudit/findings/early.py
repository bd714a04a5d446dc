"""How early in training the ranking at its end is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.trace import Trace

SHARES = (0.05, 0.1)  # of the samples, lowest first


def early_detection(trace: Trace) -> pd.DataFrame:
    """Return how well the values up to each point agree with those at the end.

    Columns: point; rank_correlation, Spearman's over the samples valued by then; lowest_5 and
    lowest_10, the share of the lowest 5 and 10 % at the end that are among the lowest as many by
    then; loss.
    """
    return agreement_with_end(trace.points, so_far(trace), trace.losses)


def agreement_with_end(
    points: NDArray[np.float64], sums: NDArray[np.floating], losses: NDArray[np.float64]
) -> pd.DataFrame:
    """Return `early_detection` of values so far, (S, n), at S points, the last being the end."""
    final = sums[-1]
    rows = []
    for point, values, loss in zip(points, sums, losses, strict=True):
        known = np.isfinite(values) & np.isfinite(final)
        rows.append(
            {
                "point": float(point),
                "rank_correlation": _spearman(values[known], final[known]),
                "lowest_5": _overlap(values[known], final[known], SHARES[0]),
                "lowest_10": _overlap(values[known], final[known], SHARES[1]),
                "loss": float(loss),
            }
        )
    return pd.DataFrame(rows)


def so_far(trace: Trace) -> NDArray[np.float64]:
    """Return (S, n) sums (additive traces) or means of the values up to each point."""
    valued = np.isfinite(trace.values)
    sums = np.cumsum(np.where(valued, trace.values, 0), axis=0, dtype=np.float64)
    counts = np.cumsum(valued, axis=0)
    sums[counts == 0] = np.nan
    return sums if trace.additive else sums / np.maximum(counts, 1)


def _spearman(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(two) == 0:
        return float("nan")
    return float(np.corrcoef(_ranks(one), _ranks(two))[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(pd.Series(values).rank(), dtype=np.float64)


def _overlap(one: NDArray[np.float64], two: NDArray[np.float64], share: float) -> float:
    count = round(share * len(one))
    if not count:
        return float("nan")
    lowest = (set(np.argsort(values, kind="stable")[:count].tolist()) for values in (one, two))
    first, second = lowest
    return len(first & second) / count
