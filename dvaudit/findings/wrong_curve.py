"""P(label wrong) along the order of review, learnt from verdicts: a posterior on a grid.

The model is logistic in the normal score z of a sample's place (Bliss 1935; high z = early place),
with a floor for the errors that no method sees:
p(z) = floor + (1 - floor) / (1 + exp(-steepness (z - middle))), steepness > 0, so p only falls.
Given the place, which samples were judged must not depend on whether they are wrong (Rubin,
Inference and missing data, Biometrika 1976): so for a queue in order of suspicion, and for samples
drawn at random. Grids that close in on the posterior need no tuning and cannot fail to converge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

MIDDLES, STEEPNESSES = 25, 15
FLOORS = np.array([0.0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25])
NO_FLOOR = 0.5  # prior probability of no floor; the higher ones fall with its square root
ZOOMS = 3
REACH = 4.5  # standard deviations of the posterior that a closer grid covers
USUAL_RATE = 0.05  # where nothing else is known of the share of wrong labels
RATE_SPREAD, RATE_SPREAD_UNKNOWN = 0.4, 1.0  # of its logarithm
USUAL_STEEPNESS, STEEPNESS_SPREAD = 8.0, 1.2  # middle and spread of its logarithm
STEEPNESS_RANGE = (0.3, 60.0)
GROUPS = 60  # of judged samples with nearly the same place, counted together
DRAWS = 500


@dataclass(frozen=True, eq=False)
class WrongCurve:
    """Draws from the posterior; middle, steepness, floor: (draws,)."""

    middle: Floats
    steepness: Floats
    floor: Floats

    def chances(self, scores: Floats) -> Floats:
        """Return (draws, m) P(wrong) at the normal scores (m,)."""
        rising = _logistic(self.steepness[:, None] * (scores - self.middle[:, None]))
        return np.asarray(self.floor[:, None] + (1 - self.floor[:, None]) * rising)


@dataclass(frozen=True, eq=False)
class Rest:
    """The samples outside the part that is counted.

    Attributes:
        scores: (b,) normal scores of bins of the order.
        sizes: (b,) samples of the rest in each.
        counted: wrong labels counted outside the rest.
        ranked: samples in all.
    """

    scores: Floats
    sizes: Floats
    counted: float
    ranked: int

    def shares(self, middles: Floats, steeps: Floats, floors: Floats) -> Floats:
        """Return the share of wrong labels in all at each (middle, log steepness, floor)."""
        logits = np.exp(steeps)[None, :, None] * (self.scores - middles[:, None, None])
        rising = (_logistic(logits) @ self.sizes)[:, :, None]
        expected = floors * self.sizes.sum() + (1 - floors) * rising
        return np.asarray((self.counted + expected) / self.ranked)


def normal_scores(places: Floats, ranked: int) -> Floats:
    """Return the normal score of places 0 (reviewed first) to `ranked` - 1; early = high."""
    return np.asarray(-ndtri((places + 0.5) / ranked), dtype=np.float64)


def learn_curve(
    scores: Floats,
    wrong: NDArray[np.bool_],
    rest: Rest,
    *,
    rate: float | None,
    floors: bool,
    seed: int = 0,
) -> WrongCurve:
    """Return draws from the posterior of the curve.

    Priors: the logarithm of the share of wrong labels among all samples is normal around that of
    `rate` (spread 0.4; around 5 % with spread 1 without a rate), log steepness around log 4
    (spread 0.8).

    Args:
        scores: (m,) normal scores of the judged samples to learn from.
        wrong: (m,) the verdict on each.
        rest: the samples that are not counted.
        rate: the share of wrong labels as the methods estimate it, None for unknown.
        floors: learn the floor; otherwise it is 0: verdicts on the most suspicious samples alone
            say nothing about it.
    """
    grouped = _grouped(scores, wrong)
    share = np.clip(USUAL_RATE if rate is None else rate, 0.002, 0.6)
    spread = RATE_SPREAD_UNKNOWN if rate is None else RATE_SPREAD
    middles = np.linspace(-3.0, 5.5, MIDDLES)
    lowest, highest = np.log(STEEPNESS_RANGE)
    steeps = np.linspace(lowest, highest, STEEPNESSES)
    grid_floors = FLOORS if floors else FLOORS[:1]
    weights = np.zeros(0)
    for zoom in range(ZOOMS):
        totals = rest.shares(middles, steeps, grid_floors)
        prior = -0.5 * (np.log(np.maximum(totals, 1e-9) / share) / spread) ** 2
        prior -= 0.5 * (((steeps - np.log(USUAL_STEEPNESS)) / STEEPNESS_SPREAD) ** 2)[:, None]
        prior = prior + np.log(_floor_prior(grid_floors))
        log_weights = prior + _likelihood(middles, steeps, grid_floors, *grouped)
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        if zoom < ZOOMS - 1:
            middles = _closer(middles, weights.sum(axis=(1, 2)))
            steeps = _closer(steeps, weights.sum(axis=(0, 2)), lowest, highest)
    rng = np.random.default_rng(seed)
    # Systematic draws: their spread is that of the weights with less chance in it.
    points = np.searchsorted(
        np.cumsum(weights.ravel()), (np.arange(DRAWS) + rng.random()) / DRAWS, side="right"
    )
    at = np.unravel_index(np.minimum(points, weights.size - 1), weights.shape)
    # Spread over the cell, so that draws are not tied to the grid.
    jitter = rng.random((2, DRAWS)) - 0.5
    middle = middles[at[0]] + jitter[0] * (middles[1] - middles[0])
    steep = np.clip(steeps[at[1]] + jitter[1] * (steeps[1] - steeps[0]), lowest, highest)
    return WrongCurve(middle, np.exp(steep), grid_floors[at[2]])


def _floor_prior(floors: Floats) -> Floats:
    if len(floors) == 1:
        return np.ones(1)
    falling = floors[1:] ** -0.5
    return np.append(NO_FLOOR, (1 - NO_FLOOR) * falling / falling.sum())


def _grouped(scores: Floats, wrong: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return mean score, wrong and right counts of groups of neighbouring judged samples."""
    order = np.argsort(-scores, kind="stable")
    starts = np.unique(np.linspace(0, len(order), min(GROUPS, len(order)) + 1).astype(int))[:-1]
    sizes = np.diff(np.append(starts, len(order))).astype(np.float64)
    means = np.add.reduceat(scores[order], starts) / sizes
    bad = np.add.reduceat(wrong[order].astype(np.float64), starts)
    return means, bad, sizes - bad


