"""A workspace with one small image dataset, and the server's routes over it without Streamlit."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from asgi import Reply, call
from PIL import Image
from starlette.applications import Starlette

from dvaudit import readers
from dvaudit.server import MIDDLEWARE, ROUTES, originals
from dvaudit.server.opened import workspace
from dvaudit.store import Workspace


@dataclass
class Served:
    """A server without sockets, its workspace, and an image dataset's id and files in order."""

    app: Starlette
    ws: Workspace
    dataset: str
    files: list[bytes]

    def get(self, address: str) -> Reply:
        return call(self.app, "GET", address)


def picture(shade: int, format: str = "PNG") -> bytes:
    """A 200 x 150 picture with a gradient, so that every shade gives other bytes."""
    pixels = np.full((150, 200, 3), shade, dtype=np.uint8)
    pixels[:, :, 0] = np.arange(200)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def write_zip(path: Path) -> list[bytes]:
    """Two classes of three pictures, one of them a TIFF; return the files in sample order."""
    names = ["cat/a.png", "cat/b.jpg", "cat/ü x.png", "dog/a.png", "dog/b.tif", "dog/c.png"]
    formats = {"jpg": "JPEG", "tif": "TIFF", "png": "PNG"}
    with zipfile.ZipFile(path, "w") as archive:
        files = [picture(30 * i, formats[name.rsplit(".")[-1]]) for i, name in enumerate(names)]
        for name, data in zip(names, files, strict=True):
            archive.writestr(name, data)
    return files


@contextmanager
def serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Serve a fresh workspace below `folder`; caches of the process are empty before and after."""
    ws = Workspace(folder / "home")
    monkeypatch.setattr("dvaudit.audits.workspace", lambda: ws)
    workspace.cache_clear()
    originals.originals_of.cache_clear()
    files = write_zip(folder / "pets.zip")
    dataset = ws.add_dataset("pets", folder / "pets.zip", copy=True, roles={}, task=None)
    ws.finish_dataset(dataset, readers.load(ws.dataset(dataset).source))
    yield Served(Starlette(routes=ROUTES, middleware=MIDDLEWARE), ws, dataset, files)
    workspace.cache_clear()
    originals.originals_of.cache_clear()
    ws.close()
