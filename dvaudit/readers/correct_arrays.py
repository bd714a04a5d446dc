"""Corrected copies of npz files, and files for data that came from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import MISSING_CLASS, Dataset, Role, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.readers.archive import open_archive
from dvaudit.readers.arrays import load_npz, read_npz
from dvaudit.readers.changes import Changes, changed_since, native_labels
from dvaudit.readers.images import ArrayImages


def write_npz(data: Dataset, changes: Changes, source: Path, target: Path) -> None:
    """Write all arrays of an npz again; those as long as x lose the dropped rows.

    Labels keep their type where it holds the new ones; text is widened.

    Raises:
        UnreadableInputError: the source is gone or has changed.
        UnsuitableDataError: new labels where there is no y, or of another type.
    """
    if load_npz(source, name=data.name, task=data.task).fingerprint != data.fingerprint:
        raise changed_since(source.name)
    names = data.origin.options["arrays"]
    arrays = read_npz(source)
    if changes.labels:
        if "y" not in names:
            raise UnsuitableDataError(f"{source.name} has no array y to write new labels to.")
        arrays[names["y"]] = _relabelled(arrays[names["y"]], changes.labels)
    with open_archive(source) as archive:
        packed = any(info.compress_type for info in archive.infolist())
    kept = {name: _kept(array, len(data), changes) for name, array in arrays.items()}
    _save(target, kept, packed)


def write_arrays(data: Dataset, changes: Changes, target: Path) -> None:
    """Write arrays that came from Python as an npz with x and, where there are labels, y."""
    if data.vectors is not None:
        x: NDArray[Any] = data.vectors
    else:
        assert isinstance(data.images, ArrayImages)
        x = data.images.pixels
    arrays = {"x": x}
    if data.labels is not None:
        arrays["y"] = _plain_labels(data, corrected_labels(data, changes))
    elif changes.labels:
        raise UnsuitableDataError(f"{data.name} has no labels to correct.")
    _save(target, {name: _kept(a, len(data), changes) for name, a in arrays.items()}, True)


def write_frame(data: Dataset, changes: Changes, target: Path) -> None:
    """Write a DataFrame's columns as UTF-8 CSV; ignored columns are not held, which is noted."""
    assert data.table is not None
    columns: dict[str, Any] = {}
    ignored = []
    for name, role in data.roles.items():
        if role.is_feature:
            columns[name] = data.table[name]
        elif role is Role.LABEL:
            columns[name] = corrected_labels(data, changes)
        elif role is Role.ID:
            columns[name] = list(data.ids)
        elif role is Role.GROUP:
            columns[name] = data.groups
        elif role is Role.TRUSTED:
            columns[name] = data.trusted
        else:
            ignored.append(f"'{name}'")
    if changes.labels and Role.LABEL not in data.roles.values():
        raise UnsuitableDataError(f"{data.name} has no label column to write new labels to.")
    if ignored:
        changes.notes.append(f"Ignored columns are not written: {', '.join(ignored)}.")
    frame = pd.DataFrame(columns).drop(index=sorted(changes.drop))
    frame.to_csv(target, index=False, encoding="utf-8")


def corrected_labels(data: Dataset, changes: Changes) -> NDArray[np.object_]:
    """Return (n,) label text after the changes, None where missing."""
    labels = data.label_text()
    for index, text in changes.labels.items():
        labels[index] = text
    return labels


def _plain_labels(data: Dataset, texts: NDArray[np.object_]) -> NDArray[Any]:
    """Labels as an array that needs no pickle: numbers where all are, else text."""
    missing = np.array([text is None for text in texts])
    if data.task is Task.REGRESSION:
        return np.array([np.nan if text is None else float(text) for text in texts])
    whole = all(text is None or text.lstrip("+-").isdigit() for text in texts)
    if whole and not missing.any() and data.labels is not None:
        assert (data.labels != MISSING_CLASS).all()
        return np.array([int(text) for text in texts], dtype=np.int64)
    return np.array(["" if text is None else text for text in texts], dtype=str)


def _relabelled(y: NDArray[Any], labels: Mapping[int, str]) -> NDArray[Any]:
    flat = y.reshape(-1)
    values = native_labels(labels.values(), flat.tolist())
    new = {index: values[text] for index, text in labels.items()}
    if flat.dtype.kind in "US":
        listed = flat.tolist()
        for index, value in new.items():
            listed[index] = value
        return np.array(listed, dtype=np.promote_types(flat.dtype, np.array(listed).dtype))
    out = flat.copy()
    for index, value in new.items():
        out[index] = value
        if out[index] != value:
            raise UnsuitableDataError(f"the label {labels[index]!r} does not fit {flat.dtype}.")
    return out.reshape(y.shape)


def _kept(array: NDArray[Any], rows: int, changes: Changes) -> NDArray[Any]:
    if array.ndim == 0 or len(array) != rows:
        return array
    return np.delete(array, sorted(changes.drop), axis=0) if changes.drop else array


def _save(target: Path, arrays: Mapping[str, NDArray[Any]], packed: bool) -> None:
    with target.open("wb") as file:  # given a path, numpy would add a suffix
        save: Any = np.savez_compressed if packed else np.savez
        save(file, **arrays)
