"""Tables -> Dataset of kind TABULAR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Origin, Role, Task
from dvaudit.core.errors import UnreadableInputError, some
from dvaudit.core.progress import Progress
from dvaudit.readers import identity, labels, tables, typed
from dvaudit.readers import roles as guessing
from dvaudit.readers.csv_table import read_csv
from dvaudit.readers.formats import read_bytes
from dvaudit.readers.raw import RawColumn, RawTable

NO_GROUP = "(missing)"
_YES = frozenset({"true", "yes", "y", "t", "1"})
_NO = frozenset({"false", "no", "n", "f", "0", ""})


def read_table(path: Path, format: str, sheet: str | None = None) -> RawTable:
    """Read a file of one of formats.TABLES."""
    if format == "csv":
        return read_csv(read_bytes(path), path.name)
    if format == "jsonl":
        return tables.read_jsonl(read_bytes(path), path.name)
    return tables.read_parquet(path) if format == "parquet" else tables.read_excel(path, sheet)


def build(
    raw: RawTable,
    chosen: guessing.Chosen,
    *,
    name: str,
    path: str,
    format: str,
    task: Task | None,
    progress: Progress,
) -> Dataset:
    """Give a table's columns their roles.

    Raises:
        UnreadableInputError: ids that repeat or are missing, no feature column, unusable labels.
    """
    progress(0.4, "reading columns")
    label = _column(raw, chosen.only(Role.LABEL))
    coded = labels.encode(label, task)
    ids = row_ids(raw, chosen.only(Role.ID))
    require_features(chosen.roles, name)
    frame, notes = features(raw, chosen.roles)
    groups = group_names(_column(raw, chosen.only(Role.GROUP)))
    trusted = trusted_rows(_column(raw, chosen.only(Role.TRUSTED)))
    progress(0.7, "hashing rows")
    hashes = identity.row_hashes(frame)
    options = {**raw.options, "label": label.name if label is not None else None}
    return Dataset(
        name=name,
        ids=ids,
        kind=Kind.TABULAR,
        task=coded.task,
        labels=coded.codes,
        class_names=coded.class_names,
        hashes=hashes,
        fingerprint=identity.fingerprint(
            Kind.TABULAR,
            coded.task,
            coded.class_names,
            ids,
            coded.codes,
            hashes,
            groups=groups,
            roles=chosen.roles,
            trusted=trusted,
        ),
        origin=Origin(path, format, options),
        table=frame,
        roles=chosen.roles,
        groups=groups,
        trusted=trusted,
        unreadable=raw.unreadable,
        notes=(*raw.notes, *chosen.notes, *coded.notes, *notes),
    )


def row_ids(raw: RawTable, column: str | None) -> tuple[str, ...]:
    """Return the id column as text, or the row numbers in the file from 0.

    Raises:
        UnreadableInputError: missing or repeated ids, naming them.
    """
    if column is None:
        return tuple(map(str, raw.records.tolist()))
    given = raw.columns[column]
    if given.missing:
        rows = raw.records[given.codes < 0]
        raise UnreadableInputError(
            f"the id column '{column}' is empty in {given.missing:,} rows: {some(rows)}. "
            f"Fill it, or take another column."
        )
    texts = given.texts()
    ids = tuple(texts[code] for code in given.codes)
    identity.require_unique(ids, f"the ids in column '{column}'")
    return ids


def require_features(roles: Mapping[str, Role], name: str) -> None:
    """Refuse roles that leave nothing to compare rows by.

    Raises:
        UnreadableInputError: no feature column.
    """
    if any(role.is_feature for role in roles.values()):
        return
    ignored = [f"'{column}'" for column, role in roles.items() if role is Role.IGNORED]
    because = (
        f": {some(ignored, 12)} {'is' if len(ignored) == 1 else 'are'} ignored" if ignored else ""
    )
    wanted = ", ".join(role for role in Role if role.is_feature)
    raise UnreadableInputError(
        f"{name} has no feature column to compare its rows by{because}. Give a column a feature "
        f"role ({wanted}), or add columns whose values differ."
    )


def features(raw: RawTable, roles: Mapping[str, Role]) -> tuple[pd.DataFrame, list[str]]:
    """Return the feature columns typed by role, with notes of what became missing."""
    frame: dict[str, pd.Series] = {}
    notes: list[str] = []
    for name, role in roles.items():
        if role.is_feature:
            frame[name], said = typed.feature(raw.columns[name], role)
            notes += said
    return pd.DataFrame(frame, index=pd.RangeIndex(len(raw))), notes


def trusted_rows(column: RawColumn | None) -> NDArray[np.bool_] | None:
    """Return (n,) whether each row is marked as trusted; a missing cell is not.

    Raises:
        UnreadableInputError: values that say neither yes nor no, naming them.
    """
    if column is None:
        return None
    words = [text.strip().lower() for text in column.texts()]
    odd = [text for text in words if text not in _YES and text not in _NO]
    if odd:
        raise UnreadableInputError(
            f"column '{column.name}' marks trusted rows by yes or no, and {len(odd):,} of its "
            f"values are neither: {some(odd)}. Write true or false, or give it another role."
        )
    return np.array([*(word in _YES for word in words), False])[column.codes]


def group_names(column: RawColumn | None) -> NDArray[np.object_] | None:
    """Return (n,) contributor names; a missing one counts as a contributor called (missing)."""
    if column is None:
        return None
    names = np.array([*column.texts(), NO_GROUP], dtype=object)
    out: NDArray[np.object_] = names[column.codes]
    return out


def _column(raw: RawTable, name: str | None) -> RawColumn | None:
    return None if name is None else raw.columns[name]
