"""Samples that a run of dvemb did not know, asked about from what it keeps of its end."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from torch import nn
from vectors import vector_dataset

from dvaudit.core.dataset import Dataset, Kind, Role, Task
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.core.joining import joined, take
from dvaudit.core.machine import GIB
from dvaudit.core.result import ValuationResult
from dvaudit.models.trainable import TRAINABLE, NetSize
from dvaudit.valuators import dvemb_plan
from dvaudit.valuators.dvemb import DvEmb
from dvaudit.valuators.dvemb_plan import end_fits
from dvaudit.valuators.dvemb_question import question_gradients
from dvaudit.valuators.shared import Shared
from dvaudit.valuators.trained import net_inputs

FAST = {"epochs": 2, "batch": 8, "projection": 64}


class _Files:
    def __init__(self, files: list[bytes]) -> None:
        self.files = files

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> bytes:
        return self.files[index]


def _vectors(n: int, seed: int = 0, task: Task = Task.CLASSIFICATION) -> Dataset:
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % 3
    vectors = 2 * np.eye(3, 7)[codes] + rng.standard_normal((n, 7)) * np.arange(1, 8)
    labels = codes if task is Task.CLASSIFICATION else 50 + 10 * vectors[:, 0]
    return vector_dataset(vectors, labels, task)


def _pictures(n: int, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    files = []
    for _ in range(n):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (28, 28), dtype=np.uint8)).save(file, "PNG")
        files.append(file.getvalue())
    return replace(_vectors(n, seed), kind=Kind.IMAGE, vectors=None, images=_Files(files))


def _texts(n: int, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    words = list("abcdefg") + ["hello"] * (seed == 0)
    texts = [" ".join(rng.choice(words, rng.integers(1, 6))) for _ in range(n)]
    return replace(
        _vectors(n, seed),
        kind=Kind.TABULAR,
        vectors=None,
        table=pd.DataFrame({"t": texts}),
        roles={"t": Role.TEXT},
    )


def _answers(
    result: ValuationResult, base: Dataset, asked: Dataset, net: str, extractor: str | None = None
) -> list[np.ndarray]:
    """The projected gradients of `asked` at the end of each part's run."""
    inputs = net_inputs(joined(base, asked), net, Shared(extractor), 0, "cpu", fitted_on=len(base))
    parts: list[dict[str, Any]] = result.stats.get("parts") or [dict(result.stats)]
    assert asked.labels is not None
    return [
        question_gradients(
            part["end"],
            result.arrays["end"][index],
            result.arrays["axes"][index],
            inputs[len(base) :],
            asked.labels,
            "cpu",
        )
        for index, part in enumerate(parts)
    ]


