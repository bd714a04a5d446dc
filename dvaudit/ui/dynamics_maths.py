"""Values over training in few numbers, and in words: bands, means, early detection, phases.

No Streamlit. Values so far are sums where a trace is additive, else means of the values until
then; higher = more useful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.dynamics import ALL, StoredTrace
from dvaudit.ui.ranking import numbers

Floats = NDArray[np.float64]

# The methods that keep values at several points of a training, and what they count them in.
UNITS = {
    "dvgs": "step",
    "dvemb": "epoch",
    "aum": "epoch",
    "el2n": "epoch",
    "forgetting": "epoch",
    "grand": "epoch",
    "liveval": "epoch",
    "tracin": "epoch",
}
BACKWARDS = ("dvemb",)  # valued from the end of a training to its start, when it is over
MOST_CLASSES = 10
BAND = (0.025, 0.975)  # 95 % of the samples lie between
KNOWN_ENOUGH = 0.8  # of the lowest 10 %, to call a ranking known
STANDS_OUT = 1.25  # times another part of the training
FEWEST_EPOCHS = 3  # to tell a start, a middle and an end


def so_far(trace: StoredTrace, rows: NDArray[np.int64] | None = None) -> Iterator[Floats]:
    """Yield (k,) values so far at each point, of `rows` or of all; NaN where not valued yet.

    One point at a time, so that a million samples need the memory of two points.
    """
    chosen = trace.values if rows is None else np.asarray(trace.values[rows])
    sums, counts = np.zeros(len(chosen)), np.zeros(len(chosen))
    for at in range(chosen.shape[1]):
        values = np.asarray(chosen[:, at], dtype=np.float64)
        valued = np.isfinite(values)
        sums[valued] += values[valued]
        counts += valued
        means = sums / (1 if trace.additive else np.maximum(counts, 1))
        yield np.where(counts > 0, means, np.nan)


def sample_lines(trace: StoredTrace, positions: Sequence[int]) -> Floats:
    """Return (k, S) the values so far of single samples."""
    rows = np.asarray(positions, dtype=np.int64)
    return np.column_stack(list(so_far(trace, rows)))


def band(trace: StoredTrace, rows: NDArray[np.int64] | None = None) -> pd.DataFrame:
    """Return point, low, middle, high: where 95 % of the samples lie, and their median."""
    return band_of(trace.points, so_far(trace, rows))


def band_of(points: Floats, values: Iterable[Floats]) -> pd.DataFrame:
    """Return `band` of the values so far (k,) at each of the points."""
    found = [_quantiles(part) for part in values]
    return pd.DataFrame(found, columns=["low", "middle", "high"]).assign(point=points)


def spread(trace: StoredTrace, flagged: NDArray[np.bool_]) -> pd.DataFrame:
    """Return point, low, middle, high of all samples, and the means of flagged ones and others.

    Args:
        flagged: (n,) in dataset order.
    """
    rows = [
        [*_quantiles(values), _mean(values[flagged]), _mean(values[~flagged])]
        for values in so_far(trace)
    ]
    columns = ["low", "middle", "high", "flagged", "others"]
    return pd.DataFrame(rows, columns=columns).assign(point=trace.points)


def _quantiles(values: Floats) -> list[float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return [float("nan")] * 3
    low, middle, high = np.quantile(known, [BAND[0], 0.5, BAND[1]])
    return [float(low), float(middle), float(high)]


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


# Classes


def all_lines(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of all samples together, in the order of their points."""
    return table[_overall(table)].sort_values("point", kind="stable")


