"""Columns of a table as numbers: numeric, categorical, date and text columns side by side."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.progress import Progress, silent
from dvaudit.core.settings import setting
from dvaudit.features.base import Extractor
from dvaudit.features.fitted import Fitted, Kept

if TYPE_CHECKING:
    from dvaudit.features._tabular import Encoders

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
@dataclass(frozen=True, eq=False)
class FittedTabular(Fitted):
    """The columns that have a value, and their encoders.

    The encoders are objects of scikit-learn, for which it has no other format than a pickle. A
    pickle can run code when it is read; this one lies in the workspace's own cache, which who can
    write to can change the results anyway. Its checksum is beside it, against damage.
    """

    name = "tabular"
    version = 1
    libraries = ("scikit-learn", "scipy", "numpy")

    encoders: Encoders

    def describe(
        self, data: Dataset, *, device: str = "cpu", progress: Progress = silent
    ) -> tuple[NDArray[np.floating], list[str]]:
        assert data.table is not None
        return self.encoders.describe(data.table)

    def kept(self) -> Kept:
        texts = self.encoders.texts
        bare = replace(self.encoders, texts=[replace(each, directions=None) for each in texts])
        pickled = pickle.dumps(bare, protocol=pickle.HIGHEST_PROTOCOL)
        arrays: dict[str, NDArray[Any]] = {
            f"directions {number}": each.directions
            for number, each in enumerate(texts)
            if each.directions is not None
        }
        arrays["pickled"] = np.frombuffer(pickled, dtype=np.uint8)
        return Kept({"checksum": hashlib.sha256(pickled).hexdigest()}, arrays)

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        pickled = kept.arrays["pickled"].tobytes()
        if hashlib.sha256(pickled).hexdigest() != kept.facts["checksum"]:
            raise ValueError("the checksum of the encoders is wrong")
        bare: Encoders = pickle.loads(pickled)
        texts = [
            replace(each, directions=kept.arrays.get(f"directions {number}"))
            for number, each in enumerate(bare.texts)
        ]
        return cls(replace(bare, texts=texts))


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
    version = FittedTabular.version
    kinds = frozenset({Kind.TABULAR})
    Settings = TabularSettings
    Learns = FittedTabular

    def _extract(
        self,
        data: Dataset,
        settings: Any,
        seed: int,
        device: str,
        progress: Progress,
        fitted_on: int,
    ) -> tuple[NDArray[np.floating], list[str], Fitted]:
        from dvaudit.features import _tabular  # loads scikit-learn

        table, roles = data.table, data.roles
        if table is None or not any(roles[str(name)].is_feature for name in table.columns):
            raise UnsuitableDataError(
                f"{data.name!r} has no feature columns; give at least one column the role "
                "numeric, categorical, text or date."
            )
        matrix, notes, encoders = _tabular.encode(table, roles, settings, seed, progress, fitted_on)
        return matrix, notes, FittedTabular(encoders)
