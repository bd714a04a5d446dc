"""The encoders of the tabular extractor, put together from scikit-learn's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from dvaudit.core.dataset import Role
from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.core.progress import Progress
from dvaudit.features._dates import DateParts
from dvaudit.features._text import FittedTexts, encode_texts
from dvaudit.features.tabular import UNKNOWN

MISSING = "\x00missing"  # a category of its own that no cell can hold


@dataclass(frozen=True, eq=False)
class Encoders:
    """What was learned from the columns of a table.

    Attributes:
        columns: those that have a value, by role.
        largest: what numbers are divided by, by column.
        transformer: of all columns but texts; None where there are no others.
        texts: of the columns of texts, in their order.
    """

    columns: Mapping[Role, Sequence[str]]
    largest: Mapping[str, float]
    transformer: ColumnTransformer | None
    texts: Sequence[FittedTexts]

    def describe(self, table: pd.DataFrame) -> tuple[NDArray[np.floating], list[str]]:
        """Return the (n, d) float32 encoding of the rows of a table, and notes on them."""
        prepared = _typed(table, self.columns, self.largest)
        notes = _infinite(table, self.columns[Role.NUMERIC])
        blocks = []
        if self.transformer is not None:
            blocks.append(self.transformer.transform(prepared))
            notes += _unknown(self.transformer, prepared, self.columns[Role.CATEGORICAL])
        for name, texts in zip(self.columns[Role.TEXT], self.texts, strict=True):
            block, said = texts.describe(prepared[name].tolist())
            blocks.append(block)
            notes += [f"{name}: {note}" for note in said]
        return np.hstack(blocks).astype(np.float32), notes


def encode(
    table: pd.DataFrame,
    roles: Mapping[str, Role],
    settings: Any,
    seed: int,
    progress: Progress,
    fitted_on: int | None = None,
) -> tuple[NDArray[np.floating], list[str], Encoders]:
    """Return the (n, d) float32 encoding of the feature columns, the notes, and the encoders.

    Args:
        fitted_on: the encoders are fitted on so many first rows; None takes all.

    Raises:
        UnsuitableDataError: no column has a value.
    """
    columns: dict[Role, list[str]] = {role: [] for role in Role if role.is_feature}
    for name in table.columns:
        if roles[name].is_feature:
            columns[roles[name]].append(name)
    first = len(table) if fitted_on is None else fitted_on
    infinite = _infinite(table, columns[Role.NUMERIC])
    notes = _leave_out_empty(table.iloc[:first], columns) + infinite
    largest = _largest(table.iloc[:first], columns[Role.NUMERIC])
    prepared = _typed(table, columns, largest)
    progress(0.0, "Encoding columns")
    blocks: list[NDArray[np.floating]] = []
    transformer: ColumnTransformer | None = None
    texts: list[FittedTexts] = []
    if any(columns[role] for role in (Role.NUMERIC, Role.CATEGORICAL, Role.DATE)):
        transformer = _transformer(columns, first, settings)
        if first == len(prepared):
            blocks.append(transformer.fit_transform(prepared))
        else:
            transformer.fit(prepared.iloc[:first])
            blocks.append(transformer.transform(prepared))
        notes += _pooled(transformer, columns[Role.CATEGORICAL])
        notes += _unknown(transformer, prepared.iloc[first:], columns[Role.CATEGORICAL])
    for number, name in enumerate(columns[Role.TEXT]):
        progress((number + 1) / (len(columns[Role.TEXT]) + 1), f"Encoding {name}")
        block, said, learned = encode_texts(
            prepared[name].tolist(), settings.text_dimensions, settings.text_weight, seed, first
        )
        blocks.append(block)
        texts.append(learned)
        notes += [f"{name}: {note}" for note in said]
    encoders = Encoders(columns, largest, transformer, texts)
    return np.hstack(blocks).astype(np.float32), notes, encoders


def _leave_out_empty(fitted: pd.DataFrame, columns: Mapping[Role, list[str]]) -> list[str]:
    """Take columns without a value in the fitted rows out of `columns`, and say so."""
    empty = []
    for role, names in columns.items():
        for name in list(names):
            values = _finite(fitted[name]) if role is Role.NUMERIC else fitted[name]
            if pd.isna(values).all():
                names.remove(name)
                empty.append(name)
    if not any(columns.values()):
        raise UnsuitableDataError(
            f"None of the {len(empty)} feature columns has a value ({some(empty)}); choose others."
        )
    if not empty:
        return []
    return [f"Columns without values are left out ({len(empty)}): {some(empty)}."]


def _largest(fitted: pd.DataFrame, names: Sequence[str]) -> dict[str, float]:
    """Return the largest size of each column's numbers, 1 for zeros alone."""
    return {name: float(np.nanmax(np.abs(_finite(fitted[name])))) or 1.0 for name in names}


