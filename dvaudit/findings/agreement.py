"""How far methods agree on the same samples, where they part, and how firm their ranks are.

Values are those of ValuationResult: higher = more useful, NaN where a sample was not scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.errors import SettingsError
from dvaudit.core.result import suspicion_ranks

NORMAL_95 = 1.959964  # half width of a 95 % interval in standard errors

Values = Mapping[str, NDArray[np.float64]]


def rank_correlations(values: Values) -> pd.DataFrame:
    """Return the (m, m) Spearman correlations of m methods, by name.

    Each pair is over the samples that both scored; ties get their mean rank. NaN where a method
    gives all of these samples one value, or fewer than two were scored by both.

    Args:
        values: (n,) of each method.
    """
    frame = pd.DataFrame({name: _finite(column) for name, column in values.items()})
    found = frame.corr(method="spearman", min_periods=2)
    return found.clip(-1.0, 1.0)


def overlaps(values: Values, k: int) -> pd.DataFrame:
    """Return the (m, m) shares of the k most suspicious samples that two methods have in common.

    A method that scored fewer than k samples brings those it scored; the share is of the smaller
    of both sets. Two random rankings of n samples share k / n on average. Ties keep input order.

    Raises:
        SettingsError: k is below 1.
    """
    if k < 1:
        raise SettingsError(f"k is {k}; compare at least 1 sample of each method.")
    chosen = {name: suspicion_ranks(column) <= k for name, column in values.items()}
    names = list(chosen)
    shares = np.full((len(names), len(names)), np.nan)
    for row, one in enumerate(names):
        for column, other in enumerate(names):
            size = min(int(chosen[one].sum()), int(chosen[other].sum()))
            if size:
                shares[row, column] = (chosen[one] & chosen[other]).sum() / size
    return pd.DataFrame(shares, index=names, columns=names)


def rank_shares(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n,) normalised ranks in (0, 1), 0 = most suspicious: (rank - 1/2) / scored samples.

    Ties share their mean rank, so that a method with few distinct values does not disagree with
    others by the order of the input.
    """
    finite = _finite(values)
    scored = max(int(np.isfinite(finite).sum()), 1)
    ranks = pd.Series(finite).rank().to_numpy(dtype=np.float64)
    return np.asarray((ranks - 0.5) / scored)


def disagreement(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n,) how much later `one` ranks a sample than `other`, as a share of all: -1 to 1.

    Negative: `one` suspects it more than `other` does. NaN where either has no value.
    """
    return rank_shares(one) - rank_shares(other)


def most_disputed(differences: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the positions of known differences, the largest in size first; ties in input order."""
    known = np.flatnonzero(np.isfinite(differences))
    order = np.argsort(-np.abs(differences[known]), kind="stable")
    return np.asarray(known[order], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class RankIntervals:
    """Where samples may stand in a ranking whose values have standard errors.

    Attributes:
        ranks: (n,) 1 = most suspicious; ties keep input order; NaN where not scored.
        low, high: (n,) the ranks at the ends of the value's 95 % interval.
    """

    ranks: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def rank_intervals(values: NDArray[np.float64], std_errors: NDArray[np.float64]) -> RankIntervals:
    """Return each sample's rank, and those it would have at the ends of its own 95 % interval.

    The other samples keep their values: where all move at once, ranks move about as far again.

    Args:
        values, std_errors: (n,); NaN where a sample has none.
    """
    ranks = suspicion_ranks(values)
    known = np.isfinite(values) & np.isfinite(std_errors)
    pool = np.sort(values[np.isfinite(values)])
    low, high = np.full(len(values), np.nan), np.full(len(values), np.nan)
    width = NORMAL_95 * std_errors[known]
    at = values[known]
    # Values strictly below the lower end come before it at least; those up to the upper end, but
    # for the sample itself, at most.
    low[known] = np.searchsorted(pool, at - width, side="left") + 1
    high[known] = np.searchsorted(pool, at + width, side="right")
    return RankIntervals(ranks, low, high)


def firm_first(intervals: RankIntervals, k: int) -> tuple[int, int]:
    """Return how many of the k most suspicious stay among them over their whole interval, and how
    many samples' intervals lie across k, on either side of it.
    """
    first = intervals.ranks <= k
    firm = first & (intervals.high <= k)
    across = (intervals.low <= k) & (intervals.high > k)
    return int(firm.sum()), int(across.sum())


def reliability(values: NDArray[np.float64], std_errors: NDArray[np.float64]) -> float:
    """Return 1 - mean squared standard error / variance of the values, at least 0.

    It estimates the correlation with the values of another run with new seeds (reliability of
    classical test theory; Lord and Novick 1968). NaN where all values are equal.
    """
    known = np.isfinite(values) & np.isfinite(std_errors)
    if known.sum() < 2:
        return float("nan")
    spread = float(np.var(values[known], ddof=1))
    if spread == 0:
        return float("nan")
    return max(0.0, 1.0 - float(np.mean(std_errors[known] ** 2)) / spread)


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)
