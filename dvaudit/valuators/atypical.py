"""Two findings behind one high CG-score: wrong labels, and atypical samples worth keeping."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvaudit.valuators.kernel_problem import MAD_TO_SIGMA

HIGH = 2.0  # robust standard deviations above the class's median
MISLABELLED, ATYPICAL = "mislabelled", "atypical"


def high_gaps(gap: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which CG-scores are high for their class, (m,).

    The square root is compared, which is a leave-one-out residual in standard deviations: high
    is HIGH robust standard deviations above the median of the class. Each class has its own
    bound, since the scale of the score grows with the rarity of the class.
    """
    residual = np.sqrt(np.maximum(gap, 0))
    high = np.zeros(len(gap), dtype=bool)
    for code in np.unique(codes):
        own = residual[codes == code]
        centre = np.median(own)
        spread = MAD_TO_SIGMA * float(np.median(np.abs(own - centre)))
        high[codes == code] = own > centre + HIGH * spread if spread > 0 else False
    return high


def atypical_kind(
    gap: NDArray[np.float64],
    corrected: NDArray[np.float64],
    codes: NDArray[np.int64],
    loo_margin: NDArray[np.float64] | None = None,
) -> NDArray[np.object_]:
    """Return "mislabelled", "atypical" or "" for each of m samples.

    A high gap says only that a sample is hard to fit. Where the others refute its label too, it
    is mislabelled; where they do not, it is atypical: rare, yet on the right side, and the kind
    of sample whose removal costs accuracy (section 4 of the paper, its window experiment; see
    `windows.window_curve`). With margins the two tests must agree: a high gap that one of them
    refutes and the other does not is neither, and is for a person to decide.

    Args:
        gap: (m,) CG-scores.
        corrected: (m,) partial score less its even-odds point; positive = label refuted.
        codes: (m,) given class codes.
        loo_margin: (m,) leave-one-out margins; positive = another class is predicted.
    """
    high = high_gaps(gap, codes)
    wrong, right = corrected > 0, corrected <= 0
    if loo_margin is not None:
        wrong, right = wrong & (loo_margin > 0), right & (loo_margin <= 0)
    kinds = np.where(high & wrong, MISLABELLED, np.where(high & right, ATYPICAL, ""))
    return kinds.astype(object)


def margins(
    solution: NDArray[np.float64], diagonal: NDArray[np.float64], codes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return (m,) leave-one-out score of the best other class less that of the given one.

    F = Y - A / d with Y = +1 for the given class and -1 for the others, so the margin is
    (A_given - A_other) / d - 2 for the other class of least A. Where there is one class only,
    nothing beats it: minus its own score.

    Args:
        solution: (m, k) A = K^-1 Y of one-vs-rest targets; diagonal: (m,) of K^-1.
    """
    rows = np.arange(len(codes))
    given = solution[rows, codes]
    if solution.shape[1] == 1:
        return np.asarray(given / diagonal - 1)
    others = solution.copy()
    others[rows, codes] = np.inf
    return np.asarray((given - others.min(1)) / diagonal - 2)
