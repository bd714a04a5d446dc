"""Trace: values over the course of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Trace:
    """Values of n samples at S points of a training run, in time order.

    Attributes:
        points: (S,) when, in `unit`s since the start of the run.
        values: (S, n) float32, higher = more useful; NaN where a sample was not valued.
        unit: "epoch" or "step".
        additive: the values of a method that sums over the run: their sum over the points is
            the sample's value. Otherwise each is a value of its own, and they are averaged.
        losses: (S,) mean training loss at the points, NaN where unknown.
    """

    points: NDArray[np.float64]
    values: NDArray[np.float32]
    unit: str
    additive: bool
    losses: NDArray[np.float64]

    def spread(self, rows: NDArray[np.int64], n: int) -> Trace:
        """Return the trace over n samples, of which `rows` are the present ones."""
        whole = np.full((len(self.points), n), np.nan, dtype=np.float32)
        whole[:, rows] = self.values
        return Trace(self.points, whole, self.unit, self.additive, self.losses)

    def to_frame(self, ids: tuple[str, ...]) -> pd.DataFrame:
        """Return one row for each valued sample and point: id, step, value."""
        at, rows = np.nonzero(np.isfinite(self.values))
        return pd.DataFrame(
            {
                "id": np.asarray(ids, dtype=object)[rows],
                "step": self.points[at],
                "value": self.values[at, rows],
            }
        )


# Called while a method trains: its name, a point, (n,) values so far, NaN where none, and what
# else is known, such as the loss.
Watch = Callable[[str, float, NDArray[np.float32], dict[str, Any]], None]


def unwatched(name: str, point: float, values: NDArray[np.float32], known: dict[str, Any]) -> None:
    """Ignore every value."""
