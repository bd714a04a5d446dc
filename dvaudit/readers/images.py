"""ImageSource implementations: original bytes by position, reopened lazily in any process."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dvaudit.readers import archive, folder


class ZipImages:
    """Images in a zip, read in place; the handle belongs to one process and is never pickled."""

    def __init__(self, path: Path, keys: Sequence[str]) -> None:
        self.path = path
        self.keys = tuple(keys)
        self._archive: zipfile.ZipFile | None = None
        self._owner = 0

    def __len__(self) -> int:
        return len(self.keys)

    def read(self, index: int) -> bytes:
        """Return the file of sample `index`, byte for byte."""
        return archive.read_member(self._open(), self.keys[index])

    def close(self) -> None:
        """Close the archive; the next read opens it again."""
        # A handle inherited by a forked process shares its file offset with the parent's, so
        # only the process that opened it may use or close it.
        if self._archive is not None and self._owner == os.getpid():
            self._archive.close()
        self._archive = None

    def _open(self) -> zipfile.ZipFile:
        if self._archive is None or self._owner != os.getpid():
            self._archive = archive.open_archive(self.path)
            self._owner = os.getpid()
        return self._archive

    def __getstate__(self) -> Mapping[str, Any]:
        return {"path": self.path, "keys": self.keys, "_archive": None, "_owner": 0}

    def __del__(self) -> None:
        if getattr(self, "_archive", None) is not None:
            self.close()


class FolderImages:
    """Images in a folder, by path relative to it."""

    def __init__(self, root: Path, keys: Sequence[str]) -> None:
        self.root = root
        self.keys = tuple(keys)

    def __len__(self) -> int:
        return len(self.keys)

    def read(self, index: int) -> bytes:
        """Return the file of sample `index`, byte for byte."""
        return folder.read_member(self.root, self.keys[index])


class ArrayImages:
    """Images held as one uint8 array (n, height, width) or (n, height, width, 1, 3 or 4).

    There are no original files: `read` gives PNG, which is lossless.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def read(self, index: int) -> bytes:
        """Return sample `index` as the bytes of a PNG file."""
        pixels = self.pixels[index]
        if pixels.ndim == 3 and pixels.shape[2] == 1:
            pixels = pixels[:, :, 0]
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(file, "PNG", compress_level=1)
        return file.getvalue()
