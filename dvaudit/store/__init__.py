"""The workspace on disk: datasets, runs, results and verdicts."""

from dvaudit.store.audit_samples import AuditSample
from dvaudit.store.errors import OvertakenError, RepeatedEventError, WorkspaceError
from dvaudit.store.live import LiveFolder, LiveValues
from dvaudit.store.records import (
    DatasetRecord,
    DatasetStatus,
    RunKind,
    RunRecord,
    RunStatus,
)
from dvaudit.store.thumbnails import Thumbnails, media_type
from dvaudit.store.workspace import Workspace, default_root

__all__ = [
    "AuditSample",
    "DatasetRecord",
    "DatasetStatus",
    "LiveFolder",
    "LiveValues",
    "OvertakenError",
    "RepeatedEventError",
    "RunKind",
    "RunRecord",
    "RunStatus",
    "Thumbnails",
    "Workspace",
    "WorkspaceError",
    "default_root",
    "media_type",
]
