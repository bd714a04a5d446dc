"""Small datasets made without any reader."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from dvaudit.core.dataset import Dataset, Kind, Origin, Role, Task, Unreadable


@dataclass(frozen=True)
class ImageList:
    """Image files held in memory."""

    files: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> bytes:
        return self.files[index]


def picture(mode: str = "RGB", size: tuple[int, int] = (32, 24), kind: str = "PNG") -> bytes:
    """A file of one colour."""
    out = io.BytesIO()
    Image.new(mode, size, 120 if mode == "L" else (200, 40, 90, 128)[: len(mode)]).save(out, kind)
    return out.getvalue()


def image_dataset(files: Sequence[bytes], labels: Sequence[int] | None = None) -> Dataset:
    """Images named 0.png, 1.png ... of the classes cat and dog."""
    codes = np.arange(len(files)) % 2 if labels is None else np.asarray(labels)
    return Dataset(
        name="pets",
        ids=tuple(f"{i}.png" for i in range(len(files))),
        kind=Kind.IMAGE,
        task=Task.CLASSIFICATION,
        labels=codes.astype(np.int64),
        class_names=("cat", "dog"),
        hashes=tuple(hashlib.sha256(data).hexdigest() for data in files),
        fingerprint="f" * 64,
        origin=Origin("pets.zip", "zip"),
        images=ImageList(files),
        unreadable=(Unreadable("notes.txt", "no picture"),),
        notes=("One note.",),
    )


def table_dataset(table: pd.DataFrame, labels: Sequence[float]) -> Dataset:
    """A regression table; NaN = no label."""
    n = len(table)
    return Dataset(
        name="rows",
        ids=tuple(str(i) for i in range(n)),
        kind=Kind.TABULAR,
        task=Task.REGRESSION,
        labels=np.asarray(labels, dtype=np.float64),
        class_names=(),
        hashes=tuple("0" * 64 for _ in range(n)),
        fingerprint="e" * 64,
        origin=Origin("rows.csv", "csv"),
        table=table,
        roles={str(name): Role.NUMERIC for name in table.columns},
        groups=np.array([f"g{i % 2}" for i in range(n)], dtype=object),
    )
