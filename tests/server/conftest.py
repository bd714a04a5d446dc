"""A served workspace for every test of the server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import Served, serving


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Routes over a fresh workspace with one image dataset."""
    with serving(tmp_path, monkeypatch) as opened:
        yield opened
