"""Orders of removal: which samples go first, how many at each cut, and what that takes of whom.

Values are higher = more useful for every method, so "lowest first" is cleaning: the suspect goes
and the plain stays. On clean data the CG-score paper (section 5), Paul et al. 2021 (EL2N, GraNd)
and Toneva et al. 2019 (forgetting) prune the other way round: what is learned easily goes first
and the hard is kept. Those scores measure hardness, and their value is the score negated, so this
is "highest first".
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.errors import SettingsError

MOST_REMOVED = 0.95

Rows = NDArray[np.int64]
Choice = TypeVar("Choice", bound=StrEnum)


class Series(StrEnum):
    """What is removed first."""

    LOWEST = "lowest first"
    HIGHEST = "highest first"
    WINDOW = "window"
    RANDOM = "random"

    @property
    def slug(self) -> str:
        """The series as a part of a file's or a result's name."""
        return self.value.replace(" ", "-")


class Proxy(StrEnum):
    """The model whose score on held-out samples is followed."""

    KERNEL = "kernel ridge"
    LOGISTIC = "logistic regression"
    NET = "small net"


def known(kind: type[Choice], name: str) -> Choice:
    """Return a member of an enumeration by its value.

    Raises:
        SettingsError: no such member, naming those there are.
    """
    try:
        return kind(name)
    except ValueError:
        raise SettingsError(
            f"There is no {name!r} to choose; choose from: {', '.join(kind)}."
        ) from None


def order_words(series: Series, *, hard: bool) -> tuple[str, str]:
    """Return a series by name, and in a sentence what it is for.

    `hard`: the values are of a method that measures hardness.
    """
    if series is Series.LOWEST:
        said = "Removes the suspect first and keeps the plain: for data with wrong labels."
        if hard:
            said += " This method gives hard samples low values, so they go early, too."
        return "Cleaning: lowest value first", said
    if series is Series.HIGHEST:
        if hard:
            return (
                "Keep the hard: highest value first",
                "Removes what is learned easily and keeps the hard, as the paper of this method "
                "prunes clean data. Where labels are wrong, they stay longest.",
            )
        return (
            "Highest value first",
            "Removes the most useful first: the faster the score falls, the more the values mean.",
        )
    if series is Series.WINDOW:
        return (
            "A window along the values",
            "Removes one stretch of the ranking at a time: shows which stretch the model needs "
            "least, and which one harms it.",
        )
    return "Random", "Removes at random, another draw for each seed: what any order has to beat."


def removal_order(
    values: NDArray[np.float64],
    series: Series,
    *,
    codes: Rows | None = None,
    seed: int = 0,
) -> Rows:
    """Return the positions of the n samples in the order of their removal.

    Args:
        values: (n,) finite, higher = more useful; ties keep input order.
        series: WINDOW has the order of LOWEST.
        codes: (n,) classes; every first so many samples then hold the same share of each class,
            within one sample. None: classes do not count.
        seed: of RANDOM.
    """
    if series is Series.RANDOM:
        order = np.random.default_rng([seed, 29]).permutation(len(values))
    else:
        order = np.argsort(-values if series is Series.HIGHEST else values, kind="stable")
    if codes is None:
        return order.astype(np.int64)
    place = np.empty(len(order))
    for code in np.unique(codes):
        members = order[codes[order] == code]
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return np.lexsort((rank, place)).astype(np.int64)


def cut_grid(n: int, most: float, steps: int) -> Rows:
    """Return (steps + 1,) rising numbers of removed samples, from 0 to the share `most` of n.

    Raises:
        SettingsError: a share or a number of steps out of bounds.
    """
    if not 0 < most <= MOST_REMOVED:
        raise SettingsError(
            f"The largest share to remove is {most:g}; give a number above 0, at most "
            f"{MOST_REMOVED:g}."
        )
    if not 1 <= steps <= 100:
        raise SettingsError(f"There are {steps} steps; give a whole number from 1 to 100.")
    return np.unique(np.round(np.linspace(0, most, steps + 1) * n).astype(np.int64))


def window_grid(n: int, width: float, steps: int) -> list[tuple[int, int]]:
    """Return windows [start, end) over n places: the share `width` wide, from first to last.

    Raises:
        SettingsError: a width that is not between 0 and 1.
    """
    if not 0 < width <= 0.5:
        raise SettingsError(f"The window is {width:g} wide; give a share above 0, at most 0.5.")
    size = max(1, round(width * n))
    starts = np.unique(np.round(np.linspace(0, n - size, steps + 1)).astype(np.int64))
    return [(int(start), int(start) + size) for start in starts]


def shares_lost(
    codes: Rows, parts: int, order: Rows, windows: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """Return (cuts, parts) which share of each part is removed; NaN for a part without samples.

    Args:
        codes: (n,) part of each sample, -1 for none.
        windows: places [start, end) of `order` that are removed at each cut.
    """
    sizes = np.bincount(codes[codes >= 0], minlength=parts).astype(float)
    sizes[sizes == 0] = np.nan
    rows = []
    for start, end in windows:
        gone = codes[order[start:end]]
        rows.append(np.bincount(gone[gone >= 0], minlength=parts) / sizes)
    return np.array(rows).reshape(len(windows), parts)
