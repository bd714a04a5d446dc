"""What the findings are: neighbours, groups, estimates and tables; pure data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest samples of each of n samples by angle, nearest first.

    Every index array is (n, k) int32, -1 where there is no further sample; every distance array
    is (n, k) float32, radians between unit vectors, NaN there. A sample is never its own
    neighbour, and equal distances keep input order.

    Attributes:
        same_index, same_distance: samples of the same class; where no classes are given, or none
            exist (regression), the nearest of all.
        other_index, other_distance: samples of other classes; those without a label are in
            neither, and have the nearest of all labelled samples here.
        all_index, all_distance: the nearest of all, whatever their label.
        same_rank: (n,) int32, how near the nearest sample of the same class is: 1 when it is the
            nearest of all; 0 where there is none.
    """

    same_index: NDArray[np.int32]
    same_distance: NDArray[np.float32]
    other_index: NDArray[np.int32]
    other_distance: NDArray[np.float32]
    all_index: NDArray[np.int32]
    all_distance: NDArray[np.float32]
    same_rank: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.all_index)


@dataclass(frozen=True, eq=False)
class DuplicateGroups:
    """Samples that are the same thing twice.

    Attributes:
        group: (n,) int64 group number from 1, in order of the first member; 0 = in no group.
        exact: (n,) bool, another member of the group has the same content, byte for byte.
        threshold: angle in radians up to which two samples count as near duplicates; 0 where
            only equal content counts.
        how: the rule in words.
    """

    group: NDArray[np.int64]
    exact: NDArray[np.bool_]
    threshold: float
    how: str

    @property
    def count(self) -> int:
        return int(self.group.max(initial=0))


@dataclass(frozen=True, eq=False)
class Outliers:
    """Samples far from everything.

    Attributes:
        score: (n,) float64, mean Euclidean distance between the feature vectors of a sample and
            of its nearest; NaN where n is 1.
        flagged: (n,) bool, score above `bound`.
        bound: a distance; infinite where too few samples give no quartiles to judge by.
    """

    score: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    bound: float


@dataclass(frozen=True, eq=False)
class Consensus:
    """What the chosen methods say together.

    Attributes:
        suspicion: (n,) float64 in (0, 1), mean normalised rank, low = suspicious; NaN = unscored.
        ranks: (n,) float64, 1 = most suspicious; NaN = unscored.
        flagged: (n,) bool.
        suggested_labels: (n,) label text or None.
        margins: (n,) float64, positive = another label is preferred; NaN where no method says.
        how: the rule in words.
        judges: whether any method calls labels right or wrong, rather than only ranking them.
    """

    suspicion: NDArray[np.float64]
    ranks: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    suggested_labels: NDArray[np.object_]
    margins: NDArray[np.float64]
    how: str
    judges: bool = True


@dataclass(frozen=True)
class ErrorRate:
    """The estimated share of wrong labels among the labelled samples.

    `rate`, `low` and `high` (a 95 % interval) lie in 0 to 1, and are None where no estimate is
    possible; `how` says how it was made, or why it was not. A rate without an interval is counted:
    every label was judged. `note` says in a few words what belongs beside the number.
    """

    rate: float | None
    low: float | None
    high: float | None
    how: str
    note: str = ""


@dataclass(frozen=True, eq=False)
class Findings:
    """All that an audit finds in a dataset.

    Attributes:
        samples: one row per sample in dataset order: id, given_label, suspicion_rank (Int64),
            class_rank (Int64), flagged, finding ("mislabelled", "atypical" or None),
            suggested_label, margin, reason, duplicate_group (Int64), duplicate_conflict, outlier,
            outlier_score; then for each method `NAME.value`, `NAME.flagged`,
            `NAME.suggested_label` where it has them, and its own `NAME.<column>`.
        classes: one row per class (for regression per quarter of the target's range of ranks):
            class, samples, share, flagged, share_flagged, mean_margin, most_confused_with, note.
        duplicates: one row per member: group, kind (exact or near), id, given_label, conflict,
            keep (the one copy to keep).
        confusions: given_label, suggested_label, samples, share (of the given class), examples
            (a list of ids, most suspicious first), most frequent first.
        notes: what a person should know of, one sentence each.
    """

    samples: pd.DataFrame
    classes: pd.DataFrame
    duplicates: pd.DataFrame
    confusions: pd.DataFrame
    error_rate: ErrorRate
    notes: tuple[str, ...]
    neighbours: Neighbours
