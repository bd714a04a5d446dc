"""Tables as files: samples, corrections and flagged rows.

A text cell of a CSV that a spreadsheet would run as a formula (it begins with =, +, -, @, a tab
or a carriage return) is written with an apostrophe before it, and so is one that begins with
apostrophes and then one of these, so that `unguarded` restores every cell. Text that is a number,
such as a class named -1, is harmless and stays as it is, and so do number columns. Parquet files
hold every cell as it is.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

CORRECTION_COLUMNS = ["id", "given_label", "suggested_label", "suspicion_rank"]

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def corrections(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the flagged samples that have a suggested label, most suspicious first.

    Columns: id, given_label, suggested_label, suspicion_rank.
    """
    chosen = samples[samples["flagged"] & samples["suggested_label"].notna()]
    return _ranked(chosen)[CORRECTION_COLUMNS]


def flagged(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the flagged samples with all columns, most suspicious first."""
    return _ranked(samples[samples["flagged"]])


def write_samples(samples: pd.DataFrame, folder: Path) -> list[Path]:
    """Write samples.csv and samples.parquet into `folder`; return their paths."""
    table = folder / "samples.parquet"
    samples.to_parquet(table, index=False)
    return [write_csv(samples, folder / "samples.csv"), table]


def write_corrections(samples: pd.DataFrame, folder: Path) -> Path:
    """Write corrections.csv into `folder`; return its path."""
    return write_csv(corrections(samples), folder / "corrections.csv")


def write_parquet(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table as Parquet, without its index. Return `path`."""
    frame.to_parquet(path, index=False, compression="zstd")
    return path


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table as UTF-8 CSV, formulas guarded; missing cells are empty. Return `path`."""
    out = _each_text(frame, guarded)
    # Minimal quoting leaves a lone carriage return bare, which readers take for the end of a row.
    bare = any("\r" in cell for cell in _texts(out))
    out.to_csv(
        path,
        index=False,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if bare else csv.QUOTE_MINIMAL,
    )
    return path


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet runs as a formula."""
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


def unguarded(cell: str) -> str:
    """Return the cell that `guarded` was given."""
    if cell.startswith("'") and _FORMULA.match(cell):
        return cell[1:]
    return cell


def _each_text(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    out = frame.rename(columns=lambda name: change(str(name)))
    for position, column in enumerate(out.columns):
        cells = frame.iloc[:, position]
        if pd.api.types.is_object_dtype(cells) or pd.api.types.is_string_dtype(cells):
            out[column] = [change(cell) if isinstance(cell, str) else cell for cell in cells]
    return out


def _texts(frame: pd.DataFrame) -> Iterator[str]:
    yield from map(str, frame.columns)
    for position in range(frame.shape[1]):
        cells = frame.iloc[:, position]
        if not pd.api.types.is_numeric_dtype(cells):
            yield from (cell for cell in cells if isinstance(cell, str))


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("suspicion_rank", kind="stable", na_position="last", ignore_index=True)
