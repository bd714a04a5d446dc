"""Samples far from everything else."""

from __future__ import annotations

import numpy as np

from dvaudit.findings.types import Neighbours, Outliers

SPREADS = 1.7  # interquartile ranges above the upper quartile
LEAST_SAMPLES = 20
LEAST_GAP = 1e-6  # radians, so that rounding makes no outliers where all samples are alike


def find_outliers(neighbours: Neighbours) -> Outliers:
    """Score each sample by its mean angle to its nearest samples, whatever their label.

    Flagged above Q3 + 1.7 (Q3 - Q1) of the scores. Below 20 samples the quartiles say too little
    and none is flagged.
    """
    distance = neighbours.all_distance.astype(np.float64)
    present = np.isfinite(distance)
    count = present.sum(axis=1)
    total = np.where(present, distance, 0.0).sum(axis=1)
    score = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    if len(score) < LEAST_SAMPLES:
        return Outliers(score, np.zeros(len(score), dtype=bool), np.inf)
    lower, upper = np.percentile(score, [25, 75])
    bound = float(upper + max(SPREADS * (upper - lower), LEAST_GAP))
    return Outliers(score, score > bound, bound)
