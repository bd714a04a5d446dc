"""Where a sample lies in its dataset, by its id: found at once in a million, in little memory."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import cached_property
from threading import Lock

import numpy as np
import pandas as pd
from numpy.typing import NDArray


class Places:
    """The position of each id, by sorted hashes: 16 bytes per sample, where a dict takes 150.

    Args:
        ids: (n,) text, unique.
    """

    def __init__(self, ids: pd.Series[str]) -> None:
        self._ids = ids

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """All hashes in order, and the position of each; made when an id is first looked for."""
        hashes = _hashes(self._ids.to_numpy(dtype=object))
        order = np.argsort(hashes, kind="stable").astype(np.int64)
        return hashes[order], order

    def __len__(self) -> int:
        return len(self._ids)

    def name(self, position: int) -> str:
        """Return the id at a position."""
        return str(self._ids.iat[position])

    def find(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return (k,) the position of each name; -1 for one that is no id."""
        if not len(names) or not len(self):
            return np.full(len(names), -1, dtype=np.int64)
        wanted = np.asarray(names, dtype=object)
        hashes = _hashes(wanted)
        known, order = self._sorted
        first = np.searchsorted(known, hashes)
        found = order[np.minimum(first, len(self) - 1)]
        wrong = self._ids.iloc[found].to_numpy(dtype=object) != wanted
        for at in np.flatnonzero(wrong):
            found[at] = self._among_equals(int(first[at]), hashes[at], str(wanted[at]))
        return found

    def _among_equals(self, place: int, value: np.uint64, name: str) -> int:
        """Return the position of `name` among the ids whose hash is `value`, from `place` on."""
        known, order = self._sorted
        while place < len(self) and known[place] == value:
            position = int(order[place])
            if self.name(position) == name:
                return position
            place += 1
        return -1


_held: dict[int, Places] = {}
_lock = Lock()


def places_of(frame: pd.DataFrame) -> Places:
    """Return the places of the column "id" of a table, kept for as long as the table is.

    Pages, boards and estimates look at one table; they share its hashes.
    """
    key = id(frame)
    with _lock:
        if key not in _held:
            _held[key] = Places(frame["id"])
            weakref.finalize(frame, _held.pop, key, None)
        return _held[key]


def _hashes(names: NDArray[np.object_]) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_array(names, categorize=False), dtype=np.uint64)
