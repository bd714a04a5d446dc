"""DataFrames in files, and the sample table of a dataset.

A file called NAME.arrow is an Arrow file in one piece, mapped to memory when it is read: a table
of a million rows is there at once, and what nobody looks at takes no memory. Smaller and rarer
tables are compressed Parquet files in row groups.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset
from dvaudit.store.atomic import replacing

ROW_GROUP: Final = 10_000
ARROW: Final = ".arrow"
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
    """Write an Arrow or Parquet file, by its suffix, atomically and without the frame's index.

    A column of mixed types becomes text; missing stays missing.
    """
    table = _arrow_table(frame)
    metadata = {**(table.schema.metadata or {}), b"dvaudit_schema_version": SCHEMA_VERSION}
    table = table.replace_schema_metadata(metadata)
    with replacing(path) as draft:
        if path.suffix == ARROW:
            mappable = _with_plain_floats(table, frame)
            with pa.ipc.new_file(draft, mappable.schema) as file:
                file.write_table(mappable.combine_chunks())
        else:
            pq.write_table(table, draft, row_group_size=ROW_GROUP, compression="zstd")


def read_frame(path: Path) -> pd.DataFrame:
    """Read a file of `write_frame`; the columns of an Arrow file must not be written to."""
    if path.suffix == ARROW:
        return _frame(_mapped(path))
    return _frame(pq.read_table(path))


def read_head(path: Path, rows: int) -> pd.DataFrame:
    """Read the first rows of a file of `write_frame`, and little more than those."""
    if path.suffix == ARROW:
        return _frame(_mapped(path).slice(0, rows))
    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(batch_size=rows), None)
        table = file.schema_arrow.empty_table() if batch is None else pa.Table.from_batches([batch])
    return _frame(table)


def read_rows(path: Path, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Read some rows of a file of `write_frame`; of an Arrow file, nothing else."""
    table = _mapped(path) if path.suffix == ARROW else pq.read_table(path)
    return _frame(table.take(pa.array(rows)))


def read_texts(path: Path, column: str) -> list[str]:
    """Read one text column that has no missing values, without the detour over a DataFrame."""
    table = _mapped(path) if path.suffix == ARROW else pq.read_table(path, columns=[column])
    values: list[str] = table.column(column).to_pylist()
    return values


def stored_frame(folder: Path, name: str) -> Path:
    """Return NAME.arrow, or NAME.parquet where an earlier dvaudit wrote that."""
    path, earlier = folder / f"{name}{ARROW}", folder / f"{name}.parquet"
    return earlier if earlier.exists() and not path.exists() else path


def _mapped(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def _frame(table: pa.Table) -> pd.DataFrame:
    # Joining columns of one type into blocks would copy them.
    frame: pd.DataFrame = table.to_pandas(split_blocks=True)
    return frame


def _with_plain_floats(table: pa.Table, frame: pd.DataFrame) -> pa.Table:
    """Return the table with NaN for missing floats: with a mask they would be copied."""
    for index, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, np.dtype) and dtype.kind == "f":
            values = pa.array(frame.iloc[:, index].to_numpy(), from_pandas=False)
            table = table.set_column(index, table.schema.field(index), values)
    return table


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
