"""The adjustable cut-off: which samples are flagged when a person moves the line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.cut_off import CutBy, CutOff
from dvaudit.core.errors import SettingsError


@dataclass(frozen=True, eq=False)
class Cut:
    """flagged: (n,) bool; samples: how many are; margin and rank: where the line lies.

    `margin` is None where margins were not given; `rank` is the last rank flagged, 0 for none.
    """

    flagged: NDArray[np.bool_]
    samples: int
    margin: float | None
    rank: int


def cut_at_margin(
    margins: NDArray[np.float64], ranks: NDArray[np.float64], margin: float = 0.0
) -> Cut:
    """Flag the samples whose margin exceeds `margin`; NaN margins are never flagged.

    `margins` and `ranks` are (n,). At 0, a class's own predictions decide.
    """
    flagged = np.isfinite(margins) & (np.nan_to_num(margins, nan=-np.inf) > margin)
    return Cut(flagged, int(flagged.sum()), margin, _last_rank(ranks, flagged))


def cut_at_rank(ranks: NDArray[np.float64], rank: int) -> Cut:
    """Flag the `rank` most suspicious samples; `ranks` (n,) are 1 = most suspicious, NaN = none.

    Raises:
        SettingsError: a negative rank.
    """
    if rank < 0:
        raise SettingsError(f"the cut-off rank is {rank}; give 0 (flag none) or more.")
    flagged = np.nan_to_num(ranks, nan=np.inf) <= rank
    return Cut(flagged, int(flagged.sum()), None, _last_rank(ranks, flagged))


def cut_at_share(ranks: NDArray[np.float64], share: float) -> Cut:
    """Flag the most suspicious `share` (0 to 1) of the ranked samples, rounded to whole samples.

    Raises:
        SettingsError: a share outside 0 to 1.
    """
    if not 0 <= share <= 1:
        raise SettingsError(f"the cut-off share is {share!r}; give a number from 0 to 1.")
    return cut_at_rank(ranks, round(share * int(np.isfinite(ranks).sum())))


def _last_rank(ranks: NDArray[np.float64], flagged: NDArray[np.bool_]) -> int:
    reached = ranks[flagged & np.isfinite(ranks)]
    return int(reached.max()) if len(reached) else 0


def flags(samples: pd.DataFrame, cut: CutOff) -> NDArray[np.bool_]:
    """Return (n,) which samples of a findings table lie above the cut-off."""
    if cut.by is CutBy.METHODS:
        return samples["flagged"].fillna(False).to_numpy(dtype=bool)
    ranks = samples["suspicion_rank"].to_numpy(dtype=float, na_value=np.nan)
    if cut.by is CutBy.RANK:
        return cut_at_rank(ranks, cut.rank).flagged
    margins = samples["margin"].to_numpy(dtype=float, na_value=np.nan)
    return cut_at_margin(margins, ranks, cut.margin).flagged
