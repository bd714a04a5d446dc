"""RawTable: what every table format is read into, before columns have roles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Unreadable
from dvaudit.core.errors import some
from dvaudit.core.words import count

# Words that stand for "no value" in any column. "None" and "none" are left out on purpose: they
# are names of real classes. In numeric columns NOT_A_NUMBER counts as missing too.
MISSING = frozenset({"", "?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "<NA>"})
NOT_A_NUMBER = frozenset({"None", "none", "-", "--", ".", "na", "missing"})


class Content(StrEnum):
    """What the cells of a column came as."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    NESTED = "nested"


@dataclass(frozen=True, eq=False)
class RawColumn:
    """One column, factored: most questions about it are questions about its distinct values.

    Attributes:
        values: (u,) distinct values in order of first appearance; text without outer blanks.
        codes: (n,) position in `values`, -1 where the cell is missing.
        words: texts that were read as missing, and in how many cells of the source.
    """

    name: str
    content: Content
    values: NDArray[Any]
    codes: NDArray[np.int64]
    words: Mapping[str, int] = field(default_factory=dict)

    @property
    def missing(self) -> int:
        return int(np.count_nonzero(self.codes < 0))

    @property
    def is_unique(self) -> bool:
        """True where every row has a value of its own."""
        return len(self.values) == len(self.codes) and self.missing == 0

    def texts(self) -> list[str]:
        """The u distinct values as people write them: whole numbers without a decimal point."""
        return [as_text(value) for value in self.values]

    def cells(self) -> NDArray[np.object_]:
        """(n,) values, None where missing."""
        return take(self.values.astype(object), self.codes)


@dataclass(frozen=True, eq=False)
class RawTable:
    """Columns of equal length, and how to find their rows in the file again.

    `records` (n,) holds each row's position among the records of the file, header excluded, so
    that rows left out as unreadable keep their number.
    """

    columns: Mapping[str, RawColumn]
    records: NDArray[np.int64]
    options: Mapping[str, Any] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.records)


