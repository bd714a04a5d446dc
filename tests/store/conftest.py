"""Workspaces for the tests of the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from datasets_in_memory import image_dataset, picture

from dvaudit.store import Workspace


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace."""
    with Workspace(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to import; what is in it does not matter to the store."""
    path = tmp_path / "pets.zip"
    path.write_bytes(b"PK original bytes")
    return path


@pytest.fixture
def filled() -> Callable[[Path], tuple[Workspace, str]]:
    """Make a workspace with a ready dataset of 6 images below a folder."""

    def make(folder: Path) -> tuple[Workspace, str]:
        opened = Workspace(folder / "home")
        path = folder / "pets.zip"
        path.write_bytes(b"PK")
        dataset_id = opened.add_dataset("pets", path, copy=False, roles={}, task=None)
        opened.finish_dataset(dataset_id, image_dataset([picture()] * 6))
        return opened, dataset_id

    return make
