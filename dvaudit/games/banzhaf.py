"""Banzhaf values: phi_i = mean over coalitions S without i of nu(S and i) - nu(S).

Sampled by maximum sample reuse (Wang, Jia, Data Banzhaf, AISTATS 2023, section 4.2): each
coalition, every player in it with probability 1/2, serves all players at once. The values do not
sum to nu(N) - nu(empty); they keep their ranks under the largest noise in nu of all semivalues.
"""

from __future__ import annotations

import numpy as np

from dvaudit.core.errors import SettingsError
from dvaudit.core.progress import Progress, silent
from dvaudit.games.reference import exact_banzhaf
from dvaudit.games.types import BatchUtility, Estimate, Floats, check_players, checked, is_settled

BATCH = 256
FEWEST = 32  # below it a player may be in all coalitions sampled, or in none


def banzhaf(
    utility: BatchUtility,
    players: int,
    samples: int,
    *,
    baseline: float,
    tolerance: float = 0.05,
    seed: int = 0,
    progress: Progress = silent,
) -> Estimate:
    """Return Banzhaf values; exact, over all coalitions, where those are no more than `samples`.

    Args:
        utility: nu of non-empty coalitions, at most BATCH at a time.
        players: K.
        samples: coalitions to evaluate.
        baseline: nu(empty); its change by delta changes every value by -delta / 2^(K-1).
        tolerance: the values are settled where the largest standard error is at most this many
            standard deviations of the values.
        seed: of the coalitions.
        progress: called after each batch; may raise Cancelled.

    Raises:
        SettingsError: no player, or fewer than 32 samples.
        NumericalError: a utility that is not finite.
    """
    check_players(players)
    if players <= 20 and 2**players <= samples:
        values = exact_banzhaf(utility, players, baseline=baseline)
        return Estimate(values, np.zeros(players), 2**players, True, baseline)
    if samples < FEWEST:
        raise SettingsError(f"Banzhaf values need at least {FEWEST} coalitions, not {samples}.")
    rng = np.random.default_rng(seed)
    # Counts, sums and sums of squares of nu over the coalitions with a player, and over all.
    inside = np.zeros((3, players))
    overall = np.zeros(3)
    centre: float | None = None
    for start in range(0, samples, BATCH):
        masks = rng.random((min(BATCH, samples - start), players)) < 0.5
        utilities = np.full(len(masks), baseline)
        held = masks.any(1)
        utilities[held] = checked(utility(masks[held]), int(held.sum()))
        if centre is None:  # keeps the sums of squares from cancelling
            centre = float(utilities.mean())
        powers = np.stack([np.ones(len(masks)), utilities - centre, (utilities - centre) ** 2])
        inside += powers @ masks
        overall += powers.sum(1)
        done = start + len(masks)
        progress(done / samples, f"Banzhaf coalition {done:,} of {samples:,}")
    outside = overall[:, None] - inside
    if inside[0].min() < 2 or outside[0].min() < 2:
        raise SettingsError(
            f"A player was in fewer than two, or in all but one, of {samples} coalitions sampled; "
            "take more."
        )
    values = inside[1] / inside[0] - outside[1] / outside[0]
    std_errors = np.sqrt(_squared_error(inside) + _squared_error(outside))
    settled = is_settled(values, std_errors, tolerance)
    return Estimate(values, std_errors, samples, settled, baseline)


def _squared_error(powers: Floats) -> Floats:
    """Return the squared standard error of a mean from (3, K) count, sum and sum of squares."""
    count, total, squares = powers
    spread = np.maximum(squares - total**2 / count, 0) / (count - 1)
    return np.asarray(spread / count)
