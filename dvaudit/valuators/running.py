"""Averages over runs, their standard errors, and whether the ranking has settled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvaudit.valuators.ranking import rank_correlation


class RunningScores:
    """Scores of n samples averaged over runs that each score some of them.

    Attributes:
        runs: (n,) how many runs scored each sample.
        mean: (n,) average so far; 0 where no run scored the sample.
    """

    def __init__(self, n: int) -> None:
        self.runs, self.mean = np.zeros(n), np.zeros(n)
        self._squares = np.zeros(n)  # sum of squared differences from the mean
        self._half_sums, self._half_runs = np.zeros((2, n)), np.zeros((2, n))
        self._certain = np.zeros(n, dtype=bool)

    def add(
        self, rows: NDArray[np.int64], scores: NDArray[np.float64], run: int, certain: bool
    ) -> None:
        """Add the scores of `rows` in run number `run` (Welford 1962).

        Args:
            certain: nothing was drawn, so another run would repeat the scores.
        """
        self.runs[rows] += 1
        change = scores - self.mean[rows]
        self.mean[rows] += change / self.runs[rows]
        self._squares[rows] += change * (scores - self.mean[rows])
        self._certain[rows] = certain
        for half in (0, 1) if certain else (run % 2,):
            self._half_sums[half, rows] += scores
            self._half_runs[half, rows] += 1

    def std_errors(self) -> NDArray[np.float64]:
        """Return (n,) standard errors of the mean over runs: s / sqrt(R).

        0 where nothing is drawn; NaN where a single draw tells nothing of the spread.
        """
        again = np.maximum(self.runs - 1, 1)
        errors = np.sqrt(self._squares / again / np.maximum(self.runs, 1))
        errors[self.runs < 2] = np.nan
        errors[self._certain] = 0.0
        return np.asarray(errors)

    def reliability(self) -> float | None:
        """Return the reliability of the ranking in -1 to 1; None before every half has a run.

        Spearman's correlation r of the averages over odd and over even runs, stepped up to the
        average over both by 2 r / (1 + r) (Spearman 1910, Brown 1910).
        """
        if not self._half_runs.all():
            return None
        if self._certain.all():
            return 1.0
        half = rank_correlation(*(self._half_sums / self._half_runs))
        return 2 * half / (1 + half) if half > 0 else half
