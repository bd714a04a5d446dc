"""DataFrames as Parquet files in row groups, and the sample table of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dvaudit.core.dataset import Dataset
from dvaudit.store.atomic import replacing

ROW_GROUP: Final = 10_000
SCHEMA_VERSION: Final = "1"
SAMPLE_COLUMNS: Final = ("position", "id", "label", "group", "hash")


def sample_frame(data: Dataset) -> pd.DataFrame:
    """Return n rows in dataset order: SAMPLE_COLUMNS, then the feature columns.

    `label` is text, missing where unknown; `group` is all missing where there are no groups. A
    feature column with the name of one before it is called `NAME (2)`, and so on.
    """
    n = len(data)
    columns: dict[str, object] = {
        "position": np.arange(n, dtype=np.int64),
        "id": np.asarray(data.ids, dtype=object),
        "label": data.label_text(),
        "group": np.full(n, None, dtype=object) if data.groups is None else data.groups,
        "hash": np.asarray(data.hashes, dtype=object),
    }
    if data.table is not None:
        for index, name in enumerate(data.table.columns):
            columns[_unused(str(name), columns)] = data.table.iloc[:, index].to_numpy()
    return pd.DataFrame(columns)


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a Parquet file atomically, without the frame's index.

    A column of mixed types becomes text; missing stays missing.
    """
    table = _arrow_table(frame)
    metadata = {**(table.schema.metadata or {}), b"dvaudit_schema_version": SCHEMA_VERSION}
    with replacing(path) as draft:
        pq.write_table(
            table.replace_schema_metadata(metadata),
            draft,
            row_group_size=ROW_GROUP,
            compression="zstd",
        )


def read_frame(path: Path) -> pd.DataFrame:
    """Read a file of `write_frame`."""
    frame: pd.DataFrame = pq.read_table(path).to_pandas()
    return frame


def read_head(path: Path, rows: int) -> pd.DataFrame:
    """Read the first rows of a file of `write_frame`, and only the row group that has them."""
    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(batch_size=rows), None)
        table = file.schema_arrow.empty_table() if batch is None else pa.Table.from_batches([batch])
    frame: pd.DataFrame = table.to_pandas()
    return frame


def read_texts(path: Path, column: str) -> list[str]:
    """Read one text column that has no missing values, without the detour over a DataFrame."""
    values: list[str] = pq.read_table(path, columns=[column]).column(column).to_pylist()
    return values


def _unused(name: str, taken: dict[str, object]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name} ({number})", number + 1
    return candidate


def _arrow_table(frame: pd.DataFrame) -> pa.Table:
    plain = frame.copy(deep=False)
    for name in [name for name, dtype in plain.dtypes.items() if dtype.kind == "O"]:
        try:
            pa.array(plain[name], from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            column = plain[name]
            plain[name] = column.astype(str).astype(object).where(column.notna(), None)
    return pa.Table.from_pandas(plain, preserve_index=False)
