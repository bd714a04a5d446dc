"""Listing a folder of files: links out of it are not followed."""

from __future__ import annotations

import os
from pathlib import Path

from dvaudit.core.dataset import Unreadable
from dvaudit.core.errors import UnreadableInputError
from dvaudit.readers.archive import MAX_ENTRIES, MAX_FILE, Member, gone, is_litter


def members(root: Path) -> tuple[list[Member], list[Unreadable]]:
    """List the data files below a folder by path, and what is left out.

    Raises:
        UnreadableInputError: more than MAX_ENTRIES files.
    """
    real = root.resolve()
    found: list[Member] = []
    left_out: list[Unreadable] = []
    for folder, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not is_litter(name))
        for file in sorted(files):
            path = Path(folder, file)
            name = path.relative_to(root).as_posix()
            if is_litter(name):
                continue
            reason = _no_data(path, real)
            if reason:
                left_out.append(Unreadable(name, reason))
            else:
                found.append(Member(name, name))
        if len(found) > MAX_ENTRIES:
            raise UnreadableInputError(
                f"{root.name} holds more than {MAX_ENTRIES:,} files; split it."
            )
    found.sort(key=lambda member: member.name)
    return found, left_out


def read_member(root: Path, key: str) -> bytes:
    """Return a file's bytes.

    Raises:
        MissingSourceError: the folder itself is gone.
        UnreadableInputError: gone, not permitted, or longer than MAX_FILE.
    """
    try:
        with (root / key).open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        if not root.exists():
            raise gone(root) from error
        raise UnreadableInputError(f"cannot be read ({error.strerror})") from error
    if len(data) > MAX_FILE:
        raise UnreadableInputError(f"longer than {MAX_FILE >> 20} MiB")
    return data


def _no_data(path: Path, root: Path) -> str | None:
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        return "a link that leads out of the folder"
    if not path.is_file():  # a pipe or a device would block the reader
        return "not a regular file"
    return None


def _refuse(error: OSError) -> None:
    raise UnreadableInputError(
        f"the folder {error.filename} cannot be listed: {error.strerror}."
    ) from error
