"""Encoding columns: scales, gaps, rare values, dates and texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dvaudit import features
from dvaudit.core.dataset import Dataset, Role
from dvaudit.core.errors import UnsuitableDataError


def encode(data: Dataset, **settings: object) -> NDArray:
    return features.extract(data, settings=settings).matrix


def spread(matrix: NDArray) -> float:
    """Mean squared distance between two rows."""
    return float(2 * matrix.var(axis=0).sum() * len(matrix) / (len(matrix) - 1))


def test_numbers_are_standardised(table_dataset) -> None:
    values = np.random.default_rng(0).normal(1e6, 1e3, 500)
    matrix = encode(table_dataset({"x": values}, {"x": Role.NUMERIC}))
    assert matrix.dtype == np.float32
    assert matrix.mean() == pytest.approx(0, abs=1e-5)
    assert matrix.std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(np.argsort(matrix[:, 0]), np.argsort(values))


def test_one_extreme_value_does_not_flatten_the_others(table_dataset) -> None:
    values = np.random.default_rng(0).normal(size=500)
    values[0] = 1e6
    matrix = encode(table_dataset({"x": values}, {"x": Role.NUMERIC}))[:, 0]
    # Plain standardisation leaves the others within 1e-5 of each other and the extreme at 22.
    assert matrix[0] < 22.4
    assert matrix.argmax() == 0


def test_missing_numbers_get_the_median_and_a_column(table_dataset) -> None:
    values = [1.0, 2.0, np.nan, 3.0, 100.0]
    matrix = encode(table_dataset({"x": values}, {"x": Role.NUMERIC}))
    assert matrix.shape == (5, 2)
    full = encode(table_dataset({"x": [1.0, 2.0, 2.5, 3.0, 100.0]}, {"x": Role.NUMERIC}))
    np.testing.assert_allclose(matrix[:, 0], full[:, 0], atol=1e-6)
    np.testing.assert_allclose(matrix[:, 1], np.array([-0.2, -0.2, 0.8, -0.2, -0.2]), atol=1e-6)


def test_constant_columns_become_zero(table_dataset) -> None:
    data = table_dataset(
        {"x": [5.0] * 4, "c": ["a"] * 4, "t": ["same text"] * 4, "v": [1.0, 2.0, 3.0, 4.0]},
        {"x": Role.NUMERIC, "c": Role.CATEGORICAL, "t": Role.TEXT, "v": Role.NUMERIC},
    )
    matrix = encode(data)
    assert np.isfinite(matrix).all()
    assert (np.abs(matrix).max(0) > 0).sum() == 1


def test_columns_without_values_are_left_out_and_said_so(table_dataset) -> None:
    nothing = [None] * 3
    data = table_dataset(
        {
            "n": [np.nan] * 3,
            "c": nothing,
            "t": nothing,
            "d": pd.to_datetime(pd.Series([None] * 3)),
            "x": [1.0, 2.0, 3.0],
        },
        {
            "n": Role.NUMERIC,
            "c": Role.CATEGORICAL,
            "t": Role.TEXT,
            "d": Role.DATE,
            "x": Role.NUMERIC,
        },
    )
    found = features.extract(data)
    assert found.matrix.shape == (3, 1)
    assert found.notes == ("Columns without values are left out (4): n, c, t and 1 more.",)


def test_nothing_to_encode_is_refused(table_dataset) -> None:
    with pytest.raises(UnsuitableDataError, match=r"None of the 1 feature columns.*\(n\)"):
        encode(table_dataset({"n": [np.nan] * 3}, {"n": Role.NUMERIC}))
    with pytest.raises(UnsuitableDataError, match="no feature columns"):
        encode(table_dataset({"n": [1.0, 2.0]}, {"n": Role.ID}))


def test_infinite_and_huge_numbers(table_dataset) -> None:
    data = table_dataset({"x": [1e308, -1e308, np.inf, 0.0, 1e307]}, {"x": Role.NUMERIC})
    found = features.extract(data)
    assert np.isfinite(found.matrix).all()
    assert found.notes == ("Infinite values count as missing in: x.",)


def test_rare_categories_are_pooled_and_said_so(table_dataset) -> None:
    cells = ["often"] * 500 + ["second"] * 480 + [f"rare {i}" for i in range(20)]
    data = table_dataset({"c": cells}, {"c": Role.CATEGORICAL})
    found = features.extract(data)
    assert found.matrix.shape == (1000, 3)
    assert found.notes == ("Rare categories are pooled (columns: 1): c (20).",)
    np.testing.assert_array_equal(found.matrix[980:], np.repeat(found.matrix[980:981], 20, 0))


def test_at_most_max_categories(table_dataset) -> None:
    cells = [f"c{i % 100}" for i in range(3000)]
    matrix = encode(table_dataset({"c": cells}, {"c": Role.CATEGORICAL}), max_categories=7)
    assert matrix.shape == (3000, 7)


def test_every_category_rare(table_dataset) -> None:
    cells = [f"key {i}" for i in range(2000)]
    matrix = encode(table_dataset({"c": cells}, {"c": Role.CATEGORICAL}))
    np.testing.assert_array_equal(matrix, 0)


def test_missing_categories_and_odd_names(table_dataset) -> None:
    cells = ["é", "nan", None, "日本", "", "é", "nan", None, "日本", ""]
    name = 'näme "with" spaces\n'
    matrix = encode(table_dataset({name: cells}, {name: Role.CATEGORICAL}))
    assert len(np.unique(matrix, axis=0)) == 5  # None is no text, not even "nan" or ""


def test_columns_count_alike(table_dataset) -> None:
    """A number, and many categories, differ by about 2 between two random rows."""
    rng = np.random.default_rng(0)
    number = table_dataset({"x": rng.normal(size=2000)}, {"x": Role.NUMERIC})
    many = table_dataset(
        {"c": [str(i) for i in rng.integers(0, 50, 2000)]}, {"c": Role.CATEGORICAL}
    )
    texts = [" ".join(rng.choice(list("abcdefghij"), 5)) for _ in range(300)]
    text = table_dataset({"t": texts}, {"t": Role.TEXT})
    assert spread(encode(number)) == pytest.approx(2, abs=0.01)
    assert spread(encode(many)) == pytest.approx(2, abs=0.1)
    assert spread(encode(text)) == pytest.approx(8, abs=0.1)  # text_weight 4
    assert spread(encode(text, text_weight=1)) == pytest.approx(2, abs=0.1)


def test_dates_know_time_and_calendar(table_dataset) -> None:
    days = pd.Series(pd.date_range("2020-01-01", periods=730, freq="D"))
    matrix = encode(table_dataset({"d": days}, {"d": Role.DATE}))
    assert matrix.shape == (730, 5)  # time, year, week; no hours
    assert np.all(np.diff(matrix[:, 0]) > 0)
    year, week = matrix[:, 1:3], matrix[:, 3:5]
    assert np.linalg.norm(year[0] - year[365]) < 0.05  # 1 January and 31 December
    np.testing.assert_allclose(week[0], week[7], atol=1e-5)


def test_dates_with_gaps_hours_and_coarse_resolution(table_dataset) -> None:
    days = pd.Series(pd.to_datetime(["2020-01-01 00:00", None, "2020-01-01 12:00"])).dt.as_unit("s")
    matrix = encode(table_dataset({"d": days}, {"d": Role.DATE}))
    assert matrix.shape == (3, 4)  # time, missing, day
    assert np.isfinite(matrix).all()
    same = encode(table_dataset({"d": days.iloc[[0, 0]].tolist()}, {"d": Role.DATE}))
    np.testing.assert_array_equal(same, 0)


def test_similar_texts_are_near(table_dataset) -> None:
    texts = [
        "my card has not arrived yet",
        "my new card still has not arived",
        "exchange rate for euros",
        "what is the exchange rate of euro",
    ]
    matrix = encode(table_dataset({"t": texts}, {"t": Role.TEXT}))
    units = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    similar = units @ units.T
    assert min(similar[0, 1], similar[2, 3]) > max(similar[0, 2], similar[0, 3], similar[1, 2])


def test_texts_are_reduced_without_losing_their_angles(table_dataset) -> None:
    rng = np.random.default_rng(0)
    words = [f"word{i}" for i in range(60)]
    texts = [" ".join(rng.choice(words[20 * (i % 3) : 20 * (i % 3) + 20], 6)) for i in range(300)]
    matrix = encode(table_dataset({"t": texts}, {"t": Role.TEXT}), text_dimensions=16)
    assert matrix.shape == (300, 16)
    units = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    similar = units @ units.T
    np.fill_diagonal(similar, -1)
    np.testing.assert_array_equal(similar.argmax(1) % 3, np.arange(300) % 3)


@pytest.mark.parametrize("texts", [["", None, "  "], ["😀", "!!", "a"], ["x" * 6000, "y", "z"]])
def test_texts_with_little_in_them(table_dataset, texts: list[str | None]) -> None:
    data = table_dataset({"t": texts, "x": [1.0, 2.0, 3.0]}, {"t": Role.TEXT, "x": Role.NUMERIC})
    found = features.extract(data)
    assert np.isfinite(found.matrix).all()
    assert (
        len(texts[0] or "") < 5000
        or "t: texts are read up to 5,000 characters (1 are longer)." in found.notes
    )


def test_unrelated_texts_without_shared_terms(table_dataset) -> None:
    texts = [chr(0x4E00 + i) for i in range(250)]  # no term twice, so all are pruned
    matrix = encode(
        table_dataset({"t": texts, "x": np.arange(250.0)}, {"t": Role.TEXT, "x": Role.NUMERIC})
    )
    assert np.isfinite(matrix).all()


def test_the_same_seed_gives_the_same_text_features(table_dataset) -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefghijklmno"), 6)) for _ in range(300)]
    data = table_dataset({"t": texts}, {"t": Role.TEXT})
    np.testing.assert_array_equal(
        features.extract(data, seed=1).matrix, features.extract(data, seed=1).matrix
    )


cells = {
    Role.NUMERIC: st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    Role.CATEGORICAL: st.one_of(st.none(), st.text(max_size=3)),
    Role.TEXT: st.one_of(st.none(), st.text(max_size=30)),
}


@given(data=st.data(), rows=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_any_table_is_encoded_finitely_or_refused(table_dataset, data, rows: int) -> None:
    roles = data.draw(st.lists(st.sampled_from(list(cells)), min_size=1, max_size=4))
    columns = {
        f"{role} {i}": data.draw(st.lists(cells[role], min_size=rows, max_size=rows))
        for i, role in enumerate(roles)
    }
    typed = {
        name: np.array(cells, dtype=float if name.startswith("numeric") else object)
        for name, cells in columns.items()
    }
    table = table_dataset(typed, dict(zip(columns, roles, strict=True)))
    try:
        matrix = encode(table)
    except UnsuitableDataError:
        assert all(
            value is None or (isinstance(value, float) and not np.isfinite(value))
            for column in columns.values()
            for value in column
        )
    else:
        assert matrix.shape[0] == rows
        assert np.isfinite(matrix).all()
        assert np.abs(matrix).max(initial=0) < 100
