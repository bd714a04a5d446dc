"""Small image archives and folders to read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MakeZip = Callable[..., Path]
MakePng = Callable[..., bytes]


@pytest.fixture
def png() -> MakePng:
    """png(seed, size=8, mode="L"): the bytes of a small picture, different for each seed."""

    def make(seed: int = 0, size: int = 8, mode: str = "L") -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(file, "PNG")
        return file.getvalue()

    return make


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    """make_zip({name: bytes}, "a.zip"): an archive with these members, deflated."""

    def make(files: Mapping[str, bytes | str], name: str = "photos.zip") -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in files.items():
                archive.writestr(member, content)
        return path

    return make


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """make_folder({name: bytes}): a folder with these files."""

    def make(files: Mapping[str, bytes | str], name: str = "photos") -> Path:
        for member, content in files.items():
            path = tmp_path / name / member
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / name

    return make


@pytest.fixture
def pets(png: MakePng) -> dict[str, bytes]:
    """Four images in two class folders."""
    return {
        "cat/1.png": png(1),
        "dog/1.png": png(2),
        "cat/2.png": png(3),
        "dog/2.png": png(4),
    }


@pytest.fixture
def write(tmp_path: Path) -> object:
    def make(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make
