"""The estimated share of wrong labels: the disagreement with leave-one-out scores that stays.

A model disagrees with a label where the label is wrong or where the model is. Its own mistakes
become fewer the surer it is; what stays at full confidence is taken for wrong labels (see
noise_floor). The surest samples themselves, as in confident learning (Northcutt, Jiang, Chuang:
Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021), bound it from above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvaudit.findings.noise_floor import Profile, binned, profile
from dvaudit.findings.types import ErrorRate

LEAST_IN_CLASS = 5
LEAST_SHARE, MOST_SHARE = 0.1, 0.3
SURE_SAMPLES = 600  # a share of 10 % is then known to within 2.4 points, 19 times in 20
LEAST_SURE = 20
STEEPEST = 50.0
WIDE = 0.2
PRIOR_SAMPLES = 5.0  # by which a class's disagreement is drawn to that of all classes


@dataclass(frozen=True, eq=False)
class ConfidentJoint:
    """What labels were given to the samples that surely belong to a class.

    Attributes:
        counts: (k, k), [j, i]: samples surely of class j that carry label i.
        predicted: (k,) samples, sure or not, whose most probable class is j.
        thresholds: (k,) the probability from which a sample surely belongs to class j.
    """

    counts: NDArray[np.int64]
    predicted: NDArray[np.int64]
    thresholds: NDArray[np.float64]


def calibrated(
    scores: NDArray[np.float64], codes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """Return (m, k) class probabilities softmax(slope * scores + bias), and the slope.

    Slope (at least 0) and one bias per class maximise the likelihood of the given labels, a
    convex problem with k + 1 parameters. The scores are leave-one-out, so they have not seen the
    label they are fitted to. At the optimum the mean probability of each class is its share.
    """
    m, k = scores.shape
    counts = np.bincount(codes, minlength=k)
    own = scores[np.arange(m), codes]

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope, bias = parameters[0], parameters[1:]
        logits = slope * scores + bias
        top = logits.max(axis=1, keepdims=True)
        weights = np.exp(logits - top)
        sums = weights.sum(axis=1)
        likelihood = slope * own.sum() + counts @ bias - (np.log(sums) + top[:, 0]).sum()
        weights /= sums[:, None]
        by_slope = own.sum() - (weights * scores).sum()
        by_bias = counts - weights.sum(axis=0)
        return -likelihood / m, -np.append(by_slope, by_bias) / m

    start = np.zeros(k + 1)
    start[0] = 1.0
    bounds = [(0.0, STEEPEST), *[(-STEEPEST, STEEPEST)] * k]
    from scipy.optimize import minimize  # here, since the web server reads this package

    fit = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    logits = fit.x[0] * scores + fit.x[1:]
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True), float(fit.x[0])


def confident_joint(probabilities: NDArray[np.float64], codes: NDArray[np.int64]) -> ConfidentJoint:
    """Count the given labels of the surest samples of each class; (m, k) and (m,).

    Sure of class j are the samples predicted j with the highest probability: a tenth of them, or
    more where that makes fewer than 600 in all (up to 30 %, and at least 20 of each class). The
    original threshold, the mean probability of a class among the samples that carry it, counts
    many more of the model's own mistakes as wrong labels where classes are hard to tell apart.
    """
    m, k = probabilities.shape
    best = probabilities.argmax(axis=1)
    confidence = probabilities[np.arange(m), best]
    predicted = np.bincount(best, minlength=k)
    within = _within_class(confidence, best, predicted)
    share = min(max(SURE_SAMPLES / m, LEAST_SHARE), MOST_SHARE)
    wanted = np.maximum(np.ceil(share * predicted).astype(np.int64), LEAST_SURE)
    sure = within < wanted[best]
    thresholds = np.full(k, np.nan)
    for j in np.flatnonzero(predicted):
        thresholds[j] = confidence[sure & (best == j)].min()
    pairs = best[sure] * k + codes[sure]
    counts = np.bincount(pairs, minlength=k * k).reshape(k, k)
    return ConfidentJoint(counts, predicted, thresholds)


def estimate_error_rate(
    scores: NDArray[np.float64] | None, codes: NDArray[np.int64] | None
) -> ErrorRate:
    """Estimate the share of wrong labels, with an interval meant to hold it 95 times in 100.

    Nothing is random. The rate is the mean of two extrapolations to full confidence: by
    confidence, wrong labels differing between the predicted classes as the disagreement of their
    surest samples does, and by the place of a sample among those predicted the same class. The
    first errs where classes are sure for other reasons than few wrong labels, the second where
    some classes are much harder than others. The interval holds every rate that either finds in
    agreement with the data, and reaches up to the disagreement of the surest samples.

    Args:
        scores: (n, k) leave-one-out scores, higher = more likely; rows with a value that is not
            finite are left out.
        codes: (n,) index the columns of `scores`, -1 for a missing label.
    """
    if scores is None or codes is None:
        return _none(
            "No estimate: it needs classes and the leave-one-out scores of a method that predicts "
            "them, such as kernel-loo."
        )
    usable = np.isfinite(scores).all(axis=1) & (codes >= 0)
    scores, codes = scores[usable], codes[usable]
    sizes = np.bincount(codes, minlength=scores.shape[1])
    kept = np.flatnonzero(sizes >= LEAST_IN_CLASS)
    if len(kept) < 2:
        return _none(
            f"No estimate: it needs at least two classes of {LEAST_IN_CLASS} labelled samples or "
            f"more, and there are {len(kept)}."
        )
    rows = np.isin(codes, kept)
    left_out = int((~rows).sum())
    codes = np.searchsorted(kept, codes[rows])
    probabilities, _ = calibrated(scores[rows][:, kept], codes)
    joint = confident_joint(probabilities, codes)
    profiles = _profiles(probabilities, codes, joint)
    surest = surest_rate(joint)
    rate = float(np.mean([found.mean for found in profiles]))
    ends = [found.interval for found in profiles]
    sure = int(joint.counts.sum())
    low = min(rate, *(end[0] for end in ends))
    # 3 / (sure samples) is the 95 % bound of an event that was never seen.
    high = max(rate, surest, min(1.0, 3 / sure), *(end[1] for end in ends))
    how = (
        f"Estimated from {len(codes):,} labelled samples: how often a model that has not seen a "
        "label disagrees with it, carried on to where the model would be fully sure. Wrong labels "
        "are taken to be as frequent where it is unsure; people often make more of them there, "
        f"and then the true share is higher. Of the {sure:,} surest samples, the same share of "
        f"each predicted class, {surest:.1%} disagree. The 95 % interval allows for chance and "
        "for several shapes of the curve."
    )
    if high - low > WIDE:
        how += (
            " It is wide: the model is too seldom sure to tell its own mistakes from wrong labels."
        )
    if left_out:
        how += f" Without {left_out:,} samples of classes with fewer than {LEAST_IN_CLASS}."
    return ErrorRate(rate, low, high, how)


def _profiles(
    probabilities: NDArray[np.float64], codes: NDArray[np.int64], joint: ConfidentJoint
) -> tuple[Profile, Profile]:
    """Return the profiles by confidence, and by place within the predicted class."""
    m, k = probabilities.shape
    best = probabilities.argmax(axis=1)
    top = probabilities[np.arange(m), best]
    confidence = np.log(top) - np.log(np.maximum(1 - top, 1e-9))  # log odds
    wrong = best != codes
    place = (_within_class(confidence, best, joint.predicted) + 0.5) / joint.predicted[best]
    by_confidence = np.argsort(-confidence, kind="stable")
    by_place = np.lexsort((-confidence, place))
    highest = 1 - 1 / k
    return (
        profile(binned(confidence, wrong, by_confidence, _relative(joint)[best]), highest),
        profile(binned(confidence, wrong, by_place, np.ones(m)), highest),
    )


def _relative(joint: ConfidentJoint) -> NDArray[np.float64]:
    """Return the (k,) disagreement of each class's surest over that of all, weighted mean 1."""
    shares, total, overall = _wrong_shares(joint), joint.counts.sum(axis=1), surest_rate(joint)
    if not overall:
        return np.ones(len(shares))
    drawn = (shares * total + PRIOR_SAMPLES * overall) / (total + PRIOR_SAMPLES)
    weights = joint.predicted / joint.predicted.sum()
    return np.asarray(drawn / (drawn @ weights))


def _within_class(
    confidence: NDArray[np.float64], best: NDArray[np.int64], predicted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return each sample's position within its predicted class, surest first from 0."""
    # Ties keep input order.
    order = np.lexsort((-confidence, best))
    starts = np.concatenate([[0], np.cumsum(predicted)[:-1]])
    within = np.empty(len(best), dtype=np.int64)
    within[order] = np.arange(len(best)) - starts[best[order]]
    return within


def surest_rate(joint: ConfidentJoint) -> float:
    """Return the disagreement of the surest samples, classes weighted by predicted size.

    It counts the model's own mistakes among them as wrong labels.
    """
    return float(_wrong_shares(joint) @ joint.predicted / joint.predicted.sum())


def _wrong_shares(joint: ConfidentJoint) -> NDArray[np.float64]:
    total = joint.counts.sum(axis=1)
    return np.where(total > 0, 1 - np.diag(joint.counts) / np.maximum(total, 1), 0.0)


def _none(how: str) -> ErrorRate:
    return ErrorRate(None, None, None, how)
