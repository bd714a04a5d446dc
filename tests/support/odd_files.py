"""Odd but valid files of every format, and readers of them that owe nothing to dvaudit."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

Rows = list[list[Any]]


@dataclass(frozen=True)
class Odd:
    """A file to write, and how to look at it.

    Attributes:
        write: writes it below a folder and returns its path.
        rows: reads the samples of a file, the label in each row at `label`.
        rest: reads what must stay as it is beside the samples.
        load: keywords for dvaudit.load.
        to: a label that exists, as text and as `rows` gives it.
    """

    write: Callable[[Path], Path]
    rows: Callable[[Path], Rows]
    label: int
    to: tuple[str, Any]
    rest: Callable[[Path], Any] = field(default=lambda path: None)
    load: dict[str, Any] = field(default_factory=dict)


COLOURS = ["red", "blue", "red", "blue", "red", "blue"]


def _csv(
    text: str,
    codec: str,
    mark: bytes,
    delimiter: str,
    column: int,
    to: tuple[str, str],
    **load: Any,
) -> Odd:
    def write(folder: Path) -> Path:
        path = folder / "odd ü.csv"
        path.write_bytes(mark + text.encode(codec))
        return path

    def decoded(path: Path) -> str:
        return path.read_bytes()[len(mark) :].decode(codec)

    def rows(path: Path) -> Rows:
        return list(csv.reader(io.StringIO(decoded(path), newline=""), delimiter=delimiter))[1:]

    def rest(path: Path) -> tuple[bytes, str, bool, bool]:
        found = decoded(path)
        ends = "\r\n" if "\r\n" in text else "\n"
        header = found.split(ends)[0]
        return path.read_bytes()[: len(mark)], header, found.endswith(ends), '"' in found

    return Odd(write, rows, column, to, rest, load)


def _lines(rows: list[list[str]], delimiter: str, end: str) -> str:
    return end.join(delimiter.join(row) for row in rows)


SEMICOLONS = [
    ["name", "size", "Klasse"],
    *([f'"n;{i}"', f"{i},5", f'"{colour}"'] for i, colour in enumerate(COLOURS)),
]
TABS = [["a", "text", "label"], *([str(i), "it's", colour] for i, colour in enumerate(COLOURS))]
LATIN = [["größe", "label"], *([f"{i}.5", "süß" if i % 2 else "salzig"] for i in range(6))]
BREAKS = [
    ["a", "note", "label"],
    *([str(i), f'"two\nlines ""{i}"""', colour] for i, colour in enumerate(COLOURS)),
]
NUMBERS = [["a", "b", "y"], *([f"{i}.25", f"0{i}", "1" if i % 2 else "0"] for i in range(6))]
TRUTHS = [["a", "ok"], *([f"{i}.5", "True" if i % 2 else "False"] for i in range(6))]
GAPS = [
    ["a", "b", "label"],
    *([f"{i}", "" if i == 3 else "NA", "" if i == 4 else c] for i, c in enumerate(COLOURS)),
]


def _frame() -> pd.DataFrame:
    return pd.DataFrame({"a": [0.5, 1, 2, 3, np.nan, 5]})


def _parquet(label: pa.Array, to: tuple[str, Any]) -> Odd:
    def write(folder: Path) -> Path:
        columns = {
            "id": pa.array([f"ü{i}" for i in range(6)], pa.large_string()),
            "a": pa.array([0.5, 1, None, 3, 4, 5], pa.float32()),
            "day": pa.array([datetime.date(2020, 1, i + 1) for i in range(6)], pa.date32()),
            "at": pa.array(
                [datetime.datetime(2020, 1, 1, i) for i in range(6)], pa.timestamp("ms", "UTC")
            ),
            "price": pa.array([decimal.Decimal(f"{i}.10") for i in range(6)], pa.decimal128(8, 2)),
            "tags": pa.array([[1], None, [], [2, 3], [4], [5]], pa.list_(pa.int16())),
            "kind": pa.array(list("xyxyxy")).dictionary_encode(),
            "label": label,
        }
        table = pa.table(columns).replace_schema_metadata({"made by": "a test", "ü": "1"})
        path = folder / "odd.parquet"
        pyarrow.parquet.write_table(table, path, compression="zstd", row_group_size=4)
        return path

    def rows(path: Path) -> Rows:
        table = pyarrow.parquet.read_table(path)
        return [list(row.values()) for row in table.to_pylist()]

    def rest(path: Path) -> Any:
        file = pyarrow.parquet.ParquetFile(path)
        schema = file.schema_arrow
        fields = [(f.name, str(f.type), f.nullable, f.metadata) for f in schema]
        return fields, schema.metadata, file.metadata.row_group(0).column(0).compression

    return Odd(write, rows, 7, to, rest, {"label": "label", "id": "id"})


