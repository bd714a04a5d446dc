"""CSV -> RawTable with pyarrow: every column as text, ragged rows listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from dvaudit.core.dataset import Unreadable
from dvaudit.core.errors import UnreadableInputError
from dvaudit.readers import csv_text
from dvaudit.readers.raw import RawColumn, RawTable, missing_notes, text_column, unique_names

_BLOCK = 1 << 26  # a cell is in one block: this is also the longest cell
_END = "\x02end of file\x02"


@dataclass(frozen=True)
class Source:
    """The text of a CSV file and how it is written."""

    text: str
    encoding: csv_text.Encoding
    delimiter: str
    notes: tuple[str, ...]


def open_csv(data: bytes, name: str) -> Source:
    """Decode a file and find its delimiter; `name` is for messages.

    Raises:
        UnreadableInputError: nothing in it, no text, or damaged text.
    """
    text, encoding, notes = csv_text.decode(data, name)
    if not text.strip():
        raise UnreadableInputError(f"{name} is empty; it needs a header line and rows.")
    return Source(text, encoding, csv_text.guess_delimiter(text), notes)


def read_csv(data: bytes, name: str) -> RawTable:
    """Parse a whole file.

    Raises:
        UnreadableInputError: empty, a header without rows, an unclosed quote, no row that fits.
    """
    source = open_csv(data, name)
    header, width = _header(source)
    ragged: list[tuple[int, int, str]] = []

    def skip(row: Any) -> str:
        ragged.append((row.number - 2, row.actual_columns, row.text))
        return "skip"

    table = _parse(source, width, name, skip)
    rows = table.num_rows - 2  # without the header and the end mark
    if rows < 0 or table.column(0)[-1].as_py() != _END:
        raise UnreadableInputError(_unclosed(source, name))
    if rows == 0:
        raise UnreadableInputError(_no_rows(name, width, ragged))
    names, notes = unique_names(header)
    body = table.slice(1, rows)
    columns = {name: _column(name, body.column(i)) for i, name in enumerate(names)}
    skipped = np.array([number for number, _, _ in ragged], dtype=np.int64)
    records = np.delete(np.arange(rows + len(ragged)), skipped)
    options = {
        "delimiter": source.delimiter,
        "encoding": source.encoding.codec,
        "byte_order_mark": source.encoding.mark,
    }
    notes = (*source.notes, *notes, *missing_notes(columns.values()))
    return RawTable(columns, records, options, _listed(ragged, width), notes)


def _header(source: Source) -> tuple[list[str], int]:
    start, _, _ = next(csv_text.records(source.text, source.delimiter))
    spans = csv_text.cells(source.text, start, source.delimiter)
    names = [csv_text.unquoted(source.text[left:right]) for left, right in spans]
    return names, len(names)


def _parse(source: Source, width: int, name: str, skip: Any) -> Any:
    # A quote left open swallows the rest of the file into one cell without an error; then the
    # last row is not this mark.
    mark = "\n" + _END + source.delimiter * (width - 1) + "\n"
    data = (source.text + mark).encode("utf-8")
    try:
        return pyarrow.csv.read_csv(
            pa.BufferReader(pa.py_buffer(data)),
            read_options=pyarrow.csv.ReadOptions(
                autogenerate_column_names=True,
                use_threads=False,  # only then a skipped row knows its number
                block_size=_BLOCK,
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=source.delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={f"f{i}": pa.string() for i in range(width)}
            ),
        )
    except pa.ArrowInvalid as error:
        if csv_text.unclosed_quote(source.text, source.delimiter) is not None:
            raise UnreadableInputError(_unclosed(source, name)) from None
        raise UnreadableInputError(f"{name} cannot be read as CSV: {error}") from error


def _column(name: str, column: Any) -> RawColumn:
    encoded = column.dictionary_encode().combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # what combine_chunks gives for no or many chunks
        encoded = pa.concat_arrays(encoded.chunks)
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return text_column(name, encoded.dictionary.to_pylist(), codes)


def _unclosed(source: Source, name: str) -> str:
    record = csv_text.unclosed_quote(source.text, source.delimiter)
    where = "somewhere" if record is None else "in the header"
    if record:
        where = f"in row {record - 1:,} (0 = the first after the header)"
    return (
        f'{name}: a quote (") opened {where} is never closed, so the rest of the file would '
        f"become one cell. Close it, or double it where it is meant as text."
    )


def _no_rows(name: str, width: int, ragged: list[tuple[int, int, str]]) -> str:
    if not ragged:
        return f"{name} has a header and no rows."
    return (
        f"{name}: none of the {len(ragged):,} rows fits the header, which has {width} cells; the "
        f"first has {ragged[0][1]}. Check the delimiter and the header."
    )


def _listed(ragged: list[tuple[int, int, str]], width: int) -> tuple[Unreadable, ...]:
    return tuple(
        Unreadable(f"row {number}", f"{found} cells where the header has {width}: {text[:80]}")
        for number, found, text in ragged
    )
