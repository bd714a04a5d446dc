"""Loading npz files and (X, y) from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dvaudit.core.dataset import Kind, Task
from dvaudit.core.errors import SettingsError, UnreadableInputError
from dvaudit.core.pictures import open_image
from dvaudit.readers import load, preview


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((6, 3))


def test_a_pair_is_taken_as_it_is(x: np.ndarray) -> None:
    data = load((x, ["b", "a", "b", None, "a", "b"]))
    assert (data.kind, data.task) == (Kind.VECTOR, Task.CLASSIFICATION)
    np.testing.assert_array_equal(data.vectors, x)
    assert data.vectors.dtype == np.float64
    assert list(data.labels) == [1, 0, 1, -1, 0, 1]
    assert data.ids == ("0", "1", "2", "3", "4", "5")


def test_the_vectors_are_a_copy(x: np.ndarray) -> None:
    data = load((x, None))
    x[:] = 0
    assert data.vectors.any()
    assert data.task is Task.UNSUPERVISED


def test_equal_rows_have_equal_hashes(x: np.ndarray) -> None:
    x[4] = x[1]
    hashes = load((x, None)).hashes
    assert hashes[4] == hashes[1]
    assert len(set(hashes)) == 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_rows(x: np.ndarray, bad: float) -> None:
    x[[1, 4], 2] = bad
    with pytest.raises(UnreadableInputError, match="in 2 of 6 rows: 1, 4"):
        load((x, None))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((3, 2)), [1, 2], "x has 3 rows and y has 2"),
        (np.ones(3), [1, 2, 3], r"shape \(n, d\)"),
        (np.ones((0, 2)), [], r"shape \(n, d\)"),
        (np.ones((3, 2)), np.ones((3, 2)), "one label a row"),
        (np.array([["a", "b"]]), [1], "must be numbers"),
        ([[1, 2], [3]], [1, 2], "x is not an array"),
        (np.ones((3, 2)), [np.nan] * 3, None),
    ],
)
def test_shapes_and_types(x: object, y: object, message: str | None) -> None:
    if message is None:
        assert load((x, y)).task is Task.UNSUPERVISED
        return
    with pytest.raises(UnreadableInputError, match=message):
        load((x, y))


def test_numeric_frames_are_vectors_and_others_are_tables(x: np.ndarray) -> None:
    frame = pd.DataFrame(x, columns=list("abc"))
    y = pd.Series([0, 1, 0, 1, 0, 1], index=range(10, 16))
    assert load((frame, y)).kind is Kind.VECTOR
    data = load((frame.assign(colour=["r", "g"] * 3), y))
    assert data.kind is Kind.TABULAR
    assert list(data.labels) == [0, 1, 0, 1, 0, 1]


def test_column_roles_of_arrays_are_refused(x: np.ndarray) -> None:
    with pytest.raises(SettingsError, match="no named columns"):
        load((x, None), label="y")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, x: np.ndarray, save: object) -> None:
    path = tmp_path / "vectors.npz"
    save(path, X=x.astype(np.float32), y=np.array([3, 1, 3, 1, 3, 20]), extra=np.ones(2))
    data = load(path)
    assert data.kind is Kind.VECTOR
    assert data.class_names == ("1", "3", "20")
    np.testing.assert_array_equal(data.vectors, x.astype(np.float32))
    seen = preview(path)
    assert (seen.rows, seen.classes) == (6, {"1": 2, "3": 3, "20": 1})


def test_npz_with_ids_groups_and_regression(tmp_path: Path, x: np.ndarray) -> None:
    path = tmp_path / "v.npz"
    np.savez(path, x=x, y=x[:, 0], ids=list("abcdef"), groups=["p", "q"] * 3)
    data = load(path)
    assert data.task is Task.REGRESSION
    assert data.ids == tuple("abcdef")
    assert list(data.groups) == ["p", "q"] * 3


@pytest.mark.parametrize("shape", [(5, 8, 6), (5, 8, 6, 3), (5, 3, 8, 6), (5, 8, 6, 1)])
def test_stacks_of_bytes_are_images(tmp_path: Path, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.savez(tmp_path / "i.npz", x=x, y=np.arange(5) % 2)
    data = load(tmp_path / "i.npz")
    assert data.kind is Kind.IMAGE
    shown = np.asarray(open_image(data.images.read(2)))
    expected = np.moveaxis(x[2], 0, 2) if shape == (5, 3, 8, 6) else x[2].squeeze()
    np.testing.assert_array_equal(shown, expected)


def test_deeper_arrays_of_other_types_are_flattened_and_noted() -> None:
    data = load((np.ones((4, 2, 3)), [0, 1, 0, 1]))
    assert data.vectors.shape == (4, 6)
    assert any("6 numbers a row" in note for note in data.notes)


def test_pickles_are_never_loaded(tmp_path: Path, x: np.ndarray) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "loaded",))  # type: ignore[return-value]

    np.savez(tmp_path / "v.npz", x=x, y=np.array([Evil()] * 6, dtype=object))
    with pytest.raises(UnreadableInputError, match="never loaded"):
        load(tmp_path / "v.npz")
    assert not (tmp_path / "loaded").exists()


def test_npz_without_x_says_what_it_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", features=np.ones((2, 3)))
    with pytest.raises(UnreadableInputError, match=r"no array x; it has: features \(2, 3\)"):
        load(tmp_path / "v.npz")
