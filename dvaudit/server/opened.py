"""The one workspace this server process has open."""

from __future__ import annotations

from functools import cache

from dvaudit import audits
from dvaudit.store import Workspace


@cache
def workspace() -> Workspace:
    """Open the workspace on first use; all pages and routes of the process share it."""
    return audits.workspace()
