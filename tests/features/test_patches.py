"""The patches extractor against an obviously correct, slow twin; and its promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dvaudit import features
from dvaudit.core.errors import UnsuitableDataError
from dvaudit.features import _patches
from dvaudit.features._filters import FilterBank
from dvaudit.features._patches import fit_bank
from dvaudit.features._responses import PooledResponses
from dvaudit.features.patches import PatchesSettings
from dvaudit.features.pictures import Shape, pictures


def slow_pooled(
    pixels: NDArray[np.uint8], whitening: NDArray, filters: NDArray, bank: FilterBank, grid: int
) -> NDArray[np.float64]:
    """Normalise, whiten and compare every patch on its own, then average by cell; float64.

    pixels (n, h, w, c), whitening (m, m), filters (m, k) of unit length in whitened space;
    returns (n, 2 * grid^2 * k).
    """
    n, height, width, _ = pixels.shape
    size = bank.patch
    rows, columns = height - size + 1, width - size + 1
    out = np.zeros((n, 2, grid, grid, filters.shape[1]))
    for i in range(n):
        responses = np.zeros((rows, columns, filters.shape[1]))
        for y in range(rows):
            for x in range(columns):
                patch = pixels[i, y : y + size, x : x + size].astype(float).ravel() / 255
                patch = (patch - patch.mean()) / np.sqrt(patch.var() + bank.contrast)
                responses[y, x] = (patch @ whitening) @ filters
        for a in range(grid):
            for b in range(grid):
                cell = responses[
                    a * rows // grid : -(-(a + 1) * rows // grid),
                    b * columns // grid : -(-(b + 1) * columns // grid),
                ]
                out[i, 0, a, b] = np.maximum(cell - bank.threshold, 0).mean((0, 1))
                out[i, 1, a, b] = np.maximum(-cell - bank.threshold, 0).mean((0, 1))
    return out.reshape(n, -1)


def bank_of(
    m: int, k: int, patch: int, threshold: float, seed: int
) -> tuple[FilterBank, NDArray, NDArray]:
    """A bank with known whitening (m, m) and filters (m, k); whitened filters sum to zero."""
    rng = np.random.default_rng(seed)
    centring = np.eye(m) - 1 / m
    root = rng.normal(size=(m, m)) / np.sqrt(m)
    whitening = centring @ (root @ root.T + 0.1 * np.eye(m)) @ centring
    filters = rng.normal(size=(m, k))
    filters /= np.linalg.norm(filters, axis=0)
    weights = torch.from_numpy((whitening @ filters).astype(np.float32))
    return FilterBank(weights, patch, threshold, 0.001), whitening, filters


@given(
    height=st.integers(6, 14),
    width=st.integers(6, 14),
    channels=st.sampled_from([1, 3]),
    patch=st.integers(2, 5),
    grid=st.integers(1, 3),
    threshold=st.sampled_from([0.0, 0.3, 1.0]),
    batch=st.sampled_from([None, 1, 2]),
    fused=st.booleans(),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=25, deadline=None)
def test_fast_agrees_with_the_slow_twin(
    height: int,
    width: int,
    channels: int,
    patch: int,
    grid: int,
    threshold: float,
    batch: int | None,
    fused: bool,
    seed: int,
) -> None:
    grid = min(grid, height - patch + 1, width - patch + 1)
    pixels = np.random.default_rng(seed).integers(0, 256, (3, height, width, channels), np.uint8)
    pixels[2] = 77  # a flat picture
    bank, whitening, filters = bank_of(patch * patch * channels, 4, patch, threshold, seed)
    pooled = PooledResponses(bank, Shape(height, width, channels), grid, "cpu", batch, fused)
    fast = np.empty((3, pooled.width), np.float32)
    pooled.write(pixels, fast)
    slow = slow_pooled(pixels, whitening, filters, bank, grid)
    np.testing.assert_allclose(fast, slow, atol=1e-4)
    assert np.abs(fast[2]).max() < 1e-5


def test_the_whole_pipeline_agrees_with_the_slow_twin(image_dataset, texture) -> None:
    pixels = texture(40, 14, 14, 3)
    chosen = {"patches": 8, "patch": 4, "grid": 2}
    found = features.extract(image_dataset(pixels), settings=chosen, seed=3)
    parsed = PatchesSettings(**chosen)
    source = pictures(image_dataset(pixels), None)
    bank = fit_bank(_patches.sample_patches(source, 4, 3), parsed, 3)
    identity = np.eye(len(bank.weights))
    slow = slow_pooled(pixels, identity, bank.weights.numpy().astype(float), bank, 2)
    deviation = slow.std(0)
    floor = 0.05 * np.sqrt(np.square(deviation).mean())
    expected = (slow - slow.mean(0)) / np.maximum(deviation, floor)
    np.testing.assert_allclose(found.matrix, expected, atol=1e-3)


def test_filters_whiten(texture) -> None:
    """A filter drawn as a random direction of white space answers all patches with deviation 1."""
    pixels = texture(200, 12, 12, 1)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (4, 4), axis=(1, 2))
    patches = windows.reshape(-1, 16).astype(np.float32) / 255
    chosen = PatchesSettings(patches=300, whitening=1e-6, threshold=2.0)
    bank = fit_bank(patches, chosen, 0)
    weights = bank.weights.numpy().astype(float)
    values = patches - patches.mean(1, keepdims=True)
    values /= np.sqrt(values.var(1, keepdims=True) + chosen.contrast**2)
    np.testing.assert_allclose(weights.sum(0), 0, atol=1e-4)
    np.testing.assert_allclose((values @ weights).std(0), 1, atol=0.01)
    assert bank.threshold == pytest.approx(2.0, rel=0.05)


def test_every_column_is_standardised(image_dataset, texture) -> None:
    found = features.extract(image_dataset(texture(60, 16, 16, 1)), settings={"patches": 16})
    assert found.matrix.shape == (60, 2 * 16 * 9)
    assert found.matrix.dtype == np.float32
    np.testing.assert_allclose(found.matrix.mean(0), 0, atol=1e-4)
    assert found.matrix.std(0).max() <= 1 + 1e-4
    assert np.median(found.matrix.std(0)) == pytest.approx(1, abs=1e-3)


def test_same_seed_same_features_other_seed_other_features(image_dataset, texture) -> None:
    data = image_dataset(texture(20, 12, 12, 3))
    first, again, other = (
        features.extract(data, settings={"patches": 8}, seed=seed).matrix for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_batch_size_does_not_matter(texture) -> None:
    pixels = texture(11, 20, 20, 3)
    bank, _, _ = bank_of(6 * 6 * 3, 16, 6, 0.5, 0)
    results = []
    for batch in (1, 4, 11, 64):
        pooled = PooledResponses(bank, Shape(20, 20, 3), 3, "cpu", batch, fused=False)
        results.append(np.empty((11, pooled.width), np.float32))
        pooled.write(pixels, results[-1])
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("side", [20, 150])  # of 150 some rows of positions make a tile
def test_compiled_passes_agree_with_torch(texture, monkeypatch, threads: int, side: int) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    pixels = texture(5, side, side, 3)
    bank, _, _ = bank_of(6 * 6 * 3, 64, 6, 0.5, 0)
    one, two = (
        PooledResponses(bank, Shape(side, side, 3), 4, "cpu", fused=fused)
        for fused in (True, False)
    )
    fused, plain = np.empty((2, 5, one.width), np.float32)
    one.write(pixels, fused)
    two.write(pixels, plain)
    np.testing.assert_allclose(fused, plain, atol=1e-5)


def test_brightness_and_contrast_hardly_matter(texture) -> None:
    pixels = texture(4, 16, 16, 3) // 2 + 40
    brighter = pixels + 60
    bank, _, _ = bank_of(6 * 6 * 3, 16, 6, 0.5, 0)
    pooled = PooledResponses(bank, Shape(16, 16, 3), 2, "cpu")
    one, two = np.empty((2, 4, pooled.width), np.float32)
    pooled.write(pixels, one)
    pooled.write(brighter, two)
    np.testing.assert_allclose(one, two, atol=1e-5)


def test_flat_images_are_refused_with_what_to_do(image_dataset) -> None:
    flat = [np.full((16, 16), shade, np.uint8) for shade in (0, 90, 255)]
    with pytest.raises(UnsuitableDataError, match=r"flat.*'pixels'"):
        features.extract(image_dataset(flat))


def test_few_patches_are_said_so(image_dataset, texture) -> None:
    pixels = np.zeros((3, 12, 12), np.uint8)
    pixels[:, 6:, 6:] = texture(3, 6, 6, 1)
    found = features.extract(
        image_dataset(pixels), settings={"patches": 100, "patch": 12, "grid": 1}
    )
    assert np.isfinite(found.matrix).all()
    assert "Only 3 patches that are not flat were found for 100 filters." in found.notes


def test_one_image_and_tiny_images_work(image_dataset, texture) -> None:
    one = features.extract(image_dataset(texture(1, 16, 16, 3)), settings={"patches": 4})
    np.testing.assert_array_equal(one.matrix, 0)
    tiny = features.extract(image_dataset(texture(9, 3, 5, 3)), settings={"patches": 4})
    assert np.isfinite(tiny.matrix).all()
    assert "9 of 9 images were resized to 8 x 8 pixels." in tiny.notes


def test_planted_flips_of_the_digits_are_found(image_dataset) -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images[:600] * 15.9).astype(np.uint8)
    matrix = features.extract(image_dataset(pixels), settings={"patches": 128}).matrix
    units = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    similar = units @ units.T
    np.fill_diagonal(similar, -1)
    nearest = digits.target[:600][similar.argmax(1)]
    assert (nearest == digits.target[:600]).mean() > 0.95