def _excel(labels: list[Any], to: tuple[str, Any]) -> Odd:
    def write(folder: Path) -> Path:
        book = openpyxl.Workbook()
        sheet = book.active
        sheet.title = "Daten ü"
        sheet.append(["a", "when", "kind", "label", "twice"])
        for i, label in enumerate(labels):
            day = datetime.datetime(2021, 3, i + 1, 12)
            sheet.append([i + 0.5, day, None if i == 3 else f"k{i}", label, f"=A{i + 2}*2"])
            sheet.cell(i + 2, 2).number_format = "dd.mm.yyyy"
        sheet["A6"].font = openpyxl.styles.Font(bold=True)
        sheet["C6"].hyperlink = "https://example.org/k4"
        sheet["C7"].comment = openpyxl.comments.Comment("look", "ana")
        sheet.row_dimensions[7].height = 33
        sheet.column_dimensions["B"].width = 30
        sheet.freeze_panes = "A2"
        other = book.create_sheet("Other")
        other["B2"] = "kept"
        other["B3"] = "='Daten ü'!A2+1"
        path = folder / "odd.xlsx"
        book.save(path)
        return _computed(path)

    def rows(path: Path) -> Rows:
        book = openpyxl.load_workbook(path, data_only=True)
        return [[cell.value for cell in row] for row in book["Daten ü"].iter_rows(min_row=2)]

    def rest(path: Path) -> Any:
        values = openpyxl.load_workbook(path, data_only=True)["Other"]
        book = openpyxl.load_workbook(path)
        sheet, other = book["Daten ü"], book["Other"]
        marks = {
            row[0].value: (
                row[0].font.bold,
                row[1].number_format,
                row[2].hyperlink.target if row[2].hyperlink else None,
                row[2].comment.text if row[2].comment else None,
                sheet.row_dimensions[row[0].row].height,
                row[4].value == f"=A{row[0].row}*2",
            )
            for row in sheet.iter_rows(min_row=2)
            if row[0].value not in (0.5, 1.5)
        }
        cells = (other["B2"].value, other["B3"].value, values["B3"].value)
        return marks, cells, sheet.freeze_panes, sheet.column_dimensions["B"].width

    return Odd(write, rows, 3, to, rest, {"label": "label", "roles": {"twice": "ignored"}})


def _computed(path: Path) -> Path:
    """Give each formula the value that a spreadsheet program would have stored with it."""
    changed = path.with_suffix(".new")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
        for info in source.infolist():
            content = source.read(info).decode() if info.filename.endswith("xml") else None
            if content and info.filename.endswith("sheet1.xml"):
                for i in range(6):
                    formula = f"<f>A{i + 2}*2</f>"
                    content = content.replace(f"{formula}<v />", f"{formula}<v>{2 * i + 1}</v>")
                    content = content.replace(f"{formula}<v></v>", f"{formula}<v>{2 * i + 1}</v>")
            if content and info.filename.endswith("sheet2.xml"):
                content = content.replace("<v />", "<v>1.5</v>").replace("<v></v>", "<v>1.5</v>")
            target.writestr(info, source.read(info) if content is None else content)
    changed.replace(path)
    return path


