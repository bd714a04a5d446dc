"""What is pruned and what it is scored on: labels as verdicts correct them, and contributors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset
from dvaudit.core.decisions import Decision, Verdict

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Material:
    """What is pruned, and what it is scored on.

    Attributes:
        vectors: (N, d) of all samples, those of a trusted set last.
        labels: (N,) class codes, or numbers where there are no `class_names`.
        truth: (N,) the same as far as verdicts correct them; -1 or NaN where unknown.
        rows: (n,) of the samples that may be removed.
        values: (n,) of these, higher = more useful.
        held_out: rows to score on; empty for a random split of `rows`.
        parts: (N,) contributor of each sample, -1 for none.
        contributors: their names.
    """

    vectors: NDArray[np.floating]
    labels: Rows | Floats
    truth: Rows | Floats
    class_names: tuple[str, ...]
    rows: Rows
    values: Floats
    held_out: Rows
    parts: Rows
    contributors: tuple[str, ...]

    @property
    def targets(self) -> Rows | Floats:
        """(n,) labels of the samples that may be removed."""
        return self.labels[self.rows]

    @property
    def classes(self) -> int:
        """How many classes there are; 0 for regression."""
        return len(self.class_names)


def corrected_labels(
    data: Dataset, decisions: Mapping[str, Decision]
) -> tuple[NDArray[np.int64] | NDArray[np.float64], int]:
    """Return the labels as the standing verdicts have them, and how many differ for that.

    A dropped sample, or one relabelled to what no model here can predict, has no label.
    """
    assert data.labels is not None
    if data.class_names:
        labels: Any = data.labels.astype(np.int64)
        code_of = {name: code for code, name in enumerate(data.class_names)}
        missing: Any = -1
    else:
        labels, missing = data.labels.astype(np.float64), np.nan
    changed = 0
    for at, name in enumerate(data.ids):
        made = decisions.get(name)
        if made is None or made.verdict not in (Verdict.RELABEL, Verdict.DROP):
            continue
        changed += 1
        if made.verdict is Verdict.DROP or made.label is None:
            labels[at] = missing
        elif data.class_names:
            labels[at] = code_of.get(made.label, missing)
        else:
            labels[at] = _number(made.label)
    return labels, changed


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def contributors(data: Dataset, most: int) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the contributor of each sample, -1 for none, and the names of the `most` largest."""
    if data.groups is None:
        return np.full(len(data), -1, dtype=np.int64), ()
    counts = pd.Series(data.groups, dtype=object).value_counts()
    names = list(counts.index)[:most]
    code_of = {name: code for code, name in enumerate(names)}
    codes = [code_of.get(name, -1) for name in data.groups]
    return np.array(codes, dtype=np.int64), tuple(str(name) for name in names)
