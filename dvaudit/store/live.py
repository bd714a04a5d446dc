"""Values of all samples at a few points of a training that goes on, each in a file of its own.

A file is complete when it appears and never changes; it may be gone at any time. So readers map
files to memory and need no lock.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

_NAME: Final = re.compile(r"(\d+)_(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\.npy")


@dataclass(frozen=True, eq=False)
class LiveValues:
    """What a training told of every sample until now.

    Attributes:
        training: its number, 0 for the first of a method.
        points: (S,) when, rising; at least one.
        rows: S arrays (n,) float32 in dataset order, mapped to memory: value so far at the point,
            NaN where not valued.
    """

    training: int
    points: NDArray[np.float64]
    rows: Sequence[NDArray[np.float32]]

    def lines(self, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (k, S) the values of single samples; only theirs are read from the files."""
        found = [np.asarray(row[positions], dtype=np.float64) for row in self.rows]
        return np.column_stack(found)


class LiveFolder:
    """Writes and reads the values of one method below `folder`, which need not exist yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, training: int, point: float, values: NDArray[np.float32]) -> None:
        """Keep the values (n,) at a point."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f".{uuid.uuid4().hex}.tmp"
        with draft.open("wb") as file:  # not synced: nobody needs it after a power cut
            np.save(file, np.ascontiguousarray(values, dtype=np.float32), allow_pickle=False)
        os.replace(draft, self._path(training, point))

    def drop(self, training: int, point: float) -> None:
        """Forget the values at a point."""
        with contextlib.suppress(OSError):  # Windows keeps a file that is being read
            self._path(training, point).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def read(self) -> LiveValues | None:
        """Return what is kept of the newest training; None where nothing is."""
        known: dict[int, list[tuple[float, Path]]] = {}
        for path in self._folder.glob("*.npy"):
            if match := _NAME.fullmatch(path.name):
                known.setdefault(int(match[1]), []).append((float(match[2]), path))
        for training in sorted(known, reverse=True):
            points, rows = [], []
            for point, path in sorted(known[training]):
                with contextlib.suppress(OSError, EOFError, ValueError):  # gone since, or cut off
                    rows.append(np.load(path, mmap_mode="r", allow_pickle=False))
                    points.append(point)
            if rows:
                return LiveValues(training, np.array(points), rows)
        return None

    def _path(self, training: int, point: float) -> Path:
        return self._folder / f"{training}_{float(point)!r}.npy"
