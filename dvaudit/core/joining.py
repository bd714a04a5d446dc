"""Two datasets as one, so that both pass through the same features; and some rows of one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import MISSING_CLASS, Dataset, ImageSource, Kind, Role, Task
from dvaudit.core.errors import UnsuitableDataError, some

TRUSTED = "trusted:"  # before the ids of the second dataset


@dataclass(frozen=True)
class _Images:
    """Files of several sources by (source, index)."""

    sources: Sequence[ImageSource]
    places: Sequence[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.places)

    def read(self, index: int) -> bytes:
        source, at = self.places[index]
        return self.sources[source].read(at)


def joined(data: Dataset, trusted: Dataset) -> Dataset:
    """Return the samples of `data` followed by those of `trusted`.

    Classes are matched by name; those that only `trusted` has come last. Groups are those of
    `data`, and None for trusted samples.

    Raises:
        UnsuitableDataError: the two differ in kind, task, feature columns or dimensions.
    """
    _check(data, trusted)
    names, labels = _labels(data, trusted)
    images = table = vectors = None
    if data.kind is Kind.IMAGE:
        assert data.images is not None
        assert trusted.images is not None
        places = [(0, i) for i in range(len(data))] + [(1, i) for i in range(len(trusted))]
        images = _Images((data.images, trusted.images), places)
    elif data.kind is Kind.TABULAR:
        table = _tables(data, trusted)
    else:
        assert data.vectors is not None
        assert trusted.vectors is not None
        vectors = np.vstack([data.vectors, trusted.vectors])
    groups = None
    if data.groups is not None:
        groups = np.concatenate([data.groups, np.full(len(trusted), None, dtype=object)])
    both = f"{data.fingerprint}+{trusted.fingerprint}".encode()
    return replace(
        data,
        name=f"{data.name} with {trusted.name}",
        ids=(*data.ids, *(TRUSTED + name for name in trusted.ids)),
        labels=labels,
        class_names=names,
        hashes=(*data.hashes, *trusted.hashes),
        fingerprint=hashlib.sha256(both).hexdigest(),
        images=images,
        table=table,
        vectors=vectors,
        groups=groups,
        trusted=None,
    )


def take(data: Dataset, rows: NDArray[np.int64]) -> Dataset:
    """Return the samples of `data` at `rows`, in that order; classes and columns stay."""
    kept = [int(row) for row in rows]
    which = hashlib.sha256(np.ascontiguousarray(rows, dtype=np.int64).tobytes()).hexdigest()
    return replace(
        data,
        ids=tuple(data.ids[row] for row in kept),
        labels=None if data.labels is None else data.labels[rows],
        hashes=tuple(data.hashes[row] for row in kept),
        fingerprint=hashlib.sha256(f"{data.fingerprint}[{which}]".encode()).hexdigest(),
        images=None if data.images is None else _Images((data.images,), [(0, i) for i in kept]),
        table=None if data.table is None else data.table.iloc[rows].reset_index(drop=True),
        vectors=None if data.vectors is None else data.vectors[rows],
        groups=None if data.groups is None else data.groups[rows],
        trusted=None if data.trusted is None else data.trusted[rows],
    )


def _check(data: Dataset, trusted: Dataset) -> None:
    for what, one, two in (
        ("kind", data.kind, trusted.kind),
        ("task", data.task, trusted.task),
        ("dimensions", *(_dimensions(item) for item in (data, trusted))),
    ):
        if one != two:
            raise UnsuitableDataError(
                f"{data.name} and the trusted set {trusted.name} differ in {what}: {one} and "
                f"{two}. Give a trusted set of the same form."
            )
    missing = [name for name in _features(data) if name not in _features(trusted)]
    ignored = [name for name in missing if name in trusted.roles]
    if ignored:
        raise UnsuitableDataError(
            f"{len(ignored):,} feature columns of {data.name} are {trusted.roles[ignored[0]]} in "
            f"the trusted set {trusted.name}: {some(ignored)}. Load it with the same roles."
        )
    if missing:
        raise UnsuitableDataError(
            f"The trusted set {trusted.name} lacks {len(missing):,} feature columns of "
            f"{data.name}: {some(missing)}. Give a trusted set with the same columns."
        )


def _dimensions(data: Dataset) -> int:
    return 0 if data.vectors is None else data.vectors.shape[1]


def _features(data: Dataset) -> dict[str, Role]:
    if data.kind is not Kind.TABULAR:
        return {}
    return {name: role for name, role in data.roles.items() if role.is_feature}


def _tables(data: Dataset, trusted: Dataset) -> pd.DataFrame:
    assert data.table is not None
    assert trusted.table is not None
    columns = list(data.table.columns)
    return pd.concat([data.table, trusted.table[columns]], ignore_index=True)


def _labels(data: Dataset, trusted: Dataset) -> tuple[tuple[str, ...], NDArray[Any] | None]:
    if data.labels is None or trusted.labels is None:
        return data.class_names, None
    if data.task is not Task.CLASSIFICATION:
        return (), np.concatenate([data.labels, trusted.labels])
    shared = [name for name in trusted.class_names if name in data.class_names]
    if not shared:
        raise UnsuitableDataError(
            f"{data.name} and the trusted set {trusted.name} have no class in common: "
            f"{some(data.class_names)} and {some(trusted.class_names)}. Give a trusted set with "
            "the same labels."
        )
    names = (*data.class_names, *(n for n in trusted.class_names if n not in data.class_names))
    code_of = {name: code for code, name in enumerate(names)}
    # The last entry is read by code -1, a missing label.
    codes = np.array([*(code_of[name] for name in trusted.class_names), MISSING_CLASS])
    renamed = codes[trusted.labels.astype(np.int64)]
    return names, np.concatenate([data.labels.astype(np.int64), renamed])
