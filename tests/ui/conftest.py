"""Fixtures of the page tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from appview import fresh_workspace

from dvaudit.store import Workspace


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """An empty workspace, opened, that is the app's."""
    with fresh_workspace(tmp_path, monkeypatch) as opened:
        yield opened
