"""Fixtures every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared_folder(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"the folder {name} with reference data is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real datasets."""
    return _shared_folder("data")


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of golden inputs and outputs."""
    return _shared_folder("golden")
