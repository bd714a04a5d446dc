"""What a kernel method measures from a solved system, and what came of it for all samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Quantities = dict[str, NDArray[np.float64]]
PRIMARY = "value"


@dataclass(frozen=True, eq=False)
class Solution:
    """A = K^-1 Y (b, k), d = diag K^-1 (b,), Y (b, k), and which rows of the problem they are."""

    solution: NDArray[np.float64]
    diagonal: NDArray[np.float64]
    targets: NDArray[np.float64]
    rows: NDArray[np.int64]


Measure = Callable[[Solution], Quantities]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured for all m samples.

    Attributes:
        quantities: by name, (m,) or (m, k); averages over partitions where bagged.
        std_errors: (m,) of `value`; None unless bagged.
        half_width: of its 95 % interval, in standard errors.
        said: sentences for the status.
        warned: sentences of warning.
        stats: JSON-able record.
    """

    quantities: Quantities
    said: list[str]
    warned: list[str]
    stats: dict[str, Any]
    std_errors: NDArray[np.float64] | None = None
    half_width: float = math.nan

    def interval_columns(self, *, one_signed: bool) -> Quantities:
        """Return `value_low` and `value_high`, the 95 % interval; nothing unless bagged.

        Args:
            one_signed: the value cannot change sign, as a gap that is a square. Its distribution
                over partitions is skewed, so the interval is symmetric in its logarithm.
        """
        if self.std_errors is None:
            return {}
        reach = self.half_width * self.std_errors
        value = self.quantities[PRIMARY]
        if not one_signed:
            return {"value_low": value - reach, "value_high": value + reach}
        size = np.abs(value)
        factor = np.exp(np.divide(reach, size, out=np.zeros_like(size), where=size > 0))
        ends = np.stack([value * factor, value / factor])
        return {"value_low": ends.min(0), "value_high": ends.max(0)}
