"""Originals of datasets: copied or moved into the workspace byte for byte, or referenced."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dvaudit.core.errors import NotFoundError, ResourceError
from dvaudit.store.atomic import replacing, sync
from dvaudit.store.errors import WorkspaceError

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_LONGEST: Final = 200  # bytes; file systems allow 255, and temporary names need some


@dataclass(frozen=True)
class SourceState:
    """Bytes (None for a folder) and modification time of a source when it was referenced."""

    size: int | None
    mtime_ns: int


def source_state(path: Path) -> SourceState:
    """Raises NotFoundError when there is no such file or folder."""
    try:
        found = path.stat()
    except OSError as error:
        raise NotFoundError(f"There is no file or folder {path} ({error.strerror}).") from error
    return SourceState(None if path.is_dir() else found.st_size, found.st_mtime_ns)


def source_change(path: Path, before: SourceState) -> str | None:
    """Say in a sentence how a referenced source differs from `before`; None when it does not.

    Of a folder only its own entries are seen, not what changes in folders below it.
    """
    try:
        now = source_state(path)
    except NotFoundError:
        return f"The source {path} is gone; put it back, or import the dataset again."
    if now == before:
        return None
    return f"The source {path} has changed since the import; import the dataset again."


def safe_name(name: str) -> str:
    """Return a file name that is valid on every system and keeps the suffix of `name`."""
    cleaned = _UNSAFE.sub("_", name).strip().rstrip(".").lstrip(".") or "source"
    if _RESERVED.fullmatch(cleaned):
        cleaned = f"_{cleaned}"
    stem, suffix = os.path.splitext(cleaned)
    room = max(1, _LONGEST - len(suffix.encode()))
    return stem.encode()[:room].decode(errors="ignore") + suffix


def take(source: Path, folder: Path, uploads: Path) -> Path:
    """Put a file or folder into `folder` under its own name, and return where it is.

    What lies in `uploads` is moved, everything else copied.

    Raises:
        ResourceError: the disk has no room for a copy.
        WorkspaceError: a part of a folder could not be copied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / safe_name(source.name)
    if source.resolve().is_relative_to(uploads.resolve()):
        os.replace(source, target)
        sync(folder)
        if source.parent != uploads:
            with contextlib.suppress(OSError):  # other files of the same upload may remain
                source.parent.rmdir()
        return target
    _require_room(source, folder)
    if source.is_dir():
        _copy_folder(source, target)
    else:
        with replacing(target) as draft:
            shutil.copyfile(source, draft)
    return target


def _copy_folder(source: Path, target: Path) -> None:
    try:
        shutil.copytree(source, target)
    except (OSError, shutil.Error) as error:
        raise WorkspaceError(
            f"{source} could not be copied into the workspace ({error}). "
            "Make all of it readable, or use it where it is."
        ) from error
    if hasattr(os, "sync"):  # one flush: syncing many thousand files one by one takes minutes
        os.sync()


def _require_room(source: Path, folder: Path) -> None:
    if source.is_dir():
        needed = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    else:
        needed = source.stat().st_size
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ResourceError(
            f"Copying {source.name} takes {needed / 1e9:.1f} GB and the disk of the workspace has "
            f"{free / 1e9:.1f} GB left. Make room, or use the file where it is."
        )
