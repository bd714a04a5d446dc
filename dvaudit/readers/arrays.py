"""npz files and (X, y) from Python -> Dataset of kind VECTOR, or IMAGE for stacks of uint8."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Origin, Task
from dvaudit.core.errors import UnreadableInputError, some
from dvaudit.core.machine import available_memory
from dvaudit.readers import identity, labels
from dvaudit.readers.archive import refuse_bomb
from dvaudit.readers.formats import parsing
from dvaudit.readers.images import ArrayImages
from dvaudit.readers.raw import RawColumn, column_from_objects, column_from_series
from dvaudit.readers.table_data import group_names

_OPTIONAL = ("y", "ids", "groups")
_WHAT = "npz (numbers or text of fixed width; Python objects are pickles and never loaded)"


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Return all arrays of a file under their own names; nothing is unpickled.

    Raises:
        UnreadableInputError: damaged, object arrays, or more than half of the free memory.
    """
    refuse_bomb(path, available_memory() // 2)
    with parsing(path.name, _WHAT), np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def array_names(found: Mapping[str, NDArray[Any]], name: str) -> dict[str, str]:
    """Return the names that x, y, ids and groups have in a file, whatever their case.

    Raises:
        UnreadableInputError: no x.
    """
    by_name = {key.lower(): key for key in reversed(list(found))}
    if "x" not in by_name:
        shapes = [f"{key} {value.shape}" for key, value in found.items()]
        raise UnreadableInputError(
            f"{name} has no array x; it has: {some(shapes, 8) or 'none'}. Save the features as x "
            f"and the labels as y."
        )
    return {key: by_name[key] for key in ("x", *_OPTIONAL) if key in by_name}


def load_npz(path: Path, *, name: str, task: Task | None) -> Dataset:
    """Read arrays x and y, and ids and groups where there are any."""
    found = read_npz(path)
    names = array_names(found, path.name)
    parts = {key: found[own] for key, own in names.items()}
    origin = Origin(str(path), "npz", {"arrays": names})
    return from_arrays(parts, origin=origin, name=name, task=task)


def from_arrays(
    parts: Mapping[str, Any], *, origin: Origin, name: str, task: Task | None
) -> Dataset:
    """Build a dataset from x (n, ...) and optionally y, ids and groups (n,).

    2-d x: vectors, taken as they are. uint8 of 3 or 4 dimensions that look like pictures:
    images. Anything deeper: flattened to vectors, which is noted.

    Raises:
        UnreadableInputError: lengths that differ, no rows, values that are not finite numbers.
    """
    x = _plain(parts["x"], "x")
    if x.ndim < 2 or not len(x) or not x[0].size:
        raise UnreadableInputError(
            f"x must have shape (n, d) with at least one row and column; it has {x.shape}."
        )
    columns = {key: _column(key, parts[key], len(x)) for key in _OPTIONAL if key in parts}
    coded = labels.encode(columns.get("y"), task)
    ids = _ids(columns.get("ids"), len(x))
    pictures = as_pictures(x)
    vectors = _vectors(x) if pictures is None else None
    content: Any = pictures if vectors is None else vectors
    kind = Kind.VECTOR if pictures is None else Kind.IMAGE
    notes = list(coded.notes)
    if vectors is not None and x.ndim > 2:
        notes.append(f"x of shape {x.shape} is taken as {vectors.shape[1]:,} numbers a row.")
    hashes = identity.array_hashes(content)
    groups = group_names(columns.get("groups"))
    return Dataset(
        name=name,
        ids=ids,
        kind=kind,
        task=coded.task,
        labels=coded.codes,
        class_names=coded.class_names,
        hashes=hashes,
        fingerprint=identity.fingerprint(
            kind, coded.task, coded.class_names, ids, coded.codes, hashes, groups=groups
        ),
        origin=origin,
        images=None if pictures is None else ArrayImages(pictures),
        vectors=vectors,
        groups=groups,
        notes=tuple(notes),
    )


def as_pictures(x: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Return x as (n, h, w) or (n, h, w, channels) where it is a stack of pictures, else None."""
    if x.dtype != np.uint8 or x.ndim not in (3, 4):
        return None
    if x.ndim == 3 or x.shape[3] in (1, 3, 4):
        return x
    if x.shape[1] in (1, 3, 4):  # channels first, as torch stores them
        return np.moveaxis(x, 1, 3)
    return None


def is_numeric_frame(x: Any) -> bool:
    """True where x is no DataFrame, or one of numbers only: then it is an array of vectors."""
    if not isinstance(x, pd.DataFrame):
        return True
    return all(pd.api.types.is_numeric_dtype(kind) for kind in x.dtypes)


def _plain(values: Any, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UnreadableInputError(f"{name} is not an array: {error}") from error
    return array


def _vectors(x: NDArray[Any]) -> NDArray[np.float64]:
    if x.dtype.kind not in "fiub" and x.dtype != object:
        raise UnreadableInputError(f"x holds {x.dtype}; feature vectors must be numbers.")
    try:
        vectors = np.array(x.reshape(len(x), -1), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise UnreadableInputError(f"x must hold numbers only: {error}.") from error
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        raise UnreadableInputError(
            f"x holds NaN or infinity in {len(bad):,} of {len(x):,} rows: {some(bad)}. "
            f"Impute or drop them first."
        )
    return vectors


def _column(name: str, values: Any, rows: int) -> RawColumn:
    if isinstance(values, pd.Series):
        column = column_from_series(name, values)
    else:
        array = _plain(values, name)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise UnreadableInputError(
                f"{name} must have shape ({rows},); it has {array.shape}. Give one label a row."
            )
        column = (
            column_from_series(name, pd.Series(array))
            if array.dtype.kind in "fiub"
            else column_from_objects(name, array.astype(object))
        )
    if len(column.codes) != rows:
        raise UnreadableInputError(f"x has {rows:,} rows and {name} has {len(column.codes):,}.")
    return column


def _ids(column: RawColumn | None, rows: int) -> tuple[str, ...]:
    if column is None:
        return tuple(map(str, range(rows)))
    if column.missing:
        raise UnreadableInputError(
            f"ids are missing in {column.missing:,} rows: {some(np.flatnonzero(column.codes < 0))}."
        )
    texts = column.texts()
    ids = tuple(texts[code] for code in column.codes)
    identity.require_unique(ids, "ids")
    return ids
