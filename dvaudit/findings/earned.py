"""What verdicts say of an audit: precision of its flags, errors left, the share of wrong labels.

A label counts as wrong where the verdict is relabel, as not wrong for keep and for drop: whoever
drops a blurred picture says nothing against its label. The share of wrong labels is thus that of
labels a person would replace. A flag was worth it where the verdict is relabel or drop: that counts
for the precision of the flags, the curve along the order and the cut-off. Unsure samples count as
not judged. How a sample came to be judged decides what it is used for:

- The top: the first places of the order of review (flagged ones first, each part most suspicious
  first), as far as nearly all are looked at. A census: each counts as itself.
- The random audit sample, as far as nearly all are looked at in the order drawn. It is a simple
  random sample of all ranked samples, so those outside the top are one of the rest.
- Chosen by a person in any other way. They count as found, but say nothing about others.

From these follow a stratified estimate (Cochran, Sampling Techniques, 1977, chapter 5): errors of
the top, plus the size of the rest times the share of wrong labels among the audited in the rest.
Intervals are Jeffreys' (Brown, Cai, DasGupta, Interval Estimation for a Binomial Proportion,
Statistical Science 2001). The curve of `wrong_curve`, learnt from the end of the top and the
audited of the rest, says where in the order the errors left are: with it the estimates become more
certain, and there are some where nothing was audited. Assumed throughout: verdicts are right, and
which samples of a nearly complete part were skipped has nothing to do with their labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from dvaudit.findings.earned_types import (
    Basis,
    Bin,
    Curve,
    Earned,
    Estimate,
    Share,
    share_of,
)
from dvaudit.findings.wrong_curve import Floats, Rest, learn_curve, normal_scores

NEARLY_ALL = 0.95  # looked at, of a part that counts as complete
GAP = 5  # places in a row that nobody looked at end the top
LEAST = 10  # verdicts for a first estimate
GOAL = 0.95  # of all wrong labels, to be found by reviewing on
NEAR = 150  # verdicts at the end of the top that the curve beyond it is learnt from
CURVE_BINS = 200
SHOWN_BINS = 6
LEAST_IN_BIN = 5


@dataclass(frozen=True, eq=False)
class ReviewOrder:
    """The order in which the samples of an audit are reviewed.

    Attributes:
        places: (n,) place of each sample of the dataset, from 0; -1 for one without a rank.
        ranked: how many have a place.
        flagged: how many lie above the cut-off; they have the first places.
        edges: (b + 1,) places that divide the order into bins of about equal normal score.
        scores: (b,) normal score of each bin.
        by_rank: the flagged ones are the first by rank, so that the order is that of the ranks.
    """

    places: NDArray[np.int32]
    ranked: int
    flagged: int
    edges: NDArray[np.int64]
    scores: Floats
    by_rank: bool


def review_order(ranks: Floats, flagged: NDArray[np.bool_]) -> ReviewOrder:
    """Return the order of review: flagged first, each part by rank; (n,) and (n,).

    Ranks are 1 = most suspicious, NaN = none.
    """
    positions = np.flatnonzero(np.isfinite(ranks))
    order = positions[np.argsort(ranks[positions], kind="stable")]
    above = flagged[order]
    by_rank = bool(above[: above.sum()].all())
    order = np.concatenate([order[above], order[~above]])
    places = np.full(len(ranks), -1, dtype=np.int32)
    places[order] = np.arange(len(order), dtype=np.int32)
    edges, scores = _bins(len(order), int(above.sum()))
    return ReviewOrder(places, len(order), int(above.sum()), edges, scores, by_rank)


def _bins(ranked: int, flagged: int) -> tuple[NDArray[np.int64], Floats]:
    """Return places that divide the order evenly in normal score, and at the cut-off."""
    if not ranked:
        return np.zeros(1, dtype=np.int64), np.zeros(0)
    first, last = normal_scores(np.array([0.0, ranked - 1.0]), ranked)
    evenly = ranked * ndtr(-np.linspace(first, last, CURVE_BINS + 1)[1:-1])
    edges = np.unique(np.concatenate([[0, flagged, ranked], np.round(evenly)]).astype(np.int64))
    return edges, normal_scores((edges[:-1] + edges[1:] - 1) / 2, ranked)


def earned(
    order: ReviewOrder,
    judged: NDArray[np.int64],
    wrong: NDArray[np.bool_],
    unsure: NDArray[np.int64],
    drawn: NDArray[np.int64],
    *,
    dropped: NDArray[np.bool_] | None = None,
    rate: float | None = None,
    separately: bool = True,
    seed: int = 0,
) -> Earned:
    """Return what verdicts say.

    Args:
        order: of review.
        judged: (m,) positions judged keep, relabel or drop; those without a place are left out.
        wrong: (m,) whether the label was wrong.
        unsure: positions judged unsure.
        drawn: positions of the random audit sample in the order drawn.
        dropped: (m,) whether the sample was dropped: worth flagging, its label not wrong. None for
            no sample.
        rate: share of wrong labels as the methods estimate it: the middle of the curve's prior.
        separately: `by_order` also where an audit sample tells more; it doubles the time.
        seed: of the posterior draws.
    """
    found_at = order.places[judged].astype(np.int64)
    ranked = np.flatnonzero(found_at >= 0)
    ranked = ranked[np.argsort(found_at[ranked], kind="stable")]
    places, wrong = found_at[ranked], wrong[ranked]
    gone = np.zeros(len(ranked), dtype=bool) if dropped is None else dropped[ranked]
    worth = wrong | gone
    doubtful = order.places[unsure]
    doubtful = doubtful[doubtful >= 0].astype(np.int64)
    looked = np.sort(np.concatenate([places, doubtful]))
    top = _complete_top(looked)
    audited = _complete_audit(order.places[drawn].astype(np.int64), looked)
    in_audit, in_top = np.isin(places, audited), places < top
    above = places < order.flagged
    all_known = int(above.sum()) == order.flagged
    precision, basis = _precision(worth, above, in_top, in_audit, all_known)
    facts = Earned(
        ranked=order.ranked,
        flagged=order.flagged,
        by_rank=order.by_rank,
        found=int(wrong.sum()),
        dropped=int(gone.sum()),
        judged=len(places),
        unsure=len(doubtful),
        above=_share(worth[above]),
        below=_share(worth[~above]),
        precision=precision,
        basis=basis,
        top=top,
        drawn=len(drawn),
        audited=int(in_audit.sum()),
        bins=(
            *_shown_bins(places[in_top], worth[in_top]),
            *_shown_bins(places[in_audit & ~in_top], worth[in_audit & ~in_top], drawn=True),
        ),
        top_worth=worth[in_top],
        top_places=places[in_top],
    )
    return _estimated(facts, order, places, wrong, worth, in_audit, rate, separately, seed)


def _precision(
    worth: NDArray[np.bool_],
    above: NDArray[np.bool_],
    in_top: NDArray[np.bool_],
    in_audit: NDArray[np.bool_],
    all_known: bool,
) -> tuple[Share, Basis]:
    """Return the precision of the flags, and which of the judged ones (m,) it is of.

    All, else the first in order or those drawn at random, whichever are more, if `LEAST` of them
    are judged or no other flag is; else those that a person picked.
    """
    if all_known:
        return _share(worth[above]), Basis.ALL
    top, drawn = above & in_top, above & in_audit
    part, basis = max(((top, Basis.TOP), (drawn, Basis.DRAWN)), key=lambda item: int(item[0].sum()))
    if part.any() and (part.sum() >= LEAST or not (above & ~part).any()):
        return _share(worth[part]), basis
    return _share(worth[above]), Basis.CHOSEN


def _complete_top(looked: NDArray[np.int64]) -> int:
    """Return how many first places are nearly all looked at; (m,) sorted places."""
    gaps = np.diff(looked, prepend=-1) - 1
    far = np.flatnonzero(gaps > GAP)
    looked = looked[: far[0]] if len(far) else looked
    shares = np.arange(1, len(looked) + 1) / (looked + 1)
    enough = np.flatnonzero(shares >= NEARLY_ALL)
    return int(looked[enough[-1]]) + 1 if len(enough) else 0


def _complete_audit(drawn: NDArray[np.int64], looked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the beginning of the audit sample that is nearly all looked at, as places."""
    done = np.isin(drawn, looked)
    shares = np.cumsum(done) / np.arange(1, len(drawn) + 1)
    enough = np.flatnonzero(done & (shares >= NEARLY_ALL))
    return drawn[: int(enough[-1]) + 1] if len(enough) else drawn[:0]


