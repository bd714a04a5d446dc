"""How far two people agree who judged the same samples."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

NORMAL_95 = 1.959964  # half width of a 95 % interval in standard errors


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa of two raters: agreement beyond what their habits bring by chance.

    Attributes:
        shared: samples both judged.
        agreed: share of these on which they say the same; NaN without any.
        kappa: (agreed - expected) / (1 - expected), where `expected` is the agreement of two
            independent raters with these two people's shares of each answer; 1 = always the same,
            0 = as by chance. NaN where expected is 1, as when both give one answer throughout.
        low, high: 95 % interval (Fleiss, Cohen and Everitt 1969, large samples), within -1 to 1;
            NaN where kappa is, and where it has no width to estimate: complete agreement, or one
            rater with a single answer throughout, which makes kappa 0 whatever the other says.
    """

    shared: int
    agreed: float
    kappa: float
    low: float
    high: float


def cohens_kappa(one: Sequence[Hashable], other: Sequence[Hashable]) -> Kappa:
    """Return how far two raters agree on the same samples (Cohen 1960).

    Args:
        one, other: the answer of each rater to each sample, in the same order.

    Raises:
        ValueError: the raters have different numbers of answers.
    """
    if len(one) != len(other):
        raise ValueError(f"{len(one)} answers of one rater, {len(other)} of the other")
    if not one:
        return Kappa(0, np.nan, np.nan, np.nan, np.nan)
    names = {answer: code for code, answer in enumerate(dict.fromkeys([*one, *other]))}
    table = np.zeros((len(names), len(names)))
    for first, second in zip(one, other, strict=True):
        table[names[first], names[second]] += 1
    n = len(one)
    shares = table / n
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    agreed, expected = float(np.trace(shares)), float(rows @ columns)
    if expected >= 1.0:
        return Kappa(n, agreed, np.nan, np.nan, np.nan)
    kappa = (agreed - expected) / (1.0 - expected)
    diagonal = np.diag(shares)
    lean = rows[None, :] + columns[:, None]  # p_.i + p_j. of cell (i, j): see the formula
    own = float((diagonal * (1.0 - np.diag(lean) * (1.0 - kappa)) ** 2).sum())
    off = shares * lean**2
    across = (1.0 - kappa) ** 2 * float(off.sum() - np.trace(off))
    rest = (kappa - expected * (1.0 - kappa)) ** 2
    variance = max(0.0, own + across - rest) / (n * (1.0 - expected) ** 2)
    if variance <= 1e-15:  # see Kappa: the formula says nothing of how firm it is
        return Kappa(n, agreed, kappa, np.nan, np.nan)
    width = NORMAL_95 * float(np.sqrt(variance))
    return Kappa(n, agreed, kappa, max(-1.0, kappa - width), min(1.0, kappa + width))


@dataclass(frozen=True)
class PairAgreement:
    """Two reviewers who judged some of the same samples.

    Attributes:
        verdicts: kappa of the verdicts alone.
        outcomes: kappa of verdict and new label together.
        confusion: shared samples by verdict of `one` (rows) and of `other` (columns).
    """

    one: str
    other: str
    verdicts: Kappa
    outcomes: Kappa
    confusion: pd.DataFrame


def agreements(
    opinions: Mapping[str, Mapping[int, tuple[str, str | None]]], verdicts: Sequence[str]
) -> list[PairAgreement]:
    """Return every pair of reviewers with shared samples, those that share most first.

    Args:
        opinions: verdict and label by reviewer and sample.
        verdicts: names of all verdicts, in the order to show.
    """
    found = []
    for one, other in combinations(opinions, 2):
        shared = [at for at in opinions[one] if at in opinions[other]]
        if not shared:
            continue
        mine = [opinions[one][at] for at in shared]
        theirs = [opinions[other][at] for at in shared]
        table = pd.crosstab(
            pd.Series([said[0] for said in mine]), pd.Series([said[0] for said in theirs])
        )
        found.append(
            PairAgreement(
                one,
                other,
                cohens_kappa([said[0] for said in mine], [said[0] for said in theirs]),
                cohens_kappa(mine, theirs),
                table.reindex(index=list(verdicts), columns=list(verdicts), fill_value=0),
            )
        )
    return sorted(found, key=lambda pair: -pair.verdicts.shared)
