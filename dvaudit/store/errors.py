"""Refusals of the workspace that no other layer makes."""

from __future__ import annotations

from dvaudit.core.decisions import Entry
from dvaudit.core.errors import ConflictError, DvauditError


class WorkspaceError(DvauditError):
    """The workspace cannot be opened, or is in no state to do what was asked."""


class RepeatedEventError(DvauditError):
    """The event was carried out before: it is stored, and there is nothing to do."""


class OvertakenError(ConflictError):
    """The sample was judged elsewhere after the person looked at it; `entry` is the newest row."""

    def __init__(self, message: str, entry: Entry) -> None:
        super().__init__(message)
        self.entry = entry
