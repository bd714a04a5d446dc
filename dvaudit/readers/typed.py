"""Text cells -> numbers and dates, decided on a column's distinct values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Role
from dvaudit.core.errors import some
from dvaudit.core.words import count
from dvaudit.readers.raw import NOT_A_NUMBER, Content, RawColumn

_DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?([eE][+-]?\d+)?")
_CODE = re.compile(r"[+-]?0\d+")  # 00123: a postcode or a key, not a number
_DATE_LIKE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([ T]\d{1,2}:\d{2}.*)?")
_DATE_FORMATS = ("ISO8601", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y")
_TIMES = ("", " %H:%M", " %H:%M:%S")


@dataclass(frozen=True, eq=False)
class Parsed:
    """(u,) distinct values as numbers or dates, and the texts that are neither."""

    values: NDArray[Any]
    failed: tuple[str, ...]
    note: str = ""


def as_numbers(column: RawColumn) -> Parsed:
    """Return (u,) float64; NaN for what is no finite number.

    A comma is the decimal sign where that makes every value a number and a point does not.
    """
    if column.content in (Content.NUMBER, Content.BOOLEAN):
        values = column.values.astype(np.float64)
        bad = [str(value) for value in values[~np.isfinite(values)]]
        return Parsed(np.where(np.isfinite(values), values, np.nan), tuple(bad))
    if column.content is Content.DATE:
        days = column.values.astype("datetime64[us]").astype(np.float64) / 86_400e6
        return Parsed(days, (), f"'{column.name}': dates count as days since 1970.")
    texts = [text for text in column.values if text not in NOT_A_NUMBER]
    if any("," in text for text in texts) and all(map(_DECIMAL_COMMA.fullmatch, texts)):
        parsed = _numbers([str(text).replace(",", ".") for text in column.values])
        return Parsed(parsed.values, parsed.failed, f"'{column.name}' has decimal commas.")
    return _numbers(list(column.values))


def as_dates(column: RawColumn) -> Parsed:
    """Return (u,) datetime64[us], NaT for what is no date, by the first format that fits all."""
    if column.content is Content.DATE:
        return Parsed(column.values.astype("datetime64[us]"), ())
    texts = pd.Series(column.texts(), dtype=object)
    best, failed_most = np.full(len(texts), np.datetime64("NaT"), dtype="datetime64[us]"), texts
    for pattern in _patterns():
        parsed = pd.to_datetime(texts, format=pattern, errors="coerce", utc=True)
        failed = texts[parsed.isna()]
        if len(failed) < len(failed_most):
            naive = parsed.dt.tz_localize(None)
            best, failed_most = naive.to_numpy(dtype="datetime64[us]"), failed
            note = _ambiguous(column.name, pattern, texts)
        if failed.empty:
            return Parsed(best, (), note)
    return Parsed(best, tuple(failed_most))


def looks_numeric(column: RawColumn) -> bool:
    """True where at most 1 in 100 cells is no number, and no value is a code such as 007."""
    if column.content is not Content.TEXT or not len(column.values):
        return column.content is Content.NUMBER
    if any(map(_CODE.fullmatch, column.values)):
        return False
    bad = np.isnan(as_numbers(column).values)
    bad &= np.array([value not in NOT_A_NUMBER for value in column.values])
    if bad.all() or bad.sum() > 5:
        return False
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(bad))
    return bool(counts[bad].sum() <= 0.01 * counts.sum())


def looks_like_dates(column: RawColumn) -> bool:
    """True where every value is a date."""
    if column.content is not Content.TEXT:
        return column.content is Content.DATE
    if not len(column.values) or not all(map(_DATE_LIKE.fullmatch, column.values)):
        return False
    return not as_dates(column).failed


def feature(column: RawColumn, role: Role) -> tuple[pd.Series[Any], tuple[str, ...]]:
    """Return a column typed by its role, n long, with notes on what became missing.

    Numeric: float64; date: datetime64[us]; categorical and text: object, None where missing.
    """
    if role not in (Role.NUMERIC, Role.DATE):
        texts = np.array([*column.texts(), None], dtype=object)
        return pd.Series(texts[column.codes], dtype=object), ()
    parsed = as_numbers(column) if role is Role.NUMERIC else as_dates(column)
    notes = [parsed.note] if parsed.note else []
    odd = [repr(text) for text in parsed.failed if text not in NOT_A_NUMBER]
    if odd:
        what = "numbers" if role is Role.NUMERIC else "dates"
        notes.append(
            f"'{column.name}': {len(odd)} values are no {what} and count as missing: {some(odd)}."
        )
    empty = [text for text in parsed.failed if text in NOT_A_NUMBER]
    if empty:
        cells = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
        held = np.array([text in NOT_A_NUMBER for text in column.texts()])
        where = count(int(cells[held].sum()), "cell")
        notes.append(f"'{column.name}': read as missing in {where}: {some(map(repr, empty))}.")
    blank = np.array([np.nan if role is Role.NUMERIC else np.datetime64("NaT")])
    values = np.concatenate([parsed.values, blank.astype(parsed.values.dtype)])
    return pd.Series(values[column.codes]), tuple(notes)


def _numbers(texts: list[Any]) -> Parsed:
    values = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(values)
    failed = tuple(str(texts[i]) for i in np.flatnonzero(bad))
    return Parsed(np.where(bad, np.nan, values), failed)


def _patterns() -> list[str]:
    return ["ISO8601"] + [day + time for day in _DATE_FORMATS[1:] for time in _TIMES]


def _ambiguous(name: str, pattern: str, texts: pd.Series[Any]) -> str:
    if not pattern.startswith("%m/%d"):
        return ""
    return f"'{name}': dates such as {texts.iloc[0]} are read as month/day/year."
