"""The share of disagreement that stays however sure a model gets, and how well data tell it.

Among samples of confidence x a model's class differs from the given label with probability

    e r + (1 - e r) h(a x + b),    h falling from 1 to 0, a > 0.

h is the model's own mistakes, which confidence takes away; the floor e is what it does not, and r
how it differs from one part of the data to the next (mean 1). The form is that of psychometric
functions with a lapse rate (Wichmann, Hill: The psychometric function I, Perception &
Psychophysics 2001). What h looks like is not known, so several shapes are fitted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS = 60
FLOORS = 81
DROP = 1.92  # half of the 95 % point of chi-squared with one degree of freedom
HELD = 0.01  # inverse variance of log a and b, so that both stay finite where data leave them open
STEPS, HALVINGS, FARTHEST = 40, 10, 2.0
TINY = 1e-9
MOST = 0.98


@dataclass(frozen=True, eq=False)
class Binned:
    """Samples in groups of like confidence, surest first.

    Attributes:
        confidence: (bins,) mean confidence, of any scale.
        wrong: (bins,) samples whose label is not the model's class.
        counts: (bins,) samples.
        relative: (bins,) the floor there, in units of the floor of all samples.
    """

    confidence: Floats
    wrong: Floats
    counts: Floats
    relative: Floats


@dataclass(frozen=True, eq=False)
class Profile:
    """How well each floor agrees with the data, the rest of the curve fitted to it.

    Attributes:
        floors: (floors,) ascending from 0.
        fits: (floors,) log-likelihood of the best of the shapes.
        weights: (floors,) probability of each floor, over all shapes; they sum to 1.
    """

    floors: Floats
    fits: Floats
    weights: Floats

    @property
    def mean(self) -> float:
        """The expected floor."""
        return float(self.weights @ self.floors)

    @property
    def interval(self) -> tuple[float, float]:
        """The floors that no likelihood-ratio test rejects at 5 %, whatever the shape."""
        fine = np.linspace(0, np.sqrt(self.floors[-1]), 20 * FLOORS) ** 2
        near = np.interp(fine, self.floors, self.fits) >= self.fits.max() - DROP
        return float(fine[near].min()), float(fine[near].max())


def binned(
    confidence: Floats, wrong: NDArray[np.bool_], order: NDArray[np.int64], relative: Floats
) -> Binned:
    """Put samples, (m,) each, into groups of equal size by their place in `order`, (m,)."""
    m = len(order)
    bins = min(BINS, m)
    at = np.arange(m) * bins // m
    counts = np.bincount(at, minlength=bins).astype(np.float64)

    def summed(of: NDArray[Any]) -> Floats:
        sums = np.bincount(at, of[order].astype(np.float64), minlength=bins)
        return np.asarray(sums, dtype=np.float64)

    return Binned(summed(confidence) / counts, summed(wrong), counts, summed(relative) / counts)


def profile(data: Binned, highest: float) -> Profile:
    """Fit every shape at floors from 0 to `highest`.

    A floor's weight is its likelihood with a and b integrated out (by Laplace's method), summed
    over the shapes, times a prior that holds small floors likelier: (1 - e)^2, mean 1/4.
    """
    floors = np.linspace(0, np.sqrt(highest), FLOORS) ** 2  # finer where floors are small
    fitted = [_fitted(data, floors, shape) for shape in (_logistic, _normal, _gumbel)]
    # The logistic shape falls so slowly that it passes for a floor: it widens the interval only.
    logs = np.array([fit + volume for fit, volume in fitted[1:]])
    weights = np.exp(logs - logs.max()).sum(axis=0) * np.gradient(floors) * (1 - floors) ** 2
    return Profile(floors, np.max([fit for fit, _ in fitted], axis=0), weights / weights.sum())


def _logistic(z: Floats) -> tuple[Floats, Floats]:
    share = 1 / (1 + np.exp(np.clip(z, -500, 500)))
    return share, -share * (1 - share)


def _normal(z: Floats) -> tuple[Floats, Floats]:
    from scipy.special import ndtr  # here, since the web server reads this package

    return ndtr(-z), -np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def _gumbel(z: Floats) -> tuple[Floats, Floats]:
    grown = np.exp(np.clip(z, -30, 5))
    share = np.exp(-grown)
    return share, -grown * share


def _fitted(
    data: Binned, floors: Floats, shape: Callable[[Floats], tuple[Floats, Floats]]
) -> tuple[Floats, Floats]:
    """Return the largest log-likelihood at each floor, and the log volume of a, b around it.

    Fisher scoring with step halving, all floors at once.
    """
    y, n = data.wrong, data.counts
    centre = (data.confidence @ n) / n.sum()
    spread = np.sqrt((n @ (data.confidence - centre) ** 2) / n.sum())
    x = (data.confidence - centre) / max(float(spread), TINY)
    e = np.minimum(floors[:, None] * data.relative, MOST)

    def at(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
        share, slope = shape(a[:, None] * x + b[:, None])
        p = np.clip(e + (1 - e) * share, TINY, 1 - TINY)
        fit = (y * np.log(p) + (n - y) * np.log1p(-p)).sum(axis=1)
        return fit - HELD / 2 * (np.log(a) ** 2 + b * b), p, (1 - e) * slope

    a, b = np.ones(len(floors)), np.zeros(len(floors))
    fit, p, slope = at(a, b)
    for _ in range(STEPS):
        aa, ab, bb = _information(x, n, p, slope)
        by_z = (y - n * p) / (p * (1 - p)) * slope
        by_a, by_b = by_z @ x - HELD * np.log(a) / a, by_z.sum(axis=1) - HELD * b
        determinant = aa * bb - ab * ab
        step_a, step_b = (bb * by_a - ab * by_b), (aa * by_b - ab * by_a)
        step_a, step_b = step_a / determinant, step_b / determinant
        length = np.minimum(1, FARTHEST / np.maximum(np.hypot(step_a, step_b), TINY))
        for _ in range(HALVINGS):
            new_a, new_b = np.maximum(a + length * step_a, 1e-3), b + length * step_b
            new_fit = at(new_a, new_b)[0]
            worse = new_fit < fit
            if not worse.any():
                break
            length = np.where(worse, length / 2, length)
        gain = float(np.where(worse, 0, new_fit - fit).max())
        a, b = np.where(worse, a, new_a), np.where(worse, b, new_b)
        fit, p, slope = at(a, b)
        if gain < 1e-4:
            break
    aa, ab, bb = _information(x, n, p, slope)
    return fit, -np.log(aa * bb - ab * ab) / 2


def _information(x: Floats, n: Floats, p: Floats, slope: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the three entries of the expected information on a and b, at each floor."""
    weight = n * slope**2 / (p * (1 - p))
    more = HELD + 1e-3  # keeps it invertible where the curve is flat
    return weight @ (x * x) + more, weight @ x, weight.sum(axis=1) + more
