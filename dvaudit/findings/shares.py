"""Flags of methods that rank samples and whose zero means nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.result import ValuationResult


def flag_lowest(
    results: Mapping[str, ValuationResult], rate: float | None
) -> dict[str, ValuationResult]:
    """Return the results, those of detectors without flags of their own flagged by share.

    Args:
        rate: estimated share of wrong labels; None leaves such results without flags.
    """
    if rate is None:
        return dict(results)
    return {
        name: replace(result, flagged=lowest(result.values, rate))
        if result.detects_mislabels and result.flagged is None
        else result
        for name, result in results.items()
    }


def lowest(values: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """Return (n,) True for the lowest `share` of the finite values; ties keep input order."""
    flagged = np.zeros(len(values), dtype=bool)
    scored = np.flatnonzero(np.isfinite(values))
    count = round(share * len(scored))
    flagged[scored[np.argsort(values[scored], kind="stable")[:count]]] = True
    return flagged