def _jsonl(lines: list[str], end: str, final: bool, to: tuple[str, Any], mark: bytes = b"") -> Odd:
    def write(folder: Path) -> Path:
        path = folder / "odd.jsonl"
        path.write_bytes(mark + (end.join(lines) + (end if final else "")).encode())
        return path

    def rows(path: Path) -> Rows:
        text = path.read_bytes()[len(mark) :].decode()
        found = [json.loads(line) for line in text.split("\n") if line.strip()]
        return [[row.get("label"), {**row, "label": 0}] for row in found]

    def rest(path: Path) -> Any:
        content = path.read_bytes()
        blank = content.decode().split(end).count("")
        return content[: len(mark)], content.endswith(end.encode()), blank

    return Odd(write, rows, 0, to, rest, {"label": "label"})


def _json_lines(labels: list[Any]) -> list[str]:
    return [
        json.dumps({"a": i + 0.5, "deep": {"x": [i]}, "none": None, "ü": f"ü{i}", "label": label},
                   ensure_ascii=bool(i % 2))
        for i, label in enumerate(labels)
    ]  # fmt: skip


def _npz(labels: np.ndarray, to: tuple[str, Any], packed: bool) -> Odd:
    def write(folder: Path) -> Path:
        path = folder / "odd.npz"
        save: Any = np.savez_compressed if packed else np.savez
        x = np.arange(24, dtype=">f4").reshape(6, 4)
        save(path, X=x, y=labels, ids=np.array([f"ü{i}" for i in range(6)]), k=np.ones((2, 2)))
        return path

    def rows(path: Path) -> Rows:
        with np.load(path) as found:
            return [
                [str(name), row.tolist(), label.item()]
                for name, row, label in zip(found["ids"], found["X"], found["y"], strict=True)
            ]

    def rest(path: Path) -> Any:
        with np.load(path) as found, zipfile.ZipFile(path) as archive:
            kinds = {name: found[name].dtype.kind for name in found.files}
            types = found["X"].dtype.str, found["k"].tolist(), list(found.files)
            return kinds, types, [info.compress_type for info in archive.infolist()]

    return Odd(write, rows, 2, to, rest)


def picture(seed: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _images(names: list[str], *, table: str | None = None, folder: bool = False) -> Odd:
    """A zip, or a folder, with one picture of each name, a text beside them, and labels.csv."""

    def files() -> dict[str, bytes]:
        found = {name: picture(i) for i, name in enumerate(names)}
        found["READ ME ü.txt"] = "not a sample".encode("utf-16")
        return found if table is None else {"labels.csv": table.encode("utf-8-sig"), **found}

    def write(where: Path) -> Path:
        if folder:
            for name, content in files().items():
                path = where / "odd" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return where / "odd"
        path = where / "odd.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files().items():
                archive.writestr(name, content)
        return path

    def members(path: Path) -> dict[str, bytes]:
        if path.is_dir():
            found = (item for item in path.rglob("*") if item.is_file())
            return {item.relative_to(path).as_posix(): item.read_bytes() for item in found}
        with zipfile.ZipFile(path) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist()}

    def rows(path: Path) -> Rows:
        held = members(path)
        if table is not None:
            text = held["labels.csv"].decode("utf-8-sig")
            listed = list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))[1:]
            return [[row[0], row[1:-1], held[row[0]], row[-1]] for row in listed]
        position = {content: at for at, content in enumerate(files().values())}
        found = [
            [Path(name).name, str(Path(name).parent.parent), content, Path(name).parent.name]
            for name, content in held.items()
            if name.endswith(".png")
        ]
        return sorted(found, key=lambda row: position[row[2]])

    def rest(path: Path) -> Any:
        held = members(path)
        mark = held.get("labels.csv", b"")[:3]
        return mark, {name: data for name, data in held.items() if name.endswith("txt")}

    return Odd(write, rows, 3, ("rot" if table else "Hunde ü", "rot" if table else "Hunde ü"), rest)


