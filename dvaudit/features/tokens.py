"""The text columns of a table as word codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Role
from dvaudit.core.errors import UnsuitableDataError, some

UNKNOWN, SEPARATOR, FIRST_WORD = 1, 2, 3  # 0 is padding
BETWEEN = "|"  # between two columns; no word can be it
MANY_TEXTS = 200  # from this many samples on, a word of one sample alone is a rare word
WORD = re.compile(r"\w+")


def tokens(
    data: Dataset, *, codes: int = 8192, length: int = 64, fitted_on: int | None = None
) -> NDArray[np.int64]:
    """Return the first words of each sample as codes, (n, at most `length`), 0 for padding.

    Words are runs of letters and digits, lower-cased. 1 is a rare word, 2 stands between two text
    columns, and from 3 on words are numbered by the samples they occur in, most first. Where the
    texts of a sample are too long together, the longest are cut.

    Args:
        codes: at most so many, 4 or more, padding with them; words beyond are rare.
        fitted_on: words and their greatest number are those of so many first samples; None takes
            all.

    Raises:
        UnsuitableDataError: no text column, or so many that a sample cannot have a word of each.
    """
    columns = _text_columns(data, length)
    room = length - len(columns) + 1
    texts = zip(*(_words(column, length) for column in columns), strict=True)
    rows = [_joined(_cut(parts, room)) for parts in texts]
    fitted = rows[:fitted_on]
    numbers = {BETWEEN: SEPARATOR, **_vocabulary(fitted, codes - FIRST_WORD)}
    width = max([1, *map(len, fitted)])
    out = np.zeros((len(rows), width), dtype=np.int64)
    for place, row in zip(out, rows, strict=True):
        kept = row[:width]
        place[: len(kept)] = [numbers.get(word, UNKNOWN) for word in kept]
    return out


def _text_columns(data: Dataset, length: int) -> list[pd.Series[Any]]:
    table = data.table
    found = []
    if table is not None and data.kind is Kind.TABULAR:
        found = [name for name in table.columns if data.roles[str(name)] is Role.TEXT]
    if table is None or not found:
        raise UnsuitableDataError(
            f"{data.name!r} has no text columns; give a column the role text, or choose a net that "
            "takes vectors, such as 'mlp'."
        )
    if 2 * len(found) > length + 1:
        raise UnsuitableDataError(
            f"{data.name!r} has {len(found)} text columns ({some(found)}), and a sample at most "
            f"{length} tokens; set some of them to ignored."
        )
    return [table[name] for name in found]


def _words(column: pd.Series[Any], most: int) -> list[list[str]]:
    """Return the first words of each text; a missing one has none."""
    texts = column.astype(object).map(str).where(column.notna(), "")
    return [[match.group() for match in islice(WORD.finditer(t.lower()), most)] for t in texts]


def _cut(parts: Sequence[list[str]], room: int) -> list[list[str]]:
    """Cut the longest of the texts so that together they have at most `room` words."""
    shares = {}
    for rank, index in enumerate(sorted(range(len(parts)), key=lambda i: len(parts[i]))):
        shares[index] = min(len(parts[index]), room // (len(parts) - rank))
        room -= shares[index]
    return [part[: shares[index]] for index, part in enumerate(parts)]


def _joined(parts: Sequence[list[str]]) -> list[str]:
    if not any(parts):
        return []
    row = list(parts[0])
    for part in parts[1:]:
        row += [BETWEEN, *part]
    return row


def _vocabulary(rows: Sequence[list[str]], most: int) -> dict[str, int]:
    counts = Counter(word for row in rows for word in set(row) if word != BETWEEN)
    least = 2 if len(rows) >= MANY_TEXTS else 1
    frequent = sorted(
        (word for word, count in counts.items() if count >= least),
        key=lambda word: (-counts[word], word),
    )
    return {word: number for number, word in enumerate(frequent[:most], start=FIRST_WORD)}
