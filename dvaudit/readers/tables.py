"""Parquet, Excel, JSON lines and DataFrames -> RawTable."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from dvaudit.core.dataset import Unreadable
from dvaudit.core.errors import UnreadableInputError
from dvaudit.readers.archive import refuse_bomb
from dvaudit.readers.csv_text import decode
from dvaudit.readers.formats import parsing
from dvaudit.readers.raw import (
    RawColumn,
    RawTable,
    column_from_objects,
    column_from_series,
    is_missing,
    missing_notes,
    unique_names,
)


def read_parquet(path: Path) -> RawTable:
    """Read a Parquet file; nested columns become JSON text."""
    table = parquet_table(path)
    names, notes = unique_names(table.column_names)
    columns = {name: _arrow_column(name, table.column(i)) for i, name in enumerate(names)}
    return _table(path.name, columns, table.num_rows, notes=notes)


def parquet_table(path: Path) -> Any:
    """Read the pyarrow.Table of a file.

    Raises:
        UnreadableInputError: not Parquet, or damaged.
    """
    with parsing(path.name, "Parquet"):
        return pyarrow.parquet.ParquetFile(path).read()


def read_excel(path: Path, sheet: str | None = None) -> RawTable:
    """Read the values (not the formulas) of one sheet, the first unless named.

    The header is the first row that is not empty; rows without any value are no rows.
    """
    with (
        parsing(path.name, "Excel"),
        open_workbook(path, read_only=True, data_only=True) as book,
    ):
        worksheet = choose_sheet(book, sheet, path.name)
        worksheet.reset_dimensions()  # programs write wrong ones, and rows would be cut off
        rows = [list(row) for row in worksheet.iter_rows(values_only=True)]
        title, sheets = worksheet.title, len(book.worksheets)
    filled = [i for i, row in enumerate(rows) if not all(is_missing(cell) for cell in row)]
    if not filled:
        raise UnreadableInputError(f"{path.name}: the sheet '{title}' is empty.")
    header, body = rows[filled[0]], filled[1:]
    while header and is_missing(header[-1]):
        header.pop()
    width = len(header)
    wide = [i for i in body if any(not is_missing(cell) for cell in rows[i][width:])]
    body = sorted(set(body) - set(wide))
    names, notes = unique_names(header)
    if sheets > 1 and sheet is None:
        notes = (*notes, f"The first of {sheets} sheets, '{title}', is read.")
    columns = {
        name: column_from_objects(
            name, _cells(rows[i][j] if j < len(rows[i]) else None for i in body)
        )
        for j, name in enumerate(names)
    }
    unreadable = tuple(
        Unreadable(f"row {i + 1}", f"more cells than the header, which has {width}") for i in wide
    )
    options = {"sheet": title, "header_row": filled[0] + 1}
    # Sheet rows count from 1; `records` counts from the row after the header.
    positions = np.array(body, dtype=np.int64) - filled[0] - 1
    return _table(path.name, columns, len(body), positions, options, unreadable, notes)


@contextmanager
def open_workbook(path: Path, **how: bool) -> Iterator[Any]:
    """Open an .xlsx with openpyxl; its remarks on styles and extensions are not for users.

    Raises:
        UnreadableInputError: another format, damaged, or a zip bomb.
    """
    if path.suffix.lower() == ".xls":
        raise UnreadableInputError(
            f"{path.name} is in the old Excel format; save it as .xlsx or CSV."
        )
    refuse_bomb(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with parsing(path.name, "Excel"):
            book = openpyxl.load_workbook(path, **how)
        try:
            yield book
        finally:
            book.close()


def choose_sheet(book: Any, sheet: str | None, name: str) -> Any:
    """Return the named worksheet, or the first."""
    titles = [worksheet.title for worksheet in book.worksheets]
    if not titles:
        raise UnreadableInputError(f"{name} has no worksheet with cells.")
    if sheet is not None and sheet not in titles:
        raise UnreadableInputError(f"{name} has no sheet '{sheet}'; it has: {', '.join(titles)}.")
    return book[sheet if sheet is not None else titles[0]]


def read_jsonl(data: bytes, name: str) -> RawTable:
    """Read one JSON object a line; the columns are all keys in order of appearance.

    Lines that are no JSON object are listed, the rest is read.
    """
    text, encoding, notes = decode(data, name)
    if text.lstrip().startswith("["):
        raise UnreadableInputError(
            f"{name} is one JSON array; dvaudit reads JSON lines, one object a line. "
            f"`jq -c '.[]' {name}` converts it."
        )
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    unreadable: list[Unreadable] = []
    for number, line in enumerate(json_lines(text)):
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("not an object in braces")
        except (ValueError, RecursionError) as error:
            unreadable.append(Unreadable(f"row {number}", f"{error}: {line[:80]}"))
            continue
        rows.append(row)
        numbers.append(number)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if not rows and unreadable:
        raise UnreadableInputError(
            f"{name} holds no JSON object: {unreadable[0].name}: {unreadable[0].reason}"
        )
    names, renamed = unique_names(keys)
    columns = {
        column: column_from_objects(column, _cells(row.get(key) for row in rows))
        for column, key in zip(names, keys, strict=True)
    }
    options = {"encoding": encoding.codec, "byte_order_mark": encoding.mark}
    records = np.array(numbers, dtype=np.int64)
    return _table(name, columns, len(rows), records, options, tuple(unreadable), (*notes, *renamed))


def json_lines(text: str) -> list[str]:
    """Return the lines that are not blank; only \\n and \\r\\n end a line in JSON lines."""
    return [line for line in text.split("\n") if line.strip()]


def read_frame(frame: pd.DataFrame) -> RawTable:
    """Take the columns of a DataFrame; its index is not used."""
    names, notes = unique_names([str(name) for name in frame.columns])
    columns = {name: column_from_series(name, frame.iloc[:, i]) for i, name in enumerate(names)}
    return _table("the DataFrame", columns, len(frame), notes=notes)


def _table(
    name: str,
    columns: dict[str, RawColumn],
    rows: int,
    records: NDArray[np.int64] | None = None,
    options: dict[str, Any] | None = None,
    unreadable: tuple[Unreadable, ...] = (),
    notes: tuple[str, ...] = (),
) -> RawTable:
    if not columns or not rows:
        raise UnreadableInputError(f"{name} has {len(columns)} columns and {rows} rows to read.")
    records = np.arange(rows) if records is None else records
    notes = (*notes, *missing_notes(columns.values()))
    return RawTable(columns, records, options or {}, unreadable, notes)


def _arrow_column(name: str, column: Any) -> RawColumn:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return column_from_series(name, column.to_pandas())
    return column_from_objects(name, _cells(column.to_pylist()))


def _cells(values: Iterable[Any]) -> NDArray[np.object_]:
    listed = list(values)
    out = np.empty(len(listed), dtype=object)
    out[:] = listed
    return out
