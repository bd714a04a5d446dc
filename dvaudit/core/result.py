"""ValuationResult: what every valuator returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.trace import Trace


@dataclass(frozen=True, eq=False)
class ValuationResult:
    """Values of n samples in dataset order; NaN where a sample has no label and was not scored.

    Attributes:
        valuator: the method's registered name.
        values: (n,) float64, higher = more useful, for every method.
        flagged: (n,) bool, the method's own call that the label is wrong; None where it makes none.
        suggested_labels: (n,) label text or None per sample; None where the method has none.
        margins: (n,) float64, how far the suggestion beats the given label; positive = suspicious.
        std_errors: (n,) float64, None for exact methods.
        class_scores: (n, k) leave-one-out scores of the `scored_classes`, higher = more likely.
        scored_classes: the k classes that occur among labelled samples.
        columns: the method's own quantities, (n,) each, under their paper names.
        status: in sentences, what was done.
        warnings: sentences that a person must know before trusting the values: what was repaired,
            cut short, or makes them unreliable.
        stats: ridge, clamps, duplicates, seconds per stage, device, plan; JSON-able.
        tables: further tables by name, where a method makes any.
        detects_mislabels: low values mean wrong labels: the method takes part in the consensus,
            and where `flagged` is None as many of the lowest are flagged as labels are estimated
            to be wrong.
        trace: values over training, of methods that follow it.
        arrays: further arrays by name; those of the samples have n rows, NaN where a sample was
            not scored.

    A method that values contributors has one row per contributor: `ids` are their names, and
    `given_labels` are None.
    """

    valuator: str
    ids: tuple[str, ...]
    given_labels: NDArray[np.object_]
    values: NDArray[np.float64]
    flagged: NDArray[np.bool_] | None = None
    suggested_labels: NDArray[np.object_] | None = None
    margins: NDArray[np.float64] | None = None
    std_errors: NDArray[np.float64] | None = None
    class_scores: NDArray[np.float64] | None = None
    scored_classes: tuple[str, ...] = ()
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    status: str = ""
    warnings: tuple[str, ...] = ()
    stats: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    detects_mislabels: bool = True
    trace: Trace | None = None
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def suspicion_ranks(self) -> NDArray[np.float64]:
        """(n,) 1 = most suspicious; ties keep input order; NaN where the sample was not scored."""
        return suspicion_ranks(self.values)

    def class_ranks(self) -> NDArray[np.float64]:
        """(n,) 1 = most suspicious of its given label; NaN where unscored or without classes.

        A score whose scale differs between classes ranks a rare class first; its ranks within
        the classes do not (paper of the CG-score, which prunes per class).
        """
        if not self.scored_classes:
            return np.full(len(self.values), np.nan)
        return class_ranks(self.values, self.given_labels)

    def to_frame(self) -> pd.DataFrame:
        """One row per sample: id, given_label, value, both ranks, flagged, and the rest."""
        n = len(self.ids)
        nothing = np.full(n, None, dtype=object)
        frame: dict[str, Any] = {
            "id": np.asarray(self.ids, dtype=object),
            "given_label": self.given_labels,
            "value": self.values,
            "suspicion_rank": pd.Series(self.suspicion_ranks()).astype("Int64"),
            "class_rank": pd.Series(self.class_ranks()).astype("Int64"),
            "flagged": np.zeros(n, dtype=bool) if self.flagged is None else self.flagged,
            "suggested_label": nothing if self.suggested_labels is None else self.suggested_labels,
        }
        if self.margins is not None:
            frame["margin"] = self.margins
        if self.std_errors is not None:
            frame["std_error"] = self.std_errors
        return pd.DataFrame({**frame, **self.columns})


def suspicion_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n,) ranks of values (higher = more useful), 1 = lowest; NaN stays NaN."""
    ranks = np.full(len(values), np.nan)
    scored = np.flatnonzero(np.isfinite(values))
    ranks[scored[np.argsort(values[scored], kind="stable")]] = np.arange(1, len(scored) + 1)
    return ranks


def class_ranks(values: NDArray[np.float64], labels: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return (n,) `suspicion_ranks` among the samples of each label; NaN for the label None."""
    ranks = np.full(len(values), np.nan)
    for rows in pd.Series(labels, dtype=object).groupby(labels).indices.values():
        ranks[rows] = suspicion_ranks(values[rows])
    return ranks
