"""What was learned from samples describes others as if they had been described together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from described import SMALL, TOTAL, small_network, varied
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit import features
from dvaudit.core.dataset import Dataset, Role
from dvaudit.core.errors import SettingsError
from dvaudit.core.joining import take
from dvaudit.features import _backbone, _patches
from dvaudit.features.cache import FACTS, FeatureCache
from dvaudit.features.extraction import learned_kinds
from dvaudit.features.fitted import Fitted
from dvaudit.features.tabular import FittedTabular
from dvaudit.features.tokens import tokens
from dvaudit.valuators import Shared

# Sums over a few rows are taken in another order than over many: rounding of float32, which a
# column that hardly varies among the samples magnifies.
NEAR = {"rtol": 1e-4, "atol": 1e-4}


def _stored(folder: Path, key: str) -> Fitted:
    found, problem = FeatureCache(folder).fitted(key, learned_kinds())
    assert not problem
    assert found is not None
    return found


def _again(learned: Fitted, folder: Path) -> Fitted:
    """Return what was learned, written and read."""
    FeatureCache(folder).save_fitted("key", learned)
    return _stored(folder, "key")


@pytest.mark.parametrize("name", features.names())
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), first=st.integers(3, TOTAL - 1))
def test_others_are_described_as_beside_those_that_were_learned_from(
    name: str, seed: int, first: int, image_dataset, table_dataset, texture, tmp_path_factory
) -> None:
    extractor = features.get(name)
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_backbone, "load_network", small_network)
        for kind in extractor.kinds:
            data = varied(kind, seed, image_dataset, table_dataset, texture)
            known, others = take(data, np.arange(first)), take(data, np.arange(first, TOTAL))
            chosen = SMALL.get(name, {})
            both = extractor.extract(data, settings=chosen, seed=2, fitted_on=first)
            alone = extractor.extract(known, settings=chosen, seed=2)
            assert alone.fitted is not None
            found, _ = _again(alone.fitted, folder).describe(others)
            np.testing.assert_allclose(found, both.matrix[first:], **NEAR)
            assert found.dtype == both.matrix.dtype
            again, _ = alone.fitted.describe(known)
            np.testing.assert_allclose(again, alone.matrix, **NEAR)


@pytest.mark.parametrize("few", [2, _patches.FEW + 2])
def test_many_pictures_are_described_like_few(
    few: int, image_dataset, texture, monkeypatch
) -> None:
    data = image_dataset(texture(10, 12, 12, 3))
    made = features.extract(data, settings=SMALL["patches"], fitted=True)
    monkeypatch.setattr(_patches, "FEW", few)
    assert made.fitted is not None
    np.testing.assert_allclose(made.fitted.describe(data)[0], made.matrix, **NEAR)


@pytest.mark.parametrize("dimensions", [4, 60, 4096])
def test_texts_are_described_alike_by_few_or_many_directions(
    table_dataset, tmp_path: Path, dimensions: int
) -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(44)]
    data = table_dataset({"t": [*texts, "unheard", "", None]}, {"t": Role.TEXT})
    chosen = {"text_dimensions": dimensions}
    both = features.extract(data, settings=chosen, fitted_on=40).matrix
    known = take(data, np.arange(40))
    learned = features.extract(known, settings=chosen, fitted=True).fitted
    assert learned is not None
    found, _ = _again(learned, tmp_path).describe(take(data, np.arange(40, 47)))
    np.testing.assert_allclose(found, both[40:], **NEAR)


def test_notes_are_on_the_samples_that_are_described(table_dataset) -> None:
    roles = {"x": Role.NUMERIC, "c": Role.CATEGORICAL, "t": Role.TEXT}
    known = table_dataset(
        {"x": [1.0, np.inf, 2.0], "c": ["a", "b", "a"], "t": ["one", "two", "x" * 6000]}, roles
    )
    learned = features.extract(known, fitted=True).fitted
    assert learned is not None
    plain = table_dataset({"x": [3.0], "c": ["b"], "t": ["two"]}, roles)
    assert learned.describe(plain)[1] == []
    odd = table_dataset({"x": [-np.inf], "c": ["z"], "t": ["y" * 7000]}, roles)
    notes = learned.describe(odd)[1]
    assert notes[0] == "Infinite values count as missing in: x."
    assert notes[1].startswith("Unknown categories")
    assert notes[1].endswith("c (1).")
    assert notes[2] == "t: texts are read up to 5,000 characters (1 are longer)."


def test_columns_may_come_in_another_order(table_dataset) -> None:
    roles = {"x": Role.NUMERIC, "c": Role.CATEGORICAL, "s": Role.TEXT, "t": Role.TEXT}
    columns = {"x": [1.0, 2.0], "c": ["a", "b"], "s": ["p q", "r"], "t": ["u", "v w"]}
    data = table_dataset(columns, roles)
    turned = table_dataset(dict(reversed(columns.items())), dict(reversed(roles.items())))
    made = features.extract(data, fitted=True)
    assert made.fitted is not None
    np.testing.assert_allclose(made.fitted.describe(turned)[0], made.matrix, **NEAR)
    learned = Shared().fitted_tokens(data)
    np.testing.assert_array_equal(learned.describe(turned)[0], tokens(data))


def test_words_of_nets_are_those_that_were_learned(table_dataset, tmp_path: Path) -> None:
    roles = {"s": Role.TEXT, "t": Role.TEXT}
    texts = {"s": ["a b", "b c a", "b d e f a"], "t": ["", "c", "a a a a g"]}
    data = table_dataset(texts, roles)
    learned = Shared().fitted_tokens(take(data, np.arange(2)))
    found, _ = _again(learned, tmp_path).describe(take(data, np.arange(2, 3)))
    np.testing.assert_array_equal(found, tokens(data, fitted_on=2)[2:])


def test_pictures_of_nets_keep_their_shape(image_dataset, texture, tmp_path: Path) -> None:
    data = image_dataset([*texture(3, 12, 14, 1), *texture(2, 20, 12, 3, 1)])
    shared = Shared(cache=tmp_path)
    both = shared.pictures(data, lambda *_: None, fitted_on=3)
    known = take(data, np.arange(3))
    shared.pictures(known, lambda *_: None)
    learned = _stored(tmp_path, shared.kept_as(known))
    found, notes = learned.describe(take(data, np.arange(3, 5)))
    np.testing.assert_array_equal(found, both[3:])
    assert notes[0] == "2 of 2 images were resized to 14 x 12 pixels."


def test_other_weights_are_refused(image_dataset, texture, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(_backbone, "load_network", small_network)
    path = tmp_path / "net.pt"
    path.write_bytes(b"one")
    data = image_dataset(texture(3, 12, 12, 1))
    made = features.extract(data, "backbone", settings={"weights_file": str(path)}, fitted=True)
    assert made.fitted is not None
    np.testing.assert_allclose(made.fitted.describe(data)[0], made.matrix, **NEAR)
    path.write_bytes(b"two")
    with pytest.raises(SettingsError, match="not those that the features were made with"):
        made.fitted.describe(data)


# The cache


@pytest.fixture
def table(table_dataset) -> Dataset:
    roles = {"x": Role.NUMERIC, "c": Role.CATEGORICAL, "t": Role.TEXT}
    columns = {"x": [1.0, 2.0, 4.0], "c": ["a", "b", "a"], "t": ["one two", "two", "three"]}
    return table_dataset(columns, roles)


def _files(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[2] for path in folder.iterdir())


def test_vectors_kept_without_what_was_learned_are_made_again_only_when_asked(
    table: Dataset, tmp_path: Path
) -> None:
    first = features.extract(table, cache=tmp_path)
    assert _files(tmp_path) == ["fitted.npz", "json", "npy"]
    assert first.fitted is None
    (tmp_path / f"{first.key}.fitted.npz").unlink()
    assert features.extract(table, cache=tmp_path).from_cache
    assert _files(tmp_path) == ["json", "npy"]
    made = features.extract(table, cache=tmp_path, fitted=True)
    assert (made.from_cache, made.key) == (False, first.key)
    assert made.fitted is not None
    np.testing.assert_array_equal(made.matrix, first.matrix)
    kept = features.extract(table, cache=tmp_path, fitted=True)
    assert kept.from_cache
    assert kept.fitted is not None


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "name", "version", "library"])
def test_what_cannot_be_read_is_learned_again(table: Dataset, tmp_path: Path, damage: str) -> None:
    key = features.extract(table, cache=tmp_path).key
    path = tmp_path / f"{key}.fitted.npz"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[content.index(b"sklearn")] ^= 0xFF
        path.write_bytes(content)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        with np.load(path) as file:
            arrays = dict(file)
        told = json.loads(arrays.pop(FACTS).tobytes())
        if damage == "library":
            told["scikit-learn"] = "0.1"
        else:
            told[damage] = {"name": "gone", "version": 99}[damage]
        text = np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)
        np.savez(path, **{FACTS: text}, **arrays)
    found, problem = FeatureCache(tmp_path).fitted(key, learned_kinds())
    assert found is None
    assert "could not be read" in problem
    again = features.extract(table, cache=tmp_path, fitted=True)
    assert again.fitted is not None
    np.testing.assert_allclose(_stored(tmp_path, key).describe(table)[0], again.matrix, **NEAR)


def test_another_content_of_the_pickle_is_refused(table: Dataset) -> None:
    made = features.extract(table, fitted=True)
    assert made.fitted is not None
    kept = made.fitted.kept()
    pickled = kept.arrays["pickled"].copy()
    pickled[-5] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        FittedTabular.restored(replace(kept, arrays={**kept.arrays, "pickled": pickled}))


def test_some_rows_are_read_without_the_others(table: Dataset, tmp_path: Path) -> None:
    made = features.extract(table, cache=tmp_path)
    rows = np.array([2, 0])
    found = FeatureCache(tmp_path).rows(made.key, rows)
    np.testing.assert_array_equal(found, made.matrix[rows])
    assert FeatureCache(tmp_path).rows("absent", rows) is None
    assert FeatureCache(tmp_path).rows(made.key, np.array([3])) is None
