"""Corrected copies of tables: one column's cells change, rows go, all else stays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from dvaudit.core.dataset import Dataset
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.readers import csv_text
from dvaudit.readers.changes import Changes, changed_since, native_labels
from dvaudit.readers.csv_table import open_csv
from dvaudit.readers.excel_copy import (
    Values,
    computed_values,
    drop_rows,
    new_row,
    restore_computed,
)
from dvaudit.readers.formats import read_bytes
from dvaudit.readers.loading import Wishes, load_path
from dvaudit.readers.raw import as_text
from dvaudit.readers.tables import choose_sheet, json_lines, open_workbook, parquet_table


@dataclass(frozen=True)
class RecordChanges:
    """Changes by record of the file (0 = first after the header), and where the label is.

    `examples` is one record that carries each label in use, so that a label that exists is
    written as it is written there.
    """

    labels: Mapping[int, str]
    drop: frozenset[int]
    column: int
    column_name: str
    examples: Mapping[str, int]


def write_table(data: Dataset, changes: Changes, source: Path, target: Path) -> None:
    """Write a corrected copy of a CSV, Parquet, Excel or JSON lines file.

    Raises:
        UnreadableInputError: the source is gone or has changed.
        UnsuitableDataError: a label that the column cannot hold.
    """
    wanted = _by_record(data, changes, source)
    if data.origin.format == "csv":
        target.write_bytes(corrected_csv(read_bytes(source), source.name, wanted))
    elif data.origin.format == "jsonl":
        target.write_bytes(_corrected_jsonl(read_bytes(source), source.name, wanted))
    elif data.origin.format == "parquet":
        _write_parquet(source, target, wanted)
    else:
        _write_excel(source, target, wanted, data.origin.options)


def corrected_csv(data: bytes, name: str, wanted: RecordChanges) -> bytes:
    """Return a CSV with some label cells set and some records gone.

    Raises:
        UnsuitableDataError: a label with characters that the file's encoding lacks.
    """
    source = open_csv(data, name)
    sought = {wanted.examples[text] for text in wanted.labels.values() if text in wanted.examples}
    written: dict[int, str] = {}
    for number, (start, _, _) in enumerate(csv_text.records(source.text, source.delimiter), -1):
        if number in sought:
            left, right = csv_text.cells(source.text, start, source.delimiter)[wanted.column]
            written[number] = csv_text.unquoted(source.text[left:right])
    cells = {
        number: written.get(wanted.examples.get(text, -1), text)
        for number, text in wanted.labels.items()
    }
    text = csv_text.edit(source.text, source.delimiter, wanted.column, cells, wanted.drop)
    try:
        return source.encoding.encode(text)
    except UnicodeEncodeError as error:
        raise UnsuitableDataError(
            f"the label {error.object[max(0, error.start - 10) : error.end]!r} has characters that "
            f"{source.encoding.codec}, the encoding of {name}, lacks. Save the file as UTF-8 and "
            f"load it again."
        ) from None


def record_changes(
    data: Dataset, changes: Changes, records: Sequence[int], columns: Sequence[str]
) -> RecordChanges:
    """Turn changes by position into changes by record; `records` (n,) is each sample's record.

    Raises:
        UnsuitableDataError: new labels where there is no label column.
    """
    label = data.origin.options.get("label")
    if changes.labels and label is None:
        raise UnsuitableDataError(f"{data.name} has no label column to write new labels to.")
    examples: dict[str, int] = {}
    for record, text in zip(records, data.label_text(), strict=True):
        if text is not None:
            examples.setdefault(text, record)
    return RecordChanges(
        {records[i]: text for i, text in changes.labels.items()},
        frozenset(records[i] for i in changes.drop),
        columns.index(label) if label is not None else -1,
        label or "",
        examples,
    )


def _by_record(data: Dataset, changes: Changes, source: Path) -> RecordChanges:
    sheet = data.origin.options.get("sheet")
    wishes = Wishes(roles=data.roles, task=data.task, sheet=sheet)
    fresh, raw = load_path(source, wishes, data.name)
    if raw is None or fresh.fingerprint != data.fingerprint:
        raise changed_since(source.name)
    return record_changes(data, changes, raw.records.tolist(), list(raw.columns))


def _corrected_jsonl(data: bytes, name: str, wanted: RecordChanges) -> bytes:
    text, encoding, _ = csv_text.decode(data, name)
    lines = json_lines(text)
    key = _json_key(lines, wanted)
    present = [json.loads(lines[record])[key] for record in wanted.examples.values()]
    labels = native_labels(wanted.labels.values(), present)
    out: list[str] = []
    number = -1
    for line in text.split("\n"):
        if not line.strip():
            out.append(line)  # a blank line is no record; the last one is the file's end
            continue
        number += 1
        if number in wanted.drop:
            continue
        if number in wanted.labels:
            row = {**json.loads(line), key: labels[wanted.labels[number]]}
            ending = "\r" if line.endswith("\r") else ""
            written = json.dumps(row, ensure_ascii=line.isascii(), separators=_separators(line))
            out.append(written + ending)
        else:
            out.append(line)
    return encoding.encode("\n".join(out))


def _json_key(lines: list[str], wanted: RecordChanges) -> str:
    """The label's key as written; the column is called otherwise where keys had outer blanks."""
    for record in wanted.examples.values():
        for key in json.loads(lines[record]):
            if key.strip() == wanted.column_name:
                return str(key)
    return wanted.column_name


