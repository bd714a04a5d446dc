"""Dataset: what every reader produces and every method consumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MISSING_CLASS = -1


class Kind(StrEnum):
    IMAGE = "image"
    TABULAR = "tabular"
    VECTOR = "vector"  # arrays given from Python or npz: feature vectors, taken as they are


class Task(StrEnum):
    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    UNSUPERVISED = "unsupervised"


class Role(StrEnum):
    """What a column is for. The last four are ways to be a feature."""

    LABEL = "label"
    ID = "id"
    GROUP = "group"
    TRUSTED = "trusted"
    PATH = "path"
    IGNORED = "ignored"
    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    TEXT = "text"
    DATE = "date"

    @property
    def is_feature(self) -> bool:
        return self in (Role.NUMERIC, Role.CATEGORICAL, Role.TEXT, Role.DATE)


class ImageSource(Protocol):
    """Random access to the original bytes of n images."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> bytes:
        """Return the file of sample `index`, byte for byte."""


@dataclass(frozen=True)
class Unreadable:
    """Something in the input that could not be read, and why; the rest is loaded."""

    name: str
    reason: str


@dataclass(frozen=True)
class Origin:
    """Where a dataset came from, enough to write a corrected copy in the same format.

    `format` is one of readers.FORMATS; `options` are that format's own notes
    (delimiter, encoding, sheet, label column, common prefix ...), JSON-able.
    """

    path: str
    format: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Dataset:
    """n labelled samples, never changed in place.

    Attributes:
        name: what to call it on screen.
        ids: n unique, stable names: path in the zip, id column, or row number from 0.
        labels: (n,) int64 class codes into `class_names` with -1 for missing; for regression
            (n,) float64 with NaN for missing; None when unsupervised.
        class_names: class labels in code order; empty for regression.
        hashes: n hex SHA-256 digests of the samples' content (file bytes, or the row's features).
        fingerprint: hex SHA-256 over everything a valuation depends on.
        images: original files (Kind.IMAGE).
        table: (n, columns) the feature columns as read, typed by `roles` (Kind.TABULAR), or the
            further columns of a labels.csv (Kind.IMAGE); indexed 0 to n-1.
        roles: role of every input column, in input order.
        vectors: (n, d) float64 feature vectors (Kind.VECTOR).
        groups: (n,) contributor names.
        trusted: (n,) True where a person vouches for the sample and its label.
        unreadable: what was left out.
        notes: conversions and guesses a person should know of, one sentence each.
    """

    name: str
    ids: tuple[str, ...]
    kind: Kind
    task: Task
    labels: NDArray[np.int64] | NDArray[np.float64] | None
    class_names: tuple[str, ...]
    hashes: tuple[str, ...]
    fingerprint: str
    origin: Origin
    images: ImageSource | None = None
    table: pd.DataFrame | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)
    vectors: NDArray[np.float64] | None = None
    groups: NDArray[np.object_] | None = None
    trusted: NDArray[np.bool_] | None = None
    unreadable: tuple[Unreadable, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(n,) True where the label is known."""
        if self.labels is None:
            return np.zeros(len(self), dtype=bool)
        if self.task is Task.CLASSIFICATION:
            return np.asarray(self.labels != MISSING_CLASS)
        return np.isfinite(self.labels)

    def label_text(self) -> NDArray[np.object_]:
        """(n,) given labels as people see them: class names or numbers, None where missing."""
        out = np.full(len(self), None, dtype=object)
        if self.labels is None:
            return out
        for i in np.flatnonzero(self.labelled):
            value = self.labels[i]
            out[i] = self.class_names[int(value)] if self.class_names else repr(float(value))
        return out


def class_counts(data: Dataset) -> NDArray[np.int64]:
    """(k,) number of samples of each class; missing labels are not counted."""
    if data.labels is None or data.task is not Task.CLASSIFICATION:
        return np.zeros(0, dtype=np.int64)
    codes = data.labels[data.labelled].astype(np.int64)
    return np.bincount(codes, minlength=len(data.class_names)).astype(np.int64)