def _infinite(table: pd.DataFrame, names: Sequence[str]) -> list[str]:
    infinite = [name for name in names if np.isinf(_numbers(table[name])).any()]
    return [f"Infinite values count as missing in: {some(infinite)}."] if infinite else []


def _typed(
    table: pd.DataFrame, columns: Mapping[Role, Sequence[str]], largest: Mapping[str, float]
) -> pd.DataFrame:
    """Return the columns as the encoders take them."""
    prepared: dict[str, Any] = {}
    for role, names in columns.items():
        for name in names:
            values = table[name]
            if role is Role.NUMERIC:
                # Squares of values such as 1e300 would overflow in the scaler.
                prepared[name] = _finite(values) / largest[name]
            elif role is Role.DATE:
                prepared[name] = values
            else:
                blank = MISSING if role is Role.CATEGORICAL else ""
                prepared[name] = values.astype(object).map(str).where(values.notna(), blank)
    return pd.DataFrame(prepared, index=table.index)


def _finite(values: pd.Series[Any]) -> NDArray[np.float64]:
    """Return numbers, NaN for what is infinite."""
    numbers = _numbers(values)
    return np.where(np.isinf(numbers), np.nan, numbers)


def _numbers(values: pd.Series[Any]) -> NDArray[np.float64]:
    if values.dtype == object:
        values = pd.to_numeric(values, errors="coerce")
    return values.to_numpy(dtype=np.float64, na_value=np.nan)


def _transformer(
    columns: Mapping[Role, Sequence[str]], rows: int, settings: Any
) -> ColumnTransformer:
    least = min(settings.min_rows, max(1, rows // 100))
    parts: list[tuple[str, Any, Any]] = [
        ("numeric", _numeric(), columns[Role.NUMERIC]),
        ("missing", _missing(), columns[Role.NUMERIC]),
        ("categorical", _categorical(settings.max_categories, least), columns[Role.CATEGORICAL]),
    ]
    parts += [(f"date {name}", DateParts(), name) for name in columns[Role.DATE]]
    return ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0.0)


def _numeric() -> Pipeline:
    """Standardised values, compressed beyond a few deviations so that no extreme dominates."""
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median")),
            ("scale", StandardScaler()),
            ("compress", FunctionTransformer(np.arcsinh)),
            ("standardise", StandardScaler()),
        ]
    )


def _missing() -> Pipeline:
    indicator = MissingIndicator(features="missing-only", error_on_new=False)
    return Pipeline([("indicate", indicator), ("centre", _Centred())])


def _categorical(most: int, least: int) -> Pipeline:
    # One-hot columns are centred and not standardised: a deviation of a rare category is small,
    # and dividing by it would make a few rows outliers.
    encoder = OneHotEncoder(
        min_frequency=least if least > 1 else None,
        max_categories=most,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        dtype=np.float32,
    )
    return Pipeline([("one-hot", encoder), ("centre", _Centred())])


class _Centred(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Columns less their mean over the fitted rows."""

    def fit(self, values: NDArray[Any], _: object = None) -> Self:
        self.mean_ = np.asarray(values, dtype=np.float64).mean(axis=0)
        return self

    def transform(self, values: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(np.asarray(values, dtype=np.float64) - self.mean_)


def _pooled(transformer: ColumnTransformer, names: list[str]) -> list[str]:
    """Say which columns lost categories to the pool."""
    if not names:
        return []
    encoder = transformer.named_transformers_["categorical"]["one-hot"]
    pooled = {
        name: len(rare)
        for name, rare in zip(names, encoder.infrequent_categories_, strict=True)
        if rare is not None
    }
    if not pooled:
        return []
    which = some(f"{name} ({count:,})" for name, count in pooled.items())
    return [f"Rare categories are pooled (columns: {len(pooled)}): {which}."]


def _unknown(
    transformer: ColumnTransformer, others: pd.DataFrame, names: Sequence[str]
) -> list[str]:
    """Say which columns have categories in the rows that were not fitted on, and only there."""
    if not names or not len(others):
        return []
    encoder = transformer.named_transformers_["categorical"]["one-hot"]
    new = {
        name: int((~others[name].isin(known)).sum())
        for name, known in zip(names, encoder.categories_, strict=True)
    }
    which = [f"{name} ({count:,})" for name, count in new.items() if count]
    if not which:
        return []
    return [
        f"{UNKNOWN} count as rare ones where there are any, else as none (columns: {len(which)}, "
        f"with rows): {some(which)}."
    ]
