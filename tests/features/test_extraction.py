"""Choosing, caching and promises that hold for every extractor."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dvaudit import features
from dvaudit.core.dataset import Dataset, Kind, Origin, Role, Task
from dvaudit.core.errors import SettingsError, UnsuitableDataError
from dvaudit.core.progress import Cancelled
from dvaudit.core.settings import specs
from dvaudit.features import standardise
from dvaudit.features.base import Extractor

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"patches": {"patches": "8"}, "tabular": {}, "pixels": {}, "vectors": {}}


def vector_data(vectors: np.ndarray) -> Dataset:
    n = len(vectors)
    return Dataset(
        name="vectors",
        ids=tuple(f"row {i}" for i in range(n)),
        kind=Kind.VECTOR,
        task=Task.UNSUPERVISED,
        labels=None,
        class_names=(),
        hashes=tuple(f"{i}" for i in range(n)),
        fingerprint="",
        origin=Origin("", "arrays"),
        vectors=vectors,
    )


@pytest.fixture(scope="module")
def datasets(image_dataset, table_dataset, texture) -> dict[Kind, Dataset]:
    roles = {"x": Role.NUMERIC, "c": Role.CATEGORICAL, "t": Role.TEXT}
    columns = {"x": [1.0, 2.0, 4.0], "c": ["a", "b", "a"], "t": ["one two", "two", "three"]}
    return {
        Kind.IMAGE: image_dataset(texture(5, 12, 12, 3)),
        Kind.TABULAR: table_dataset(columns, roles),
        Kind.VECTOR: vector_data(np.arange(6.0).reshape(3, 2)),
    }


def test_importing_loads_no_heavy_library() -> None:
    code = (
        "import sys, dvaudit.features as f; from dvaudit.core.settings import specs;"
        "[specs(e.Settings) for e in f.extractors().values()];"
        "print([n for n in ('torch', 'sklearn', 'torchvision', 'scipy') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("extractor", features.extractors().values(), ids=features.names())
def test_every_extractor_describes_itself(extractor: Extractor) -> None:
    assert features.get(extractor.name) is extractor
    assert extractor.title
    assert extractor.summary.endswith(".")
    assert extractor.kinds
    assert all(spec.help.endswith(".") for spec in specs(extractor.Settings))


def test_names_and_taken_names() -> None:
    assert features.names() == ("tabular", "patches", "pixels", "backbone", "vectors")
    with pytest.raises(ValueError, match="'vectors' is already registered"):
        features.register(features.Vectors())


@pytest.mark.parametrize("kind", Kind)
def test_automatic(datasets, kind: Kind) -> None:
    name = features.automatic(datasets[kind])
    assert name == features.automatic_for(kind)
    assert kind in features.get(name).kinds
    found = features.extract(datasets[kind], settings=SMALL[name])
    assert found.extractor == name
    assert len(found.matrix) == len(datasets[kind])
    assert json.loads(json.dumps(found.settings)) == found.settings


@pytest.mark.parametrize("name", SMALL)
def test_labels_and_order_do_not_matter_to_a_sample(datasets, name: str) -> None:
    (kind,) = features.get(name).kinds
    data = datasets[kind]
    unlabelled = replace(data, labels=None, task=Task.UNSUPERVISED, class_names=())
    first = features.extract(data, name, settings=SMALL[name], seed=1)
    second = features.extract(unlabelled, name, settings=SMALL[name], seed=1)
    np.testing.assert_array_equal(first.matrix, second.matrix)


@pytest.mark.parametrize("name", SMALL)
def test_progress_ends_at_one_and_may_cancel(datasets, name: str) -> None:
    (kind,) = features.get(name).kinds
    reports: list[float] = []
    features.extract(
        datasets[kind],
        name,
        settings=SMALL[name],
        progress=lambda fraction, stage: reports.append(fraction),
    )
    assert reports == sorted(reports)
    assert reports[-1] == 1

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        features.extract(datasets[kind], name, settings=SMALL[name], progress=stop)


def test_vectors_are_taken_as_they_are() -> None:
    given = np.array([[1e3, 0.1], [2e3, 0.2]])
    found = features.extract(vector_data(given))
    assert found.matrix.dtype == np.float64
    np.testing.assert_array_equal(found.matrix, given)


def test_vectors_that_are_not_finite_are_named() -> None:
    with pytest.raises(UnsuitableDataError, match=r"2 of 3 .* row 0, row 2\."):
        features.extract(vector_data(np.array([[np.nan], [1.0], [np.inf]])))


def test_vectors_without_columns_and_data_without_samples() -> None:
    with pytest.raises(UnsuitableDataError, match="no vectors"):
        features.extract(vector_data(np.empty((3, 0))))
    with pytest.raises(UnsuitableDataError, match="no samples"):
        features.extract(vector_data(np.empty((0, 2))))


# The cache


@pytest.fixture
def pictures_data(datasets) -> Dataset:
    return datasets[Kind.IMAGE]


def cached(data: Dataset, folder: Path, **more: object) -> features.Features:
    given = {"patches": 8, **more}
    seed = given.pop("seed", 0)
    return features.extract(data, settings=given, seed=seed, cache=folder)


def test_a_second_run_comes_from_the_cache(pictures_data, tmp_path: Path) -> None:
    first = cached(pictures_data, tmp_path / "new")
    reads = pictures_data.images.reads
    second = cached(pictures_data, tmp_path / "new")
    assert pictures_data.images.reads == reads
    assert (first.from_cache, second.from_cache) == (False, True)
    assert second.key == first.key
    assert isinstance(second.matrix, np.memmap)
    np.testing.assert_array_equal(first.matrix, second.matrix)
    assert (second.settings, second.notes) == (first.settings, first.notes)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        f"{first.key}.fitted.npz",
        f"{first.key}.json",
        f"{first.key}.npy",
    ]


def test_the_key_depends_on_content_settings_and_seed(pictures_data, tmp_path: Path) -> None:
    base = cached(pictures_data, tmp_path).key
    changed = replace(pictures_data, hashes=("0", *pictures_data.hashes[1:]))
    reordered = replace(pictures_data, hashes=pictures_data.hashes[::-1])
    relabelled = replace(pictures_data, labels=1 - pictures_data.labels, name="other")
    keys = {
        cached(pictures_data, tmp_path, seed=1).key,
        cached(pictures_data, tmp_path, grid=2).key,
        cached(changed, tmp_path).key,
        cached(reordered, tmp_path).key,
        features.extract(pictures_data, "pixels", cache=tmp_path).key,
    }
    assert len(keys | {base}) == 6
    assert cached(relabelled, tmp_path).key == base
    assert cached(pictures_data, tmp_path, threshold="1.2").key == base  # the default, as text


def test_the_key_depends_on_roles(table_dataset, tmp_path: Path) -> None:
    keys = {
        features.extract(table_dataset({"x": ["1", "2", "1"]}, {"x": role}), cache=tmp_path).key
        for role in (Role.CATEGORICAL, Role.TEXT)
    }
    assert len(keys) == 2


@pytest.mark.parametrize("damage", ["cut", "flip", "json", "no matrix", "schema", "shape"])
def test_a_damaged_entry_is_made_again_and_noted(
    pictures_data, tmp_path: Path, damage: str
) -> None:
    first = cached(pictures_data, tmp_path)
    expected = np.array(first.matrix)
    matrix, about = tmp_path / f"{first.key}.npy", tmp_path / f"{first.key}.json"
    content = bytearray(matrix.read_bytes())
    described = json.loads(about.read_text())
    if damage == "cut":
        matrix.write_bytes(content[:-7])
    elif damage == "flip":
        content[-3] ^= 0xFF
        matrix.write_bytes(content)
    elif damage == "json":
        about.write_text("{")
    elif damage == "no matrix":
        matrix.unlink()
    elif damage == "schema":
        about.write_text(json.dumps({**described, "schema_version": 99}))
    else:
        np.save(matrix, expected[:-1])
    again = cached(pictures_data, tmp_path)
    assert not again.from_cache
    assert "could not be used and were made again" in again.notes[-1]
    np.testing.assert_array_equal(again.matrix, expected)
    third = cached(pictures_data, tmp_path)
    assert third.from_cache
    assert third.notes == first.notes


def test_writing_to_a_cached_matrix_does_not_change_the_cache(pictures_data, tmp_path) -> None:
    cached(pictures_data, tmp_path)
    cached(pictures_data, tmp_path).matrix[:] = 7
    assert not np.any(cached(pictures_data, tmp_path).matrix == 7)


def test_settings_are_checked_before_the_cache_is_read(pictures_data, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        cached(pictures_data, tmp_path, grid=99)


# Standardising


def test_standardise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standardise, "BLOCK_BYTES", 4000 * 5 * 8)  # 9000 rows are three blocks
    rng = np.random.default_rng(0)
    values = (rng.normal(size=(9000, 5)) * [1, 2, 3, 0, 1e-9] + [5, -1, 1e3, 4, 0]).astype("f4")
    exact = values.astype(float)
    standardise.standardise_(values)
    expected = (exact[:, :3] - exact[:, :3].mean(0)) / exact[:, :3].std(0)
    np.testing.assert_allclose(values[:, :3], expected, atol=1e-4)
    np.testing.assert_array_equal(values[:, 3], 0)
    assert np.abs(values[:, 4]).max() < 1e-6  # hardly varying: not blown up


def test_standardise_of_equal_rows_and_of_one_row() -> None:
    for rows in (1, 4):
        values = np.full((rows, 3), 0.1, np.float32)
        standardise.standardise_(values)
        np.testing.assert_array_equal(values, 0)
