"""What folders take up on disk."""

from __future__ import annotations

import os
from pathlib import Path


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, 0 where it does not exist.

    Links are not followed, and a file that goes away while counting does not count.
    """
    total = 0
    pending = [folder]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except FileNotFoundError:
            continue
    return total