def _separators(line: str) -> tuple[str, str]:
    return (", ", ": ") if '": ' in line else (",", ":")


def _write_parquet(source: Path, target: Path, wanted: RecordChanges) -> None:
    table = parquet_table(source)
    if wanted.labels:
        field = table.schema.field(wanted.column)
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        values = table.column(wanted.column).cast(kind).to_pylist()
        labels = native_labels(wanted.labels.values(), values)
        for record, text in wanted.labels.items():
            values[record] = labels[text]
        try:
            column = pa.array(values, type=kind).cast(field.type)
        except (pa.ArrowException, TypeError) as error:
            raise UnsuitableDataError(
                f"a new label does not fit the column '{field.name}' of type {kind}: {error}"
            ) from error
        table = table.set_column(wanted.column, field, column)
    keep = np.ones(table.num_rows, dtype=bool)
    keep[list(wanted.drop)] = False
    metadata = pyarrow.parquet.ParquetFile(source).metadata
    group = metadata.row_group(0)
    codec = group.column(0).compression if group.num_columns else "SNAPPY"
    pyarrow.parquet.write_table(
        table.filter(pa.array(keep)),
        target,
        compression="NONE" if codec == "UNCOMPRESSED" else codec,
        row_group_size=max(group.num_rows, 1),
    )


def _write_excel(
    source: Path, target: Path, wanted: RecordChanges, options: Mapping[str, Any]
) -> None:
    first = int(options["header_row"]) + 1
    macros = source.suffix.lower() == ".xlsm"
    with open_workbook(source, keep_vba=macros) as book:
        sheet = choose_sheet(book, options.get("sheet"), source.name)
        dropped = sorted(first + record for record in wanted.drop)
        computed = _computed(source, book, sheet, dropped, macros)
        column = wanted.column + 1
        present = [sheet.cell(first + record, column).value for record in wanted.examples.values()]
        named = {
            text: value
            for text, value in zip(wanted.examples, present, strict=True)
            if as_text(value).strip() == text  # not so where the cell holds a formula
        }
        labels = native_labels(wanted.labels.values(), list(named.values()))
        for record, text in wanted.labels.items():
            sheet.cell(first + record, column).value = labels[text]
        drop_rows(sheet, dropped)
        book.save(target)
    restore_computed(target, computed)


def _computed(
    source: Path, book: Any, sheet: Any, dropped: Sequence[int], macros: bool
) -> list[Values]:
    """Return what the formulas of each worksheet had computed, by the cell they move to."""
    found: list[Values] = []
    with open_workbook(source, keep_vba=macros, data_only=True) as values:
        for formulas in book.worksheets:
            gone = dropped if formulas.title == sheet.title else ()
            found.append(
                computed_values(formulas, values[formulas.title], partial(new_row, dropped=gone))
            )
    return found
