"""Refusing numbers that are too large to calculate with, before they turn into wrong values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.errors import NumericalError, UnsuitableDataError, some
from dvaudit.core.words import count

LARGEST = 1e18  # squares of numbers a little larger, and sums of them, overflow in float32


def single(vectors: NDArray[np.floating], ids: Sequence[str]) -> NDArray[np.float32]:
    """Return the vectors (n, d) of the samples `ids` in float32.

    Raises:
        UnsuitableDataError: numbers beyond LARGEST.
    """
    require_bounded(vectors, ids)
    return np.ascontiguousarray(vectors, dtype=np.float32)


def require_bounded(vectors: NDArray[np.floating], ids: Sequence[str] | None = None) -> None:
    """Refuse vectors (n, d) with numbers beyond LARGEST, naming the first of the samples `ids`.

    Raises:
        UnsuitableDataError: there are some.
    """
    # Rows by their ends: an array of absolute values would be as large as the vectors.
    highest, lowest = vectors.max(axis=1, initial=0), vectors.min(axis=1, initial=0)
    bad = np.flatnonzero(~((highest <= LARGEST) & (lowest >= -LARGEST)))
    if len(bad):
        most = max(highest[bad].max(), -lowest[bad].min())
        raise UnsuitableDataError(
            f"Features are as large as {most:.3g} in {_share(bad, len(vectors), 'sample', ids)}; "
            f"this method calculates with numbers up to {LARGEST:g}. Scale the columns, for "
            "instance standardise them: subtract the mean and divide by the standard deviation."
        )


def require_moderate(targets: NDArray[np.floating], ids: Sequence[str]) -> None:
    """Refuse regression targets (n,) beyond LARGEST.

    Raises:
        UnsuitableDataError: there are some.
    """
    bad = np.flatnonzero(np.abs(targets) > LARGEST)
    if len(bad):
        raise UnsuitableDataError(
            f"Targets are as large as {np.abs(targets[bad]).max():.3g} in "
            f"{_share(bad, len(targets), 'sample', ids)}; methods calculate with targets up to "
            f"{LARGEST:g}. Give them in a larger unit, or divide them all by one number."
        )


def require_finite(values: NDArray[np.float64], ids: Sequence[str], method: str) -> None:
    """Refuse values (n,) that a method could not compute.

    Raises:
        NumericalError: some are not finite.
    """
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise NumericalError(
            f"{_share(bad, len(values), 'value', ids)} by {method} came out as no finite number. "
            "Scale the columns, for instance standardise them; where the method trains a net, "
            "lower its learning rate; or choose another method."
        )


def _share(bad: NDArray[np.int64], total: int, what: str, ids: Sequence[str] | None) -> str:
    share = f"{len(bad):,} of {count(total, what)}"
    return share if ids is None else f"{share} ({some(ids[row] for row in bad)})"
