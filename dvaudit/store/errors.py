"""Refusals of the workspace that no other layer makes."""

from __future__ import annotations

from dvaudit.core.errors import DvauditError


class WorkspaceError(DvauditError):
    """The workspace cannot be opened, or is in no state to do what was asked."""


class RepeatedEventError(DvauditError):
    """The event was carried out before: it is stored, and there is nothing to do."""