CASES: dict[str, tuple[dict[str, Any], Any, str | None]] = {
    "linear": ({"net": "linear"}, _vectors, None),
    "components": ({"net": "mlp", "components": 4}, _vectors, None),
    "all features": ({"net": "mlp", "components": None}, _vectors, None),
    "regression": (
        {"components": 4},
        lambda n, seed=0: _vectors(n, seed, Task.REGRESSION),
        None,
    ),
    "pictures": ({"net": "lenet5"}, _pictures, None),
    "features of pictures": ({"net": "linear"}, _pictures, "pixels"),
    "tokens": ({"net": "attention"}, _texts, None),
    "features of texts": ({"net": "linear"}, _texts, None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_trusted_sample_asked_again_has_the_vector_that_was_kept(case: str) -> None:
    settings, make, extractor = CASES[case]
    data, trusted = make(36), make(9, seed=1)
    result = DvEmb({**FAST, **settings}).value(data, trusted=trusted, shared=Shared(extractor))
    base = joined(data, trusted)
    (found,) = _answers(result, base, trusted, str(settings.get("net", "auto")), extractor)
    kept = result.arrays["query_embeddings"]
    assert found.dtype == np.float32
    assert np.abs(kept).max() > 1e-4
    np.testing.assert_allclose(found, kept, rtol=1e-4, atol=1e-5 * np.abs(kept).max())
    (one,) = _answers(result, base, _first(trusted), str(settings.get("net", "auto")), extractor)
    np.testing.assert_allclose(one, kept[:1], rtol=1e-4, atol=1e-5 * np.abs(kept).max())


def _first(data: Dataset) -> Dataset:
    return take(data, np.array([0]))


@pytest.mark.parametrize("n", [40, 31])
def test_halves_are_each_asked_in_their_own_run(n: int) -> None:
    """Halves of 31 differ in their components, and so in the lengths of what is kept."""
    rng = np.random.default_rng(0)
    codes = np.arange(n) % 2
    data = vector_dataset(rng.standard_normal((n, 60)) + codes[:, None], codes)
    result = DvEmb({**FAST, "components": 30}).value(data)
    found = _answers(result, data, data, "auto")
    rows, parts = result.arrays["query_rows"], result.arrays["query_part"]
    widest = result.arrays["query_embeddings"].shape[1]
    assert len(found) == 2
    for part in (0, 1):
        padded = np.pad(found[part], [(0, 0), (0, widest - found[part].shape[1])])
        kept = result.arrays["query_embeddings"][parts == part]
        np.testing.assert_allclose(
            padded[rows[parts == part]], kept, rtol=1e-4, atol=1e-5 * np.abs(kept).max()
        )


def test_frozen_statistics_are_kept_with_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A net made again may have other ones: torchvision's are taken from samples of the data."""
    statistics = iter((0.5, -3.0))

    def normalised(size: NetSize) -> nn.Module:
        layers = nn.Sequential(nn.BatchNorm1d(size.shape[0]), nn.Linear(size.shape[0], 3)).eval()
        nn.init.constant_(layers[0].running_mean, next(statistics))
        return layers

    monkeypatch.setitem(TRAINABLE, "linear", normalised)
    data, trusted = _vectors(36), _vectors(9, seed=1)
    result = DvEmb({**FAST, "net": "linear"}).value(data, trusted=trusted)
    (found,) = _answers(result, joined(data, trusted), trusted, "linear")
    kept = result.arrays["query_embeddings"]
    np.testing.assert_allclose(found, kept, rtol=1e-4, atol=1e-5 * np.abs(kept).max())


def test_equal_targets_are_stored_as_json_holds_them() -> None:
    data, trusted = (_vectors(n, seed, Task.REGRESSION) for n, seed in ((36, 0), (9, 1)))
    data = replace(data, labels=np.full(36, 4.0))
    result = DvEmb({**FAST, "net": "linear"}).value(data, trusted=trusted)
    assert result.stats["end"]["target"] == [4.0, None]
    (found,) = _answers(result, joined(data, trusted), trusted, "linear")
    np.testing.assert_allclose(found, result.arrays["query_embeddings"], rtol=1e-4, atol=1e-6)


def test_an_unknown_word_is_a_rare_one() -> None:
    data, trusted = _texts(36), _texts(9, seed=1)
    result = DvEmb({**FAST, "net": "attention"}).value(data, trusted=trusted)
    facts, end, axes = result.stats["end"], result.arrays["end"][0], result.arrays["axes"][0]
    width = facts["shape"][0]
    asked = np.full((2, width), 1), np.full((2, width), facts["words"] + 5)
    rare, beyond = (
        question_gradients(facts, end, axes, codes, np.array([0, 1]), "cpu") for codes in asked
    )
    np.testing.assert_array_equal(rare, beyond)


def test_an_end_past_its_bound_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    data, trusted = _vectors(36), _vectors(9, seed=1)
    monkeypatch.setattr(dvemb_plan, "end_fits", lambda *_: False)
    result = DvEmb({**FAST, "net": "linear"}).value(data, trusted=trusted)
    assert result.stats["end"] is None
    assert "choose a smaller net" in result.stats["end_left_out"]
    assert result.stats["end_left_out"] in result.status
    assert {"end", "axes"}.isdisjoint(result.arrays)
    assert "query_embeddings" in result.arrays


def test_the_bound_of_the_end() -> None:
    assert end_fits(25_000_000, 24 * GIB)
    assert not end_fits(25_000_000, 300 << 20)
    assert not end_fits(300_000_000, 100 * GIB)


def test_features_of_another_shape_are_refused() -> None:
    data, trusted = _vectors(36), _vectors(9, seed=1)
    for settings in ({"components": 4}, {"components": None}):
        result = DvEmb({**FAST, **settings}).value(data, trusted=trusted)
        with pytest.raises(UnsuitableDataError, match="Run the audit again"):
            question_gradients(
                result.stats["end"],
                result.arrays["end"][0],
                result.arrays["axes"][0],
                np.zeros((1, 6), np.float32),
                np.array([0]),
                "cpu",
            )
