"""What verdicts say of an audit, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """`hits` of `of`, and the 95 % interval by Jeffreys: Beta(hits + 1/2, misses + 1/2)."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else float("nan")


@dataclass(frozen=True)
class Estimate:
    """An estimated number or share (of posterior draws the median) with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bin:
    """Places `first` to `last` of the order of review, from 1, and what was judged among them."""

    first: int
    last: int
    worth: Share
    drawn: bool = False  # of the audit sample beyond the top, else of the top


class Basis(StrEnum):
    """What part of the flags the precision is of. Only the first three tell of others."""

    ALL = "all"  # every flagged sample is judged
    TOP = "top"  # the first ones in order of review
    DRAWN = "drawn"  # those that the random audit sample holds
    CHOSEN = "chosen"  # picked by a person: no interval


@dataclass(frozen=True, eq=False)
class Curve:
    """P(worth flagging) beyond the top, with 95 % band.

    Attributes:
        firsts, ends: (b,) first and last place of each bin, from 1.
        middle, low, high: (b,) P(worth flagging) in the bin.
    """

    firsts: NDArray[np.int64]
    ends: NDArray[np.int64]
    middle: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class Earned:
    """What the verdicts say so far. Estimates are None until `LEAST` verdicts allow them.

    Attributes:
        ranked, flagged: samples in the order of review, and above the cut-off.
        by_rank: the order of review is that of the ranks: no flagged sample ranks below another.
        found: wrong labels found, by whatever way.
        dropped: samples judged drop: worth flagging, and counted as not wrong.
        judged: samples judged keep, relabel or drop.
        unsure: samples looked at without a result; left out of every share.
        above, below: worth flagging (relabelled or dropped) among the judged flagged samples, and
            among the judged others.
        precision: of the flags, among those of `basis`.
        basis: which judged flags those are.
        top: how many first places are (nearly) all looked at.
        drawn, audited: size of the random audit sample, and how much of it was judged in order.
        bins: precision along the judged part of the order.
        top_worth, top_places: (t,) whether each of the top was worth flagging, in order, and
            their places from 0.
        by_audit: share of wrong labels from the audit sample alone.
        by_order: share of wrong labels from the top alone, read on by the curve; errors that no
            method sees are not in it.
        counted: the stratified estimate: the top counted, the rest by the audited of the rest.
            Unbiased whatever the curve is like, and less certain than `combined`.
        combined: from all of it: what is found and what is left by the curve.
        left: wrong labels among samples without verdict.
        left_below: those of them below the cut-off.
        more: how many more to review, in order, until 95 % of the wrong labels are found.
        curve: P(worth flagging) along the order, beyond the top.
    """

    ranked: int
    flagged: int
    by_rank: bool
    found: int
    dropped: int
    judged: int
    unsure: int
    above: Share
    below: Share
    precision: Share
    basis: Basis
    top: int
    drawn: int
    audited: int
    bins: tuple[Bin, ...]
    top_worth: NDArray[np.bool_]
    top_places: NDArray[np.int64]
    by_audit: Estimate | None = None
    by_order: Estimate | None = None
    counted: Estimate | None = None
    combined: Estimate | None = None
    left: Estimate | None = None
    left_below: Estimate | None = None
    more: Estimate | None = None
    curve: Curve | None = None

    @property
    def counted_all(self) -> bool:
        """Whether every ranked sample is judged, so that nothing is left to estimate."""
        return 0 < self.ranked == self.judged

    def cut_at(self, precision: float) -> int:
        """Return how many samples to flag so that each is worth it with at least `precision`.

        The place where samples worth it beyond that precision add up to most. In the top this is
        where the isotonic fit of the verdicts passes `precision` (Barlow, Bartholomew, Bremner,
        Brunk, Statistical Inference under Order Restrictions, 1972); beyond it the curve's.
        """
        gains, ends = self.top_worth - precision, self.top_places + 1
        if self.curve is not None:
            sizes = self.curve.ends - self.curve.firsts + 1
            gains = np.append(gains, (self.curve.middle - precision) * sizes)
            ends = np.append(ends, self.curve.ends)
        if not len(gains):
            return 0
        summed = np.cumsum(gains)
        best = int(summed.argmax())
        return int(ends[best]) if summed[best] > 0 else 0


def share_of(hits: int, of: int) -> Share:
    """Return a share with Jeffreys' interval; the ends at none and all are 0 and 1."""
    low = 0.0 if hits == 0 else float(betaincinv(hits + 0.5, of - hits + 0.5, 0.025))
    high = 1.0 if hits == of else float(betaincinv(hits + 0.5, of - hits + 0.5, 0.975))
    return Share(hits, of, low, high)
