"""Columns of a table as numbers: numeric, categorical, date and text columns side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress
from dvaudit.core.settings import setting
from dvaudit.features.base import Extractor

# How the note begins that says which categories the fitted rows do not have.
UNKNOWN = "Unknown categories"


@dataclass(frozen=True)
class TabularSettings:
    max_categories: int = setting(
        64,
        "At most this many categories of a column are told apart; the rarest are pooled.",
        low=2,
        high=10_000,
        label="Categories of a column at most",
    )
    min_rows: int = setting(
        10,
        "Categories in fewer rows than this are pooled (in tables of less than 1,000 rows: in "
        "fewer than 1 % of them).",
        low=1,
        high=1_000_000,
        label="Rows of a category at least",
    )
    text_dimensions: int = setting(
        256,
        "Dimensions a text column is reduced to.",
        low=2,
        high=4096,
        label="Dimensions of a text column",
    )
    text_weight: float = setting(
        4.0,
        "How many numeric columns a text column counts as.",
        low=0.0,
        high=1000.0,
        label="Weight of a text column",
    )


@final
class Tabular(Extractor):
    """Encoded columns, (n, d) float32; two unrelated rows differ about equally in every column.

    A standardised number differs by 2 in squared distance on average between two random rows;
    so do two different categories, unrelated texts (times `text_weight`), and dates.
    """

    name = "tabular"
    title = "Encoded columns"
    summary = (
        "Numbers standardised, categories one-hot with rare ones pooled, dates as time and "
        "calendar, texts as weighted words and letters."
    )
    version = 1
    kinds = frozenset({Kind.TABULAR})
    Settings = TabularSettings

    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str]]:
        from dvaudit.features import _tabular  # loads scikit-learn

        table, roles = data.table, data.roles
        if table is None or not any(roles[str(name)].is_feature for name in table.columns):
            raise UnsuitableDataError(
                f"{data.name!r} has no feature columns; give at least one column the role "
                "numeric, categorical, text or date."
            )
        return _tabular.encode(table, roles, settings, seed, progress, fitted_on)
