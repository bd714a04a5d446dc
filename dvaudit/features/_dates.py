"""Dates as numbers."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin


class DateParts(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Dates as (n, 2 to 8): standardised time, missing, and circles for year, week and day.

    A circle is the cosine and sine of the position in its period, so that December is beside
    January; it is left out where all fitted dates stand at the same position. Missing dates get
    the median time and the centre of each circle.
    """

    def fit(self, values: pd.Series[Any], _: object = None) -> Self:
        """Learn centres, the deviation of time, and which columns there are."""
        stamps, turns, known = _measured(values)
        self.median_ = np.median(stamps[known])
        time = np.where(known, stamps, self.median_)
        self.centre_ = time.mean()
        self.deviation_ = (time - self.centre_).std()
        self.unknown_ = None if known.all() else np.mean(~known)
        self.circles_ = {
            name: _circle(turn, known).mean(axis=0)
            for name, turn in turns.items()
            if len(np.unique(turn[known])) > 1
        }
        return self

    def transform(self, values: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the columns of these dates."""
        stamps, turns, known = _measured(values)
        time = np.where(known, stamps, self.median_) - self.centre_
        columns = [time / self.deviation_ if self.deviation_ > 0 else time]
        if self.unknown_ is not None:
            columns.append(~known - self.unknown_)
        for name, centre in self.circles_.items():
            circle = np.zeros((len(known), 2))
            circle[known] = _circle(turns[name], known) - centre
            columns += [circle[:, 0], circle[:, 1]]
        return np.column_stack(columns)


def _measured(
    values: pd.Series[Any],
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
    """Return microseconds since 1970, turns within year, week and day, and which are known."""
    # No dates with a time zone and mixed resolutions: microseconds in UTC hold both.
    dates = pd.to_datetime(values, utc=True).dt.as_unit("us")
    micros = dates.to_numpy(dtype="datetime64[us]").astype(np.int64)
    stamps: NDArray[np.float64] = micros.astype(np.float64)
    seconds = dates.dt.hour * 3600.0 + dates.dt.minute * 60.0 + dates.dt.second
    turns = {
        "year": dates.dt.day_of_year / 365.25,
        "week": dates.dt.day_of_week / 7,
        "day": seconds / 86_400,
    }
    as_numbers = {
        name: np.asarray(turn.to_numpy(dtype=np.float64, na_value=np.nan), dtype=np.float64)
        for name, turn in turns.items()
    }
    known: NDArray[np.bool_] = dates.notna().to_numpy(dtype=bool)
    return stamps, as_numbers, known


def _circle(turns: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the places of the known ones on a circle, (known, 2)."""
    angles = 2 * np.pi * turns[known]
    return np.column_stack([np.cos(angles), np.sin(angles)])
