"""The text columns of a table as word codes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset, Kind, Role
from dvaudit.core.errors import UnsuitableDataError, some
from dvaudit.core.progress import Progress, silent
from dvaudit.features.fitted import Fitted, Kept

UNKNOWN, SEPARATOR, FIRST_WORD = 1, 2, 3  # 0 is padding
BETWEEN = "|"  # between two columns; no word can be it
MANY_TEXTS = 200  # from this many samples on, a word of one sample alone is a rare word
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class FittedTokens(Fitted):
    """Which columns are read, and which words have numbers.

    Attributes:
        length: tokens of a sample at most, before they are cut.
        width: tokens that are returned.
        words: numbered from FIRST_WORD on.
    """

    name = "tokens of nets"
    version = 1

    columns: tuple[str, ...]
    length: int
    width: int
    words: tuple[str, ...]

    def describe(
        self, data: Dataset, *, device: str = "cpu", progress: Progress = silent
    ) -> tuple[NDArray[np.int64], list[str]]:
        assert data.table is not None
        own = {str(name): data.table[name] for name in data.table.columns}
        rows = _rows([own[name] for name in self.columns], self.length)
        return _coded(rows, self.words, self.width), []

    def kept(self) -> Kept:
        return Kept(
            {
                "columns": list(self.columns),
                "length": self.length,
                "width": self.width,
                "words": list(self.words),
            }
        )

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        facts = kept.facts
        columns, words = tuple(facts["columns"]), tuple(facts["words"])
        return cls(columns, int(facts["length"]), int(facts["width"]), words)


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
    return tokens_and_words(data, codes=codes, length=length, fitted_on=fitted_on)[0]


def tokens_and_words(
    data: Dataset, *, codes: int = 8192, length: int = 64, fitted_on: int | None = None
) -> tuple[NDArray[np.int64], FittedTokens]:
    """Return `tokens` and what describes other samples alike."""
    columns = _text_columns(data, length)
    rows = _rows(columns, length)
    fitted = rows[:fitted_on]
    words = _vocabulary(fitted, codes - FIRST_WORD)
    width = max([1, *map(len, fitted)])
    names = tuple(str(column.name) for column in columns)
    return _coded(rows, words, width), FittedTokens(names, length, width, words)


def _rows(columns: Sequence[pd.Series[Any]], length: int) -> list[list[str]]:
    """Return the words of each sample, SEPARATORs included."""
    room = length - len(columns) + 1
    texts = zip(*(_words(column, length) for column in columns), strict=True)
    return [_joined(_cut(parts, room)) for parts in texts]


def _coded(rows: Sequence[list[str]], words: Sequence[str], width: int) -> NDArray[np.int64]:
    """Return (n, width) the codes of words, cut or padded."""
    numbers: Mapping[str, int] = {
        BETWEEN: SEPARATOR,
        **{word: number for number, word in enumerate(words, start=FIRST_WORD)},
    }
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


def _vocabulary(rows: Sequence[list[str]], most: int) -> tuple[str, ...]:
    """Return at most so many words of the rows, those of most rows first."""
    counts = Counter(word for row in rows for word in set(row) if word != BETWEEN)
    least = 2 if len(rows) >= MANY_TEXTS else 1
    frequent = sorted(
        (word for word, count in counts.items() if count >= least),
        key=lambda word: (-counts[word], word),
    )
    return tuple(frequent[:most])
