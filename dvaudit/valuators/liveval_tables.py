"""What a LiveVal run tells beside its values: how early they are known, and its windows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.valuators.ranking import rank_correlation

LOWEST = {"lowest_5": 0.05, "lowest_10": 0.1}
WINDOW_ROWS = 2000


def early_table(
    marks: Sequence[int], steps: int, parts: NDArray[np.float64], first: NDArray[np.int64]
) -> pd.DataFrame:
    """Return how near the sums at each mark are to the last ones, over the samples valued by then.

    Args:
        marks: (S,) steps made, ascending.
        steps: of an epoch.
        parts: (S, m) sum of values up to each mark since the one before.
        first: (m,) the mark by which a sample was first valued.

    Returns:
        Columns epoch; seen, share of the samples valued by then; rank_correlation, Spearman's with
        the last sums; lowest_5 and lowest_10, share of the lowest 5 and 10 % by the last sums that
        are among the lowest as many by then.
    """
    reached = np.cumsum(parts, axis=0)
    rows = []
    for index, (mark, sums) in enumerate(zip(marks, reached, strict=True)):
        there = first <= index
        now, last = sums[there], reached[-1][there]
        agreement = {name: _overlap(now, last, share) for name, share in LOWEST.items()}
        rows.append(
            {
                "epoch": mark / steps,
                "seen": float(there.mean()),
                "rank_correlation": rank_correlation(now, last),
                **agreement,
            }
        )
    return pd.DataFrame(rows)


def _overlap(now: NDArray[np.float64], last: NDArray[np.float64], share: float) -> float:
    count = math.ceil(share * len(last))
    lowest, wanted = (np.argsort(each, kind="stable")[:count] for each in (now, last))
    return len(np.intersect1d(lowest, wanted)) / count


def window_table(windows: NDArray[np.float64]) -> pd.DataFrame:
    """Return step, delta, rate and loss of (T, 4), every so manyeth row where there are many."""
    thinned = windows[:: math.ceil(len(windows) / WINDOW_ROWS)]
    frame = pd.DataFrame(thinned, columns=["step", "delta", "rate", "loss"])
    return frame.astype({"step": np.int64, "delta": np.int64})