def _share(hits: NDArray[np.bool_]) -> Share:
    return share_of(int(hits.sum()), len(hits))


def _shown_bins(
    places: NDArray[np.int64], worth: NDArray[np.bool_], *, drawn: bool = False
) -> tuple[Bin, ...]:
    """Return precision in bins of equally many of the judged samples, (m,) sorted places."""
    number = min(SHOWN_BINS, len(places) // LEAST_IN_BIN)
    parts = np.array_split(np.arange(len(places)), number) if number else []
    return tuple(
        Bin(int(places[part[0]]) + 1, int(places[part[-1]]) + 1, _share(worth[part]), drawn)
        for part in parts
    )


def _estimated(
    facts: Earned,
    order: ReviewOrder,
    places: NDArray[np.int64],
    wrong: NDArray[np.bool_],
    worth: NDArray[np.bool_],
    in_audit: NDArray[np.bool_],
    rate: float | None,
    separately: bool,
    seed: int,
) -> Earned:
    """Add the estimates that the verdicts allow; (m,) sorted places of what was judged."""
    in_top = places < facts.top
    rest = in_audit & ~in_top
    if facts.counted_all:
        none, share = Estimate(0.0, 0.0, 0.0), facts.found / facts.ranked
        counted = Estimate(share, share, share)
        return replace(facts, counted=counted, left=none, left_below=none, more=none)
    if in_audit.sum() >= LEAST:
        said = _share(wrong[in_audit])
        facts = replace(facts, by_audit=Estimate(said.share, said.low, said.high))
    if rest.sum() >= LEAST:
        facts = replace(facts, counted=_stratified(facts, places, wrong, rest))
    near = in_top & (np.arange(len(places)) >= in_top.sum() - NEAR)
    if (near | rest).sum() < LEAST:
        return facts
    scores = normal_scores(places.astype(np.float64), order.ranked)
    sizes = np.diff(order.edges)
    outside = np.where(order.edges[:-1] >= facts.top, sizes, 0).astype(np.float64)
    unjudged = (sizes - np.histogram(places, order.edges)[0]).astype(np.float64)

    def learnt(hits: NDArray[np.bool_], used: NDArray[np.bool_], floors: bool) -> Floats:
        others = Rest(order.scores, outside, float(hits[in_top].sum()), order.ranked)
        curve = learn_curve(scores[used], hits[used], others, rate=rate, floors=floors, seed=seed)
        return curve.chances(order.scores)

    floors = bool(rest.sum() >= LEAST)
    chances = learnt(wrong, near | rest, floors)
    flagging = learnt(worth, near | rest, floors) if facts.dropped else chances
    left = _left(chances, unjudged, seed)
    by_order = None
    if near.sum() >= LEAST and (separately or not floors):
        by_order = _left(learnt(wrong, near, False), unjudged, seed) if rest.any() else left
    below = np.where(order.edges[:-1] >= order.flagged, unjudged, 0.0)
    return replace(
        facts,
        by_order=None if by_order is None else _rate(by_order, facts),
        combined=_rate(left, facts) if floors else None,
        left=_summed(left),
        left_below=_summed(_left(chances, below, seed)),
        more=_more(chances * unjudged, unjudged, facts.found),
        curve=_beyond(order, facts.top, flagging),
    )


def _beyond(order: ReviewOrder, top: int, chances: Floats) -> Curve:
    """Return the curve beyond the first `top` places from (draws, b) chances in all bins."""
    bins = order.edges[1:] > top
    low, high = np.quantile(chances[:, bins], [0.025, 0.975], axis=0)
    firsts = np.maximum(order.edges[:-1][bins], top) + 1
    return Curve(firsts, order.edges[1:][bins], chances[:, bins].mean(axis=0), low, high)


def _left(chances: Floats, unjudged: Floats, seed: int) -> Floats:
    """Return (draws,) numbers of wrong labels among the unjudged (b,): by the curve, and chance."""
    expected = chances @ unjudged
    spread = np.sqrt((chances * (1 - chances)) @ unjudged)
    noise = np.random.default_rng([seed, 2]).standard_normal(len(expected))
    return np.asarray(np.clip(expected + noise * spread, 0.0, unjudged.sum()))


def _summed(draws: Floats) -> Estimate:
    low, middle, high = np.quantile(draws, [0.025, 0.5, 0.975])
    return Estimate(float(middle), float(low), float(high))


def _rate(left: Floats, facts: Earned) -> Estimate:
    """Return the share of wrong labels; one more may be wrong as long as one is not judged."""
    made = _summed((facts.found + left) / facts.ranked)
    return replace(made, high=max(made.high, (facts.found + 1) / facts.ranked))


def _stratified(
    facts: Earned, places: NDArray[np.int64], wrong: NDArray[np.bool_], rest: NDArray[np.bool_]
) -> Estimate:
    """Return the share of wrong labels: the top counted, the rest as the audited among it.

    The few of the top without a result are taken to be as often wrong as the others there.
    """
    in_top = places < facts.top
    counted = wrong[in_top].mean() * facts.top if in_top.any() else 0.0
    others = facts.ranked - facts.top
    known = wrong[~in_top]
    said = _share(wrong[rest])
    of_rest = np.clip(
        np.array([said.share, said.low, said.high]) * others, known.sum(), others - (~known).sum()
    )
    value, low, high = (counted + of_rest) / facts.ranked
    return Estimate(float(value), float(low), float(high))


def _more(expected: Floats, unjudged: Floats, found: int) -> Estimate:
    """Return how many unjudged samples, in order, hold enough errors for `GOAL`.

    Args:
        expected: (draws, b) wrong labels expected among the unjudged of each bin.
        unjudged: (b,) how many those are.
    """
    with_mean = np.vstack([expected.mean(axis=0), expected])
    reached = np.cumsum(with_mean, axis=1)
    needed = GOAL * (found + reached[:, -1]) - found
    at = np.minimum((reached < needed[:, None]).sum(axis=1), reached.shape[1] - 1)
    row = np.arange(len(at))
    before = np.where(at > 0, reached[row, at - 1], 0.0)
    passed = np.concatenate([[0.0], np.cumsum(unjudged)])
    part = (needed - before) / np.maximum(with_mean[row, at], 1e-12)
    numbers = np.where(needed <= 0, 0.0, passed[at] + np.clip(part, 0, 1) * unjudged[at])
    low, high = np.quantile(numbers[1:], [0.025, 0.975])
    return Estimate(float(numbers[0]), float(low), float(high))