FOLDERS = [
    *("set 1/Hunde ü/1.png", "set 1/Katzen/2.png", "set 2/deep/Hunde ü/3.png"),
    *("set 2/deep/Katzen/4.png", "set 1/Katzen/5.png", "set 1/Hunde ü/it's 6.png"),
]
LISTED = [f"bilder/ü {i}.png" for i in range(6)]
LABELS = "path;note;label\r\n" + "".join(
    f'"{name}";"a;b\n{i}";{"rot" if i % 2 else "blau"}\r\n' for i, name in enumerate(LISTED)
)

TEXTS = pa.array(["x", "y", None, "x", "y", "x"])
ODD: dict[str, Odd] = {
    "csv-semicolon-mark-crlf": _csv(
        _lines(SEMICOLONS, ";", "\r\n") + "\r\n", "utf-8", b"\xef\xbb\xbf", ";", 2, ("red", "red")
    ),
    "csv-tabs": _csv(_lines(TABS, "\t", "\n"), "utf-8", b"", "\t", 2, ("red",) * 2),
    "csv-latin-1": _csv(_lines(LATIN, ",", "\n") + "\n", "latin-1", b"", ",", 1, ("süß",) * 2),
    "csv-utf-16-le": _csv(
        _lines(LATIN, "\t", "\r\n") + "\r\n", "utf-16-le", b"\xff\xfe", "\t", 1, ("süß",) * 2
    ),
    "csv-utf-16-be": _csv(
        _lines(LATIN, ";", "\n") + "\n", "utf-16-be", b"\xfe\xff", ";", 1, ("süß",) * 2
    ),
    "csv-line-breaks": _csv(_lines(BREAKS, ",", "\n") + "\n", "utf-8", b"", ",", 2, ("red",) * 2),
    "csv-numbers": _csv(
        _lines(NUMBERS, ",", "\r\n"), "utf-8", b"", ",", 2, ("1", "1"), label="y"
    ),
    "csv-booleans": _csv(
        _lines(TRUTHS, ",", "\n") + "\n", "utf-8", b"", ",", 1, ("True",) * 2, label="ok"
    ),
    "csv-gaps": _csv(_lines(GAPS, ",", "\n") + "\n", "utf-8", b"", ",", 2, ("red",) * 2),
    "parquet-text": _parquet(TEXTS, ("x", "x")),
    "parquet-dictionary": _parquet(TEXTS.dictionary_encode(), ("x", "x")),
    "parquet-int8": _parquet(pa.array([1, 0, None, 1, 0, 1], pa.int8()), ("1", 1)),
    "parquet-booleans": _parquet(
        pa.array([True, False, None, True, False, True]), ("True", True)
    ),
    "excel-text": _excel(COLOURS, ("red", "red")),
    "excel-numbers": _excel([1, 0, None, 0, 1, 0], ("1", 1)),
    "excel-booleans": _excel([True, False, None, False, True, False], ("True", True)),
    "jsonl-crlf": _jsonl(_json_lines(COLOURS), "\r\n", True, ("red", "red")),
    "jsonl-blank-lines": _jsonl(
        ["", *_json_lines(COLOURS)[:3], "", *_json_lines(COLOURS)[3:]], "\n", False, ("red", "red")
    ),
    "jsonl-booleans": _jsonl(
        _json_lines([True, False, None, False, True, False]), "\n", True, ("True", True),
        b"\xef\xbb\xbf",
    ),
    "npz-text": _npz(np.array(["ü", "b", "ü", "b", "ü", "b"]), ("ü", "ü"), True),
    "npz-booleans": _npz(np.array([True, False] * 3), ("True", True), False),
    "npz-uint8": _npz(np.array([3, 4] * 3, np.uint8), ("3", 3), False),
    "zip-folders": _images(FOLDERS),
    "zip-labels": _images(LISTED, table=LABELS),
    "folder-folders": _images(FOLDERS, folder=True),
    "folder-labels": _images(LISTED, table=LABELS, folder=True),
}  # fmt: skip
