"""Words of text columns as codes: the numbers, the bounds, and what is refused."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit.core.dataset import Role
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.features.tokens import MANY_TEXTS, tokens


def _texts(table_dataset, *columns: list[object]):
    names = [f"column {index}" for index in range(len(columns))]
    return table_dataset(dict(zip(names, columns, strict=True)), dict.fromkeys(names, Role.TEXT))


def test_words_are_lower_cased_and_numbered_by_the_texts_they_occur_in(table_dataset) -> None:
    data = _texts(table_dataset, ["The cat, the DOG!", "the bird's", "cat the"])
    # the: 3 texts, cat: 2, then bird, dog and s by the alphabet.
    assert tokens(data).tolist() == [[3, 4, 3, 6], [3, 5, 7, 0], [4, 3, 0, 0]]


def test_columns_are_joined_by_a_separator_and_missing_texts_are_empty(table_dataset) -> None:
    data = _texts(table_dataset, ["a b", None, "", float("nan")], ["a", "b a", None, "..."])
    assert tokens(data).tolist() == [[3, 4, 2, 3], [2, 4, 3, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_texts_without_any_word_have_one_column_of_padding(table_dataset) -> None:
    assert tokens(_texts(table_dataset, ["", "?!", None])).tolist() == [[0], [0], [0]]


def test_only_text_columns_are_read(table_dataset) -> None:
    data = table_dataset(
        {"age": [1, 2], "text": ["x", "y"], "city": ["a", "b"]},
        {"age": Role.NUMERIC, "text": Role.TEXT, "city": Role.CATEGORICAL},
    )
    assert tokens(data).tolist() == [[3], [4]]


def test_the_longest_text_of_a_sample_is_cut_first(table_dataset) -> None:
    data = _texts(table_dataset, ["t " * 3, "t " * 9], ["b " * 50, "b " * 9], ["c " * 2, ""])
    found = tokens(data, length=12)
    b, c, t = 3, 5, 4
    assert found[0].tolist() == [t] * 3 + [2] + [b] * 5 + [2] + [c] * 2
    assert found[1].tolist() == [t] * 5 + [2] + [b] * 5 + [2]


def test_words_beyond_the_codes_share_the_unknown_one(table_dataset) -> None:
    data = _texts(table_dataset, ["a b c d", "a b c", "a b", "a"])
    assert tokens(data, codes=5).tolist()[0] == [3, 4, 1, 1]


def test_in_many_texts_a_word_of_one_alone_is_unknown(table_dataset) -> None:
    alone = ["hello once"] + ["hello"] * (MANY_TEXTS - 2)
    assert tokens(_texts(table_dataset, alone))[0].tolist() == [3, 4]
    assert tokens(_texts(table_dataset, [*alone, "hello"]))[0].tolist() == [3, 1]


def _slowly(texts: list[str], codes: int, length: int) -> np.ndarray:
    """The definition for one column, a word at a time."""
    words = [re.findall(r"\w+", text.lower())[:length] for text in texts]
    number_of_texts = Counter(word for row in words for word in set(row))
    ranked = sorted(number_of_texts, key=lambda word: (-number_of_texts[word], word))
    out = np.zeros((len(texts), max(1, *(len(row) for row in words))), dtype=np.int64)
    for i, row in enumerate(words):
        for j, word in enumerate(row):
            rank = ranked.index(word)
            out[i, j] = 3 + rank if 3 + rank < codes else 1
    return out


@given(
    texts=st.lists(st.text("aBc É9_-. ", max_size=30), min_size=2, max_size=8),
    codes=st.integers(4, 9),
    length=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_one_column_by_definition(table_dataset, texts: list[str], codes: int, length: int) -> None:
    found = tokens(_texts(table_dataset, texts), codes=codes, length=length)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, _slowly(texts, codes, length))


@given(
    rows=st.lists(st.tuples(*[st.text("ab ", max_size=20)] * 3), min_size=1, max_size=6),
    length=st.integers(5, 12),
)
@settings(max_examples=60, deadline=None)
def test_bounds_of_several_columns(table_dataset, rows: list[tuple[str, ...]], length: int) -> None:
    found = tokens(_texts(table_dataset, *map(list, zip(*rows, strict=True))), length=length)
    assert 1 <= found.shape[1] <= length
    for row, texts in zip(found, rows, strict=True):
        words = [len(text.split()) for text in texts]
        present = row > 0
        assert bool((np.diff(present.astype(int)) <= 0).all())
        assert present.sum() == (min(length, sum(words) + 2) if any(words) else 0)
        assert (row == 2).sum() == (2 if any(words) else 0)


def test_refusals(table_dataset, image_dataset, texture) -> None:
    numbers = table_dataset({"age": [1, 2]}, {"age": Role.NUMERIC})
    for data in (numbers, image_dataset(texture(2, 8, 8, 3))):
        with pytest.raises(UnsuitableDataError, match=f"'{data.name}' has no text columns.*'mlp'"):
            tokens(data)
    many = _texts(table_dataset, *([["a"]] * 4))
    with pytest.raises(UnsuitableDataError, match=r"4 text columns.*at most 6 tokens"):
        tokens(many, length=6)
