"""Dates as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def date_parts(values: pd.Series[Any]) -> NDArray[np.float64]:
    """Return (n, 2 to 8): standardised time, missing, and circles for year, week and day.

    A circle is the cosine and sine of the position in its period, so that December is beside
    January; it is left out where all dates stand at the same position. Missing dates get the
    median time and the centre of each circle.
    """
    # No dates with a time zone and mixed resolutions: microseconds in UTC hold both.
    dates = pd.to_datetime(values, utc=True).dt.as_unit("us")
    known = dates.notna().to_numpy()
    stamps = dates.to_numpy(dtype="datetime64[us]").astype(np.int64).astype(np.float64)
    time = np.where(known, stamps, np.median(stamps[known]))
    time -= time.mean()
    deviation = time.std()
    columns = [time / deviation if deviation > 0 else time]
    if not known.all():
        columns.append(~known - np.mean(~known))
    seconds = dates.dt.hour * 3600.0 + dates.dt.minute * 60.0 + dates.dt.second
    for phase in (dates.dt.day_of_year / 365.25, dates.dt.day_of_week / 7, seconds / 86_400):
        turns = phase.to_numpy(dtype=np.float64, na_value=np.nan)
        if len(np.unique(turns[known])) > 1:
            columns += [_circle(np.cos(2 * np.pi * turns)), _circle(np.sin(2 * np.pi * turns))]
    return np.column_stack(columns)


def _circle(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.nan_to_num(values - np.nanmean(values)))