def take(values: NDArray[np.object_], codes: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return values[codes], None where the code is -1."""
    padded = np.empty(len(values) + 1, dtype=object)
    padded[:-1] = values
    padded[-1] = None
    out: NDArray[np.object_] = padded[codes]
    return out


def as_text(value: object) -> str:
    """Write one value as people do: 3.0 as 3, a date in ISO form."""
    if isinstance(value, str):
        return value
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, (np.datetime64, pd.Timestamp)):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, (float, np.floating)):
        return repr(float(value))
    return str(value)


def text_column(name: str, distinct: Sequence[str], codes: NDArray[np.int64]) -> RawColumn:
    """Build a column of text from distinct raw cells; missing words and outer blanks go."""
    position: dict[str, int] = {}
    words: dict[str, int] = {}
    cells = np.bincount(codes[codes >= 0], minlength=len(distinct))
    remap = np.empty(len(distinct) + 1, dtype=np.int64)
    remap[-1] = -1
    for index, raw in enumerate(distinct):
        clean = raw.strip()
        if clean and clean in MISSING:
            words[clean] = words.get(clean, 0) + int(cells[index])
        remap[index] = -1 if clean in MISSING else position.setdefault(clean, len(position))
    values = np.empty(len(position), dtype=object)
    values[:] = list(position)
    return RawColumn(name, Content.TEXT, values, remap[codes], words)


def missing_notes(columns: Iterable[RawColumn]) -> tuple[str, ...]:
    """Say which texts were read as missing, in how many cells of which columns."""
    where: dict[str, list[tuple[str, int]]] = {}
    for column in columns:
        for word, cells in column.words.items():
            where.setdefault(word, []).append((column.name, cells))
    return tuple(
        f"'{word}' is read as missing in {count(sum(cells for _, cells in found), 'cell')}: "
        f"{some(f'{name} ({cells:,})' for name, cells in found)}."
        for word, found in where.items()
    )


def column_from_series(name: str, series: pd.Series[Any]) -> RawColumn:
    """Build a column from a typed one: numbers, booleans and dates stay what they are."""
    if pd.api.types.is_bool_dtype(series.dtype):
        return _factored(name, Content.BOOLEAN, series.astype(object).to_numpy(dtype=object))
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return _factored(name, Content.DATE, _dates(series))
    if pd.api.types.is_numeric_dtype(series.dtype):
        whole = pd.api.types.is_integer_dtype(series.dtype) and not series.isna().any()
        numbers = series.to_numpy(dtype=np.int64 if whole and _fits(series) else np.float64)
        return _factored(name, Content.NUMBER, numbers)
    return column_from_objects(name, series.astype(object).to_numpy(dtype=object))


def column_from_objects(name: str, cells: NDArray[np.object_]) -> RawColumn:
    """Build a column from Python values, by what they all are; a mixture becomes text."""
    present = [cell for cell in cells if not is_missing(cell)]
    if present and all(isinstance(cell, (bool, np.bool_)) for cell in present):
        return _factored(name, Content.BOOLEAN, cells)
    if present and all(_is_number(cell) for cell in present):
        if len(present) == len(cells) and all(_is_small_int(cell) for cell in cells):
            return _factored(name, Content.NUMBER, cells.astype(np.int64))
        numbers = [np.nan if is_missing(cell) else float(cell) for cell in cells]
        return _factored(name, Content.NUMBER, np.array(numbers, dtype=np.float64))
    if present and all(_is_date(cell) for cell in present):
        dates = pd.to_datetime(pd.Series(cells, dtype=object), utc=True, errors="coerce")
        return _factored(name, Content.DATE, _dates(dates))
    nested = any(isinstance(cell, (dict, list, tuple, set, bytes, np.ndarray)) for cell in present)
    texts = [None if is_missing(cell) else _one_text(cell) for cell in cells]
    codes, distinct = pd.factorize(np.array(texts, dtype=object))
    column = text_column(name, list(distinct), codes.astype(np.int64))
    if nested:
        return RawColumn(name, Content.NESTED, column.values, column.codes, column.words)
    return column


def is_missing(cell: Any) -> bool:
    """True for None, NaN, NaT and pandas.NA; never for a container."""
    return cell is None or (pd.api.types.is_scalar(cell) and bool(pd.isna(cell)))


def unique_names(header: Sequence[object]) -> tuple[list[str], tuple[str, ...]]:
    """Make column names text, non-empty and unique; return them with notes of what changed."""
    names: list[str] = []
    given = ["" if is_missing(name) else as_text(name).strip() for name in header]
    taken = {name for name in given if name}
    repeated: list[str] = []
    for index, wanted in enumerate(given):
        name, count = wanted or f"column {index + 1}", 1
        while name in names or ((count > 1 or not wanted) and name in taken):
            count += 1
            name = f"{wanted or f'column {index + 1}'} ({count})"
        if wanted and name != wanted:
            repeated.append(f"'{name}'")
        names.append(name)
    notes = []
    if repeated:
        notes.append(
            f"{len(repeated)} column names repeat; the later ones are called {some(repeated)}."
            if len(repeated) > 1
            else f"1 column name repeats; the later column is called {repeated[0]}."
        )
    unnamed = [f"'{name}'" for name, wanted in zip(names, given, strict=True) if not wanted]
    if unnamed:
        notes.append(
            f"{len(unnamed)} columns have no name and are called {some(unnamed)}."
            if len(unnamed) > 1
            else f"1 column has no name and is called {unnamed[0]}."
        )
    return names, tuple(notes)


def _factored(name: str, content: Content, cells: NDArray[Any]) -> RawColumn:
    codes, distinct = pd.factorize(cells)
    return RawColumn(name, content, np.asarray(distinct), codes.astype(np.int64))


def _dates(series: pd.Series[Any]) -> NDArray[Any]:
    zone = getattr(series.dtype, "tz", None)
    naive = series.dt.tz_convert("UTC").dt.tz_localize(None) if zone is not None else series
    return naive.to_numpy(dtype="datetime64[us]")


def _fits(series: pd.Series[Any]) -> bool:
    return len(series) == 0 or int(series.max()) < 2**63


def _is_number(cell: object) -> bool:
    return hasattr(cell, "__float__") and not isinstance(cell, (bool, np.bool_, np.ndarray))


def _is_small_int(cell: object) -> bool:
    return isinstance(cell, (int, np.integer)) and -(2**63) <= int(cell) < 2**63


def _is_date(cell: object) -> bool:
    # datetime, date and Timestamp have both; a time of day has no year.
    return hasattr(cell, "isoformat") and hasattr(cell, "year")


def _one_text(cell: object) -> str:
    if isinstance(cell, (dict, list)):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return as_text(cell)
