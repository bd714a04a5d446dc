"""The log of a run: what its worker prints, appended, with a limit on its size."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

NAME: Final = "log.txt"
LARGEST: Final = 4 << 20  # bytes
KEPT: Final = 1 << 20  # bytes of the end that stay when it grows larger


def open_log(run_dir: Path) -> int:
    """Return a descriptor that appends to the log; the caller closes it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    return os.open(run_dir / NAME, flags, 0o600)


def append(run_dir: Path, text: str) -> None:
    """Add `text` and a line end to the log."""
    handle = open_log(run_dir)
    try:
        os.write(handle, f"{text.rstrip()}\n".encode(errors="replace"))
    finally:
        os.close(handle)


def trim(run_dir: Path, largest: int = LARGEST, kept: int = KEPT) -> bool:
    """Cut a log larger than `largest` to its last `kept` bytes; True when it was.

    The file stays the same one, so a worker that appends goes on doing so; lines it writes in
    the moment of cutting can be lost.
    """
    path = run_dir / NAME
    if not path.exists() or path.stat().st_size <= largest:
        return False
    with path.open("rb+") as file:
        file.seek(-kept, os.SEEK_END)
        end = file.read()
        file.seek(0)
        file.write(b"[earlier lines were removed to limit the size of this log]\n" + end)
        file.truncate()
    return True