def class_lines(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of single classes, in the order of their points."""
    return table[~_overall(table)].sort_values("point", kind="stable")


def _overall(table: pd.DataFrame) -> pd.Series:
    """A class may be called as the line of all is: that one comes first at each point."""
    return (table["label"] == ALL) & ~table.duplicated(["point", "label"])


def largest(sizes: dict[str, int], most: int = MOST_CLASSES) -> list[str]:
    """Return the names of the `most` largest classes, in the order given."""
    leading = set(sorted(sizes, key=lambda name: -sizes[name])[:most])
    return [name for name in sizes if name in leading]


def sizes_of(table: pd.DataFrame) -> dict[str, int]:
    """Return the samples valued of each class, at the point with most, in the order told."""
    most = class_lines(table).groupby("label", sort=False)["samples"].max()
    return {str(name): int(samples) for name, samples in most.items()}


def class_ends(table: pd.DataFrame) -> list[tuple[str, float]]:
    """Return the classes valued at the last point with their means there, lowest first."""
    classes = class_lines(table)
    ends = classes[classes["point"] == classes["point"].max()]
    found = [
        (str(label), float(value))
        for label, value in zip(ends["label"], numbers(ends, "value"), strict=True)
        if np.isfinite(value)
    ]
    return sorted(found, key=lambda end: end[1])


# Words


def when(point: float, last: float, unit: str) -> str:
    """Return a point of a training as the start of a sentence: "After 2 of 10 epochs"."""
    if point <= 0:
        return f"Before the first {unit}"
    return f"After {point:,g} of {last:,g} {unit}{'' if last == 1 else 's'}"


def detection_words(early: pd.DataFrame, unit: str) -> str:
    """Return how early the lowest samples are known, in one or two sentences of Markdown.

    Args:
        early: columns point, rank_correlation, lowest_5, lowest_10 of findings.early_detection.
    """
    points, lowest = numbers(early, "point"), numbers(early, "lowest_10")
    if len(points) < 2:
        return "Only one point of this training was kept: there is no earlier one to compare with."
    if not np.isfinite(lowest).any():
        return "There are too few samples to speak of the lowest 10% of them."
    low = np.flatnonzero(~(lowest >= KNOWN_ENOUGH))
    at = int(low[-1]) + 1 if len(low) else 0  # from here on it stays known
    half = int(np.searchsorted(points, points[-1] / 2, side="right")) - 1
    half = max(half, 0)
    if at <= half:
        return (
            f"**{_known(early, at, unit)}**{_fifth(early, at)}. "
            f"The rank correlation of all samples with the end is {_correlation(early, at)} then."
        )
    until = (
        f"only the end itself knows {KNOWN_ENOUGH:.0%} of the lowest 10%"
        if at == len(points) - 1
        else f"{KNOWN_ENOUGH:.0%} of the lowest 10% are known "
        f"{when(points[at], points[-1], unit)[0].lower()}{when(points[at], points[-1], unit)[1:]}"
    )
    return f"**Not early here: {until}.** {_known(early, half, unit, already=False)}."


def _known(early: pd.DataFrame, at: int, unit: str, *, already: bool = True) -> str:
    points = numbers(early, "point")
    share = numbers(early, "lowest_10")[at]
    return (
        f"{when(points[at], points[-1], unit)} {share:.0%} of the lowest 10% are "
        f"{'already ' if already else ''}known"
    )


def _fifth(early: pd.DataFrame, at: int) -> str:
    share = numbers(early, "lowest_5")[at]
    return f", and {share:.0%} of the lowest 5%" if np.isfinite(share) else ""


def _correlation(early: pd.DataFrame, at: int) -> str:
    found = numbers(early, "rank_correlation")[at]
    return f"{found:.2f}" if np.isfinite(found) else "unknown"


def settling_words(early: pd.DataFrame, unit: str) -> str:
    """Return how far the ranking has settled while a training goes on, in Markdown.

    Args:
        early: columns point, rank_correlation, lowest_10 of findings.agreement_with_end, two
            points or more, the last being the newest.
    """
    points, lowest = numbers(early, "point"), numbers(early, "lowest_10")
    if not np.isfinite(lowest).any():
        return "There are too few samples to speak of the lowest 10% of them."
    said = (
        f"**Of the lowest 10% now, at {unit} {points[-1]:,.3g}, {lowest[-2]:.0%} were among them "
        f"at {unit} {points[-2]:,.3g}** (rank correlation of all samples "
        f"{_correlation(early, -2)})"
    )
    if len(points) > 2:
        said += f", and {lowest[0]:.0%} at {unit} {points[0]:,.3g}"
    return f"{said}."


def phase_words(phases: pd.DataFrame) -> str:
    """Return which part of a training counts most, in sentences of Markdown.

    Args:
        phases: columns epoch, magnitude, adjoint_norm, training_loss; several rows an epoch where
            there are several runs.
    """
    means = phases.groupby("epoch", sort=True).mean(numeric_only=True)
    found = numbers(means, "magnitude")
    if len(found) < FEWEST_EPOCHS:
        return f"With fewer than {FEWEST_EPOCHS} epochs there are no phases to tell apart."
    third = len(found) // 3
    start, middle, end = (
        float(part.mean()) for part in (found[:third], found[third:-third], found[-third:])
    )
    peak = means.index[int(np.argmax(found))]
    return (
        f"{_largest_phase(start, middle, end)} It is highest in epoch {peak}. "
        f"{_ends(means, 'adjoint_norm', '|uₜ|')}, {_ends(means, 'training_loss', 'the loss')}."
    )


def _largest_phase(start: float, middle: float, end: float) -> str:
    if min(start, end) > STANDS_OUT * middle:
        return (
            "**Three phases show: a start that matters, a middle whose effect is overwritten, and "
            f"an end that is remembered.** Mean influence is {start:.3g}, {middle:.3g} and "
            f"{end:.3g} in the three thirds of the epochs."
        )
    if middle > STANDS_OUT * max(start, end):
        return (
            f"**The middle of the training counts most**: mean influence is {middle:.3g} there, "
            f"{start:.3g} in the first third of the epochs and {end:.3g} in the last."
        )
    if end > STANDS_OUT * start:
        return (
            "**The end of the training counts most**: in the last third of the epochs a sample's "
            f"influence is {_times(end, start)} that in the first. What early steps "
            "learned is overwritten in part by later ones."
        )
    if start > STANDS_OUT * end:
        return (
            "**The start of the training counts most**: in the first third of the epochs a "
            f"sample's influence is {_times(start, end)} that in the last. What later "
            "steps add changes the result less."
        )
    return (
        "**No part of the training stands out**: mean influence is much the same in the first, "
        "middle and last third of the epochs."
    )


def _times(more: float, less: float) -> str:
    return f"{more / less:.2g} times" if less > 0 else "far above"


def _ends(means: pd.DataFrame, column: str, name: str) -> str:
    values = numbers(means, column)
    if not np.isfinite(values[[0, -1]]).all():
        return f"{name} is unknown"
    way = "rises" if values[-1] > values[0] else "falls" if values[-1] < values[0] else "stays"
    if way == "stays":
        return f"{name} stays at {values[0]:.3g}"
    return f"{name} {way} from {values[0]:.3g} to {values[-1]:.3g}"
