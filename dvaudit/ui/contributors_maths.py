"""Values of contributors at another kappa, their ranks, and how they agree; no Streamlit.

A value is kappa * in_domain + out_of_domain; both terms and the value: higher = more useful.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.ui.ranking import numbers

Floats = NDArray[np.float64]

MOST_SHOWN = 40
NORMAL_95 = 1.96
STEPS_PER_DECADE = 10
FACTORS: tuple[float, ...] = (
    0.0,
    *(10.0 ** (step / STEPS_PER_DECADE) for step in range(-STEPS_PER_DECADE, STEPS_PER_DECADE + 1)),
)
"""What the slider multiplies a run's kappa by: 0, and a tenth to ten times, evenly in log."""


def valued_at(frame: pd.DataFrame, summary: Mapping[str, Any], factor: float) -> pd.DataFrame:
    """Return `frame`, one row per contributor, with value, std_error and rank at another kappa.

    At `factor` 1 the values are those of the run. Elsewhere

        value_i(k) = k in_i + out_i - w (min_j (k in({j}) + out({j})) - (k in_0 + out_0)),

    where (in_0, out_0) are the terms that the run gave to nu(empty), and w is how much a rise of
    nu(empty) lowers every value: the lowest single contributor may be another one at another
    kappa. A score of nu(empty) that was given is no function of kappa, and w is left out. The
    standard errors of the two terms are taken as independent.

    Args:
        factor: times the run's own kappa.
    """
    table = frame.reset_index(drop=True)
    if factor != 1:
        kappa = factor * run_kappa(summary)
        inside, outside = numbers(table, "in_domain"), numbers(table, "out_of_domain")
        table["value"] = kappa * inside + outside - _shift(table, summary, kappa)
        table["std_error"] = np.hypot(
            kappa * numbers(table, "in_domain_std_error"),
            numbers(table, "out_of_domain_std_error"),
        )
    table["rank"] = ranks(numbers(table, "value"))
    return table


def run_kappa(summary: Mapping[str, Any]) -> float:
    """Return the kappa of a run; 0 where the record has none."""
    return float(summary.get("kappa") or 0.0)


def _shift(frame: pd.DataFrame, summary: Mapping[str, Any], kappa: float) -> float:
    """Return what the lowest single contributor at `kappa` takes from every value."""
    weight = float(summary.get("baseline_weight") or 0.0)
    if not weight or not empty_is_lowest(frame, summary):
        return 0.0
    return weight * (_lowest_single(frame, kappa) - _empty(summary, kappa))


def empty_is_lowest(frame: pd.DataFrame, summary: Mapping[str, Any]) -> bool:
    """Return whether the run took nu(empty) from its lowest single contributor."""
    own = run_kappa(summary)
    lowest, empty = _lowest_single(frame, own), _empty(summary, own)
    return math.isclose(lowest, empty, rel_tol=1e-6, abs_tol=1e-12)


def _lowest_single(frame: pd.DataFrame, kappa: float) -> float:
    """Return min_j nu({j}); NaN without any. A contributor without samples has no score alone."""
    single = kappa * numbers(frame, "single_in_domain") + numbers(frame, "single_out_of_domain")
    single = single[np.isfinite(single)]
    return float(single.min()) if len(single) else math.nan


def _empty(summary: Mapping[str, Any], kappa: float) -> float:
    inside = float(summary.get("baseline_in_domain") or 0.0)
    return kappa * inside + float(summary.get("baseline_out_of_domain") or 0.0)


def ranks(values: Floats) -> Floats:
    """Return (K,) 1 = most useful; equal values share the better rank; NaN keeps none."""
    found = pd.Series(values).rank(ascending=False, method="min")
    return np.asarray(found.to_numpy(dtype=float), dtype=np.float64)


def ordered(values: Floats) -> NDArray[np.int64]:
    """Return the positions of (K,) values, most useful first; NaN last, ties in input order."""
    return np.argsort(np.where(np.isfinite(values), -values, np.inf), kind="stable")


def both_ends(order: NDArray[np.int64], most: int = MOST_SHOWN) -> tuple[list[int], int]:
    """Return the positions to draw, and how many between the two ends are left out.

    Of more than `most`, the first half and the last half of `most` remain.
    """
    listed = [int(at) for at in order]
    if len(listed) <= most:
        return listed, 0
    half = most // 2
    return listed[:half] + listed[-half:], len(listed) - 2 * half


def furthest_apart(spread: pd.Series, most: int = MOST_SHOWN) -> list[int]:
    """Return the positions of the `most` largest of `spread`, in input order."""
    leading = np.argsort(-spread.to_numpy(dtype=float), kind="stable")[:most]
    return sorted(int(at) for at in leading)


def intervals(errors: Floats) -> Floats | None:
    """Return half-widths of 95 % intervals from standard errors; None where nothing varies."""
    widths = NORMAL_95 * np.nan_to_num(errors)
    return widths if bool((widths > 0).any()) else None


def spearman(first: Floats, second: Floats) -> float:
    """Return Spearman's correlation over pairs without NaN; NaN below three, or if constant."""
    both = ~(np.isnan(first) | np.isnan(second))
    if int(both.sum()) < 3:
        return float("nan")
    one, two = (pd.Series(item[both]).rank().to_numpy() for item in (first, second))
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return float("nan")
    return float(np.corrcoef(one, two)[0, 1])


def ranks_side_by_side(runs: Sequence[tuple[str, pd.DataFrame]]) -> pd.DataFrame:
    """Return the rank of every contributor in every run, best mean rank first.

    Args:
        runs: a distinct heading for each, and its table with `contributor` and `value`.

    Returns:
        Contributors (rows) by runs (columns); NaN where a run does not know the contributor.
    """
    columns = {
        heading: pd.Series(ranks(numbers(frame, "value")), index=frame["contributor"].astype(str))
        for heading, frame in runs
    }
    table = pd.DataFrame(columns)
    return table.loc[table.mean(axis=1).sort_values(kind="stable").index]
