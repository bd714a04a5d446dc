"""Small datasets of every kind, made in memory."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from dvaudit.core.dataset import Dataset, Kind, Origin, Role, Task


class InMemory:
    """An ImageSource over bytes."""

    def __init__(self, files: Sequence[bytes]) -> None:
        self.files = list(files)
        self.reads = 0

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> bytes:
        self.reads += 1
        return self.files[index]


def encode(image: Image.Image | NDArray[np.uint8], format: str = "PNG") -> bytes:
    file = io.BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(file, format)
    return file.getvalue()


def _labels(n: int) -> dict[str, object]:
    return {
        "ids": tuple(f"sample {i}" for i in range(n)),
        "task": Task.CLASSIFICATION,
        "labels": np.arange(n) % 2,
        "class_names": ("a", "b"),
    }


def make_images(pictures: Sequence[Image.Image | NDArray[np.uint8] | bytes]) -> Dataset:
    files = [item if isinstance(item, bytes) else encode(item) for item in pictures]
    return Dataset(
        name="pictures",
        kind=Kind.IMAGE,
        hashes=tuple(hashlib.sha256(file).hexdigest() for file in files),
        fingerprint="",
        origin=Origin("", "zip"),
        images=InMemory(files),
        **_labels(len(files)),
    )


def make_table(columns: Mapping[str, Sequence[object]], roles: Mapping[str, Role]) -> Dataset:
    table = pd.DataFrame({name: pd.Series(list(column)) for name, column in columns.items()})
    rows = table.astype(object).to_numpy()
    return Dataset(
        name="table",
        kind=Kind.TABULAR,
        hashes=tuple(hashlib.sha256(repr(list(row)).encode()).hexdigest() for row in rows),
        fingerprint="",
        origin=Origin("", "csv"),
        table=table,
        roles=dict(roles),
        **_labels(len(table)),
    )


def textured(n: int, height: int, width: int, channels: int, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth random pictures, (n, height, width, channels), or (n, height, width) for one."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, height, width, channels))
    for axis in (1, 2):
        noise = noise + np.roll(noise, 1, axis) + np.roll(noise, 2, axis)
    scaled = 127 + 60 * noise / noise.std()
    pixels = np.clip(scaled, 0, 255).astype(np.uint8)
    return pixels[..., 0] if channels == 1 else pixels


@pytest.fixture(scope="session")
def image_dataset() -> Callable[..., Dataset]:
    return make_images


@pytest.fixture(scope="session")
def table_dataset() -> Callable[..., Dataset]:
    return make_table


@pytest.fixture(scope="session")
def texture() -> Callable[..., NDArray[np.uint8]]:
    return textured


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    return encode