def _likelihood(
    middles: Floats, steeps: Floats, floors: Floats, means: Floats, bad: Floats, good: Floats
) -> Floats:
    """Return the log likelihood at each (middle, log steepness, floor)."""
    logits = np.exp(steeps)[None, :, None] * (means - middles[:, None, None])
    rising = _logistic(logits)
    # log(1 - p) = log(1 - floor) + log(1 - rising): only the wrong ones depend on both.
    surely_right = (-np.logaddexp(0.0, logits) @ good)[:, :, None] + good.sum() * np.log1p(-floors)
    hit = np.flatnonzero(bad)
    chances = floors[:, None] + (1 - floors[:, None]) * rising[:, :, None, :][..., hit]
    return np.asarray(surely_right + np.log(np.maximum(chances, 1e-300)) @ bad[hit])


def _closer(
    grid: Floats, weights: Floats, lowest: float = -np.inf, highest: float = np.inf
) -> Floats:
    """Return an equally long grid around where the weights are."""
    mean = float(weights @ grid)
    step = float(grid[1] - grid[0])
    spread = max(float(np.sqrt(weights @ (grid - mean) ** 2)), 0.3 * step)
    low, high = max(mean - REACH * spread, lowest), min(mean + REACH * spread, highest)
    return np.linspace(low, high, len(grid))


def _logistic(values: Floats) -> Floats:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * values)))
