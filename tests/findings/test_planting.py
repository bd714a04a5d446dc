"""Planted errors: which samples, which labels, how often, and that nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from datasets_in_memory import image_dataset, picture, table_dataset
from hypothesis import given
from hypothesis import strategies as st
from planted import clusters, planted_dataset

from dvaudit import features
from dvaudit.core.dataset import Dataset, Kind, Task
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.findings import (
    Plant,
    as_vectors,
    confusion_pairs,
    plant_flips,
    plant_noise,
    takes_noise,
)
from dvaudit.findings.planting import PICTURE_NOISE

SIZES = {"a": 400, "b": 300, "c": 300}


def _data() -> Dataset:
    """Three classes; the first five samples have no label, the next five are trusted."""
    vectors, codes = clusters(SIZES)
    codes[:5] = -1
    trusted = (np.arange(len(codes)) >= 5) & (np.arange(len(codes)) < 10)
    return replace(planted_dataset(vectors, codes, tuple(SIZES)), trusted=trusted)


@given(st.floats(0.05, 0.5), st.integers(0, 1000))
def test_only_labelled_and_not_trusted_samples_are_flipped(share: float, seed: int) -> None:
    data = _data()
    planted = plant_flips(data, share, seed)
    assert not planted.mask[:10].any()
    assert planted.candidates.tolist() == [False] * 10 + [True] * (len(data) - 10)
    assert planted.data.labels is not None
    assert data.labels is not None
    changed = planted.data.labels != data.labels
    np.testing.assert_array_equal(changed, planted.mask)
    assert set(np.unique(planted.data.labels[10:])) <= {0, 1, 2}
    expected = share * (len(data) - 10)
    assert abs(planted.mask.sum() - expected) < 5 * np.sqrt(expected)
    assert planted.data.fingerprint != data.fingerprint
    assert planted.data.hashes == data.hashes
    assert planted.data.vectors is data.vectors


def test_a_seed_plants_the_same_and_another_one_others() -> None:
    one, same, other = (plant_flips(_data(), 0.2, seed) for seed in (4, 4, 5))
    assert one.data.fingerprint == same.data.fingerprint != other.data.fingerprint
    np.testing.assert_array_equal(one.data.labels, same.data.labels)
    assert (one.mask != other.mask).any()


def test_uniform_flips_reach_every_other_class_alike() -> None:
    vectors, codes = clusters({"a": 9000, "b": 10, "c": 10, "unused": 0})
    planted = plant_flips(planted_dataset(vectors, codes, ("a", "b", "c", "unused")), 0.5, 0)
    assert planted.data.labels is not None
    became = np.bincount(planted.data.labels[planted.mask & (codes == 0)], minlength=4)
    assert became[[0, 3]].tolist() == [0, 0]
    assert became[1] == pytest.approx(became[2], rel=0.1)


def test_pairs_are_followed_in_proportion_and_others_stay() -> None:
    vectors, codes = clusters({"a": 6000, "b": 4000, "c": 50})
    data = planted_dataset(vectors, codes, ("a", "b", "c"))
    pairs = {("a", "b"): 3.0, ("a", "c"): 1.0, ("b", "a"): 0.5}
    planted = plant_flips(data, 0.4, 1, pairs=pairs)
    assert planted.data.labels is not None
    counts = np.zeros((3, 3), dtype=int)
    np.add.at(counts, (codes[planted.mask], planted.data.labels[planted.mask]), 1)
    assert counts[0, 1] / counts[0, 2] == pytest.approx(3, rel=0.15)
    assert counts[1, 0] == pytest.approx(0.4 * 4000, rel=0.1)
    assert counts[0].sum() == pytest.approx(0.4 * 6000, rel=0.1)
    assert (counts[1, 2], counts[2].sum(), planted.candidates[codes == 2].sum()) == (0, 0, 0)


def test_pairs_of_an_audit_run_from_the_suggestion_to_the_given_label() -> None:
    table = pd.DataFrame(
        {"given_label": ["cat", "dog"], "suggested_label": ["dog", "cat"], "samples": [7, 2]}
    )
    assert confusion_pairs(table) == {("dog", "cat"): 7.0, ("cat", "dog"): 2.0}


@pytest.mark.parametrize(
    "pairs", [{}, {("a", "x"): 1.0}, {("a", "a"): 1.0}, {("a", "b"): 0.0}, {("a", "b"): -1.0}]
)
def test_pairs_that_are_none_are_refused(pairs: dict[tuple[str, str], float]) -> None:
    with pytest.raises(SettingsError, match="cannot be used"):
        plant_flips(_data(), 0.1, 0, pairs=pairs)


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, float("nan")])
def test_a_share_out_of_bounds_is_refused(share: float) -> None:
    for plant in (plant_flips, plant_noise):
        with pytest.raises(SettingsError, match="The share to plant is"):
            plant(_data(), share, 0)


def test_what_cannot_be_flipped_is_refused() -> None:
    vectors, codes = clusters({"a": 20})
    with pytest.raises(UnsuitableDataError, match="has 1 class;"):
        plant_flips(planted_dataset(vectors, codes, ("a",)), 0.1, 0)
    numbers = planted_dataset(vectors, codes.astype(float), task=Task.REGRESSION)
    with pytest.raises(UnsuitableDataError, match="Plant feature noise instead"):
        plant_flips(numbers, 0.1, 0)
    few = planted_dataset(vectors[:2], np.array([0, 1]), ("a", "b"))
    with pytest.raises(UnsuitableDataError, match="0 were drawn at a share"):
        plant_flips(few, 0.01, 0)


def test_noise_moves_the_planted_vectors_only_by_its_strength() -> None:
    data = _data()
    assert data.vectors is not None
    scaled = replace(data, vectors=data.vectors * np.arange(1, 17))
    planted = plant_noise(scaled, 0.5, 2, strength=3.0)
    assert planted.data.vectors is not None
    moved = planted.data.vectors - scaled.vectors
    np.testing.assert_array_equal((moved != 0).any(axis=1), planted.mask)
    assert not planted.mask[:10].any()
    spread = moved[planted.mask].std(axis=0) / scaled.vectors.std(axis=0)
    np.testing.assert_allclose(spread, 3.0, rtol=0.15)
    changed = np.array(planted.data.hashes) != np.array(data.hashes)
    np.testing.assert_array_equal(changed, planted.mask)
    np.testing.assert_array_equal(planted.data.labels, data.labels)
    assert planted.data.fingerprint != data.fingerprint


def test_noise_in_a_table_leaves_text_and_missing_cells() -> None:
    n = 40
    table = pd.DataFrame({"x": np.arange(n), "y": [None, *range(1, n)], "word": ["w"] * n})
    data = table_dataset(table, [float(at) for at in range(n)])
    roles = {**data.roles, "word": type(data.roles["x"]).TEXT}
    data = replace(data, roles=roles)
    planted = plant_noise(data, 0.5, 0)
    assert planted.data.table is not None
    after = planted.data.table
    assert after["word"].tolist() == table["word"].tolist()
    assert after["y"].isna().tolist() == [True] + [False] * (n - 1)
    np.testing.assert_array_equal(after["x"].to_numpy() != table["x"].to_numpy(), planted.mask)
    made = features.extract(planted.data).matrix
    assert np.isfinite(made).all()
    assert table["x"].tolist() == list(range(n)), "the data given is not changed"


def test_images_take_noise_in_their_feature_vectors() -> None:
    images = image_dataset([picture()] * 400)
    with pytest.raises(UnsuitableDataError, match="pets holds images; add noise to their feature"):
        plant_noise(images, 0.5, 0)
    assert takes_noise(Kind.IMAGE, images.roles)
    matrix = np.random.default_rng(1).standard_normal((400, 300)).astype(np.float32)
    data = as_vectors(images, matrix * np.arange(1, 301, dtype=np.float32))
    assert (data.kind, data.images, data.ids) == (Kind.VECTOR, None, images.ids)
    assert data.fingerprint != images.fingerprint
    planted = plant_noise(data, 0.5, 0, strength=PICTURE_NOISE)
    assert data.vectors is not None
    assert planted.data.vectors is not None
    moved = (planted.data.vectors - data.vectors) / data.vectors.std(axis=0)
    np.testing.assert_array_equal((moved != 0).any(axis=1), planted.mask)
    deviations = moved[planted.mask].std(axis=1)
    # 300 columns tell a deviation to within a seventh; about 200 samples their mean to .06.
    assert 0 < deviations.min() < 0.2
    assert 2.7 < deviations.max() < 3.5
    assert deviations.mean() == pytest.approx(1.5, abs=0.2)
    with pytest.raises(SettingsError, match="3 to 1"):
        plant_noise(data, 0.5, 0, strength=(3.0, 1.0))


def test_tables_of_words_take_no_noise() -> None:
    words = table_dataset(pd.DataFrame({"word": ["w"] * 6}), [1.0] * 6)
    words = replace(words, roles={"word": type(words.roles["word"]).TEXT})
    with pytest.raises(UnsuitableDataError, match="no numeric columns"):
        plant_noise(words, 0.5, 0)
    assert not takes_noise(Kind.TABULAR, words.roles)
    assert takes_noise(Kind.VECTOR, {})


def test_every_kind_has_a_name() -> None:
    assert [kind.value for kind in Plant] == ["uniform", "pairs", "noise"]
