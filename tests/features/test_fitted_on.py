"""Features in the coordinates of the first samples, whatever is described beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from described import SMALL, TOTAL, small_network, varied
from hypothesis import given, settings
from hypothesis import strategies as st

from dvaudit import features
from dvaudit.core.dataset import Role
from dvaudit.core.errors import SettingsError
from dvaudit.core.joining import take
from dvaudit.features import _backbone
from dvaudit.features.tokens import tokens


@pytest.mark.parametrize("name", features.names())
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), first=st.integers(3, TOTAL))
def test_the_first_samples_are_described_as_they_are_alone(
    name: str, seed: int, first: int, image_dataset, table_dataset, texture
) -> None:
    extractor = features.get(name)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_backbone, "load_network", small_network)
        for kind in extractor.kinds:
            data = varied(kind, seed, image_dataset, table_dataset, texture)
            alone = take(data, np.arange(first))
            given_settings = SMALL.get(name, {})
            expected = extractor.extract(alone, settings=given_settings, seed=2).matrix
            found = extractor.extract(data, settings=given_settings, seed=2, fitted_on=first)
            assert len(found.matrix) == TOTAL
            np.testing.assert_allclose(found.matrix[:first], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["tabular", "patches"])
def test_a_copy_of_a_sample_gets_its_features(name: str, image_dataset, table_dataset, texture):
    (kind,) = features.get(name).kinds
    data = varied(kind, 5, image_dataset, table_dataset, texture)
    twice = take(data, np.array([0, 1, 2, 3, 4, 3, 0]))
    found = features.extract(twice, name, settings=SMALL.get(name), fitted_on=5).matrix
    np.testing.assert_allclose(found[5:], found[[3, 0]], rtol=1e-6, atol=1e-6)


def test_of_many_texts_a_copy_keeps_its_leading_directions(table_dataset) -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(40)]
    data = table_dataset({"t": [*texts, texts[7], "unheard"]}, {"t": Role.TEXT})
    found = features.extract(data, settings={"text_dimensions": 4}, fitted_on=40).matrix
    alone = features.extract(take(data, np.arange(40)), settings={"text_dimensions": 4}).matrix
    np.testing.assert_allclose(found[:40], alone, atol=1e-6)
    np.testing.assert_allclose(found[40], alone[7], atol=1e-6)
    assert np.isfinite(found[41]).all()


@pytest.mark.parametrize(("rows", "rare"), [(40, False), (1200, True)])
def test_an_unknown_category_counts_as_a_rare_one_and_is_said(
    table_dataset, rows: int, rare: bool
) -> None:
    values = ["a" if i % 2 else "b" for i in range(rows)]
    values[3] = "seldom" if rare else "a"
    data = table_dataset({"c": [*values, "unheard of"]}, {"c": Role.CATEGORICAL})
    found = features.extract(data, fitted_on=rows)
    alone = features.extract(take(data, np.arange(rows)))
    mean_of_none = -np.mean([[value == name for name in ("a", "b")] for value in values], axis=0)
    last = found.matrix[-1]
    if rare:
        np.testing.assert_allclose(last, alone.matrix[3], atol=1e-6)
    else:
        np.testing.assert_allclose(last, mean_of_none, atol=1e-6)
    assert "c (1)" in found.notes[-1]
    assert found.notes[-1].startswith("Unknown categories")
    assert not any(note.startswith("Unknown") for note in alone.notes)


def test_words_are_those_of_the_first_samples(table_dataset) -> None:
    data = table_dataset({"t": ["a b", "b c", "b d e f a"]}, {"t": Role.TEXT})
    alone = tokens(take(data, np.arange(2)))
    found = tokens(data, fitted_on=2)
    assert found[:2].tolist() == alone.tolist()
    assert found[2].tolist() == [alone[0, 1], 1]  # as many as the longest of the first


def test_the_cache_tells_them_apart(image_dataset, texture, tmp_path: Path) -> None:
    data = image_dataset(texture(6, 12, 12, 1))
    keys = {
        fitted: features.extract(
            data, settings=SMALL["patches"], cache=tmp_path, fitted_on=fitted
        ).key
        for fitted in (None, 6, 5, 4)
    }
    assert keys[None] == keys[6]
    assert len(set(keys.values())) == 3


@pytest.mark.parametrize("fitted", [0, 7, -1])
def test_a_number_of_samples_that_cannot_be_is_refused(
    fitted: int, image_dataset, texture, tmp_path: Path
) -> None:
    data = image_dataset(texture(6, 12, 12, 1))
    for cache in (None, tmp_path):
        with pytest.raises(SettingsError, match="give 1 to 6"):
            features.extract(data, "pixels", cache=cache, fitted_on=fitted)
