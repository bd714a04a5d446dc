"""Datasets of plain vectors for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Origin, Task


def vector_dataset(X: NDArray, labels: NDArray, task: Task = Task.CLASSIFICATION) -> Dataset:
    names = ()
    if task is Task.CLASSIFICATION:
        names = tuple(f"class {code}" for code in range(int(labels.max()) + 1))
    return Dataset(
        name="test",
        ids=tuple(str(i) for i in range(len(X))),
        kind=Kind.VECTOR,
        task=task,
        labels=labels,
        class_names=names,
        hashes=tuple(str(hash(row.tobytes())) for row in X),
        fingerprint=str(hash((X.tobytes(), labels.tobytes()))),
        origin=Origin("", "arrays"),
        vectors=np.asarray(X, dtype=np.float64),
    )
