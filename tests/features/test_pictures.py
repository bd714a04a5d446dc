"""Choosing one shape for the images of a dataset, and saying what was converted."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dvaudit import features
from dvaudit.core.errors import SettingsError, UnreadableInputError, UnsuitableDataError
from dvaudit.features.pictures import CHUNK, Shape, pictures


def picture(width: int, height: int, mode: str = "RGB") -> Image.Image:
    return Image.effect_noise((width, height), 60).convert(mode)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(64, 48)] * 3, (64, 48)),
        ([(65, 65)] * 3, (64, 64)),
        ([(200, 100)] * 3, (64, 32)),
        ([(30, 30), (32, 32), (34, 34)], (32, 32)),
        ([(300, 400), (400, 300), (400, 300)], (64, 48)),
        ([(2000, 10)], (64, 1)),
    ],
)
def test_common_size(image_dataset, sizes, expected) -> None:
    shape = pictures(image_dataset([picture(*size) for size in sizes]), None).shape
    assert (shape.width, shape.height) == expected


def test_given_and_least_side(image_dataset) -> None:
    data = image_dataset([picture(100, 50)])
    assert pictures(data, 40).shape == Shape(20, 40, 3)
    assert pictures(data, 40, least_side=30).shape == Shape(30, 40, 3)
    assert pictures(data, 40, square=True).shape == Shape(40, 40, 3)


def test_mixed_sizes_and_modes_are_converted_and_said_so(image_dataset) -> None:
    modes = ["RGB", "L", "RGBA", "P", "1", "CMYK", "LA"]
    items = [picture(20, 20, mode) for mode in ("RGB", "L", "RGBA", "P", "1", "LA")]
    from_jpeg = picture(31, 20, "CMYK")
    data = image_dataset([*items, _jpeg(from_jpeg)])
    found = features.extract(data, "pixels", settings={"size": 20})
    assert found.matrix.shape == (len(modes), 20 * 20 * 3)
    assert any("1 of 7 images was resized to 20 x 20 pixels" in note for note in found.notes)
    (said,) = [note for note in found.notes if "RGB" in note]
    assert said.startswith("6 of 7 images were converted to RGB")
    assert all(f"1 {mode}" in said for mode in modes[1:])


def test_grey_stays_grey_and_colour_is_not_lost(image_dataset) -> None:
    grey = [picture(12, 12, "L") for _ in range(3)]
    assert pictures(image_dataset(grey), None).shape.channels == 1
    assert pictures(image_dataset([*grey, picture(12, 12)]), None).shape.channels == 3


def test_sixteen_bit_grey_is_scaled(image_dataset) -> None:
    deep = (np.linspace(0, 60_000, 144).reshape(12, 12)).astype(np.uint16)
    found = features.extract(image_dataset([Image.fromarray(deep)]), "pixels")
    assert 0.8 < found.matrix.max() <= 1
    assert len(np.unique(found.matrix)) > 100
    assert found.notes == ("1 of 1 images was converted to 8-bit grey (1 16-bit grey).",)


def test_pixels_are_the_pixels(image_dataset) -> None:
    values = np.arange(2 * 5 * 4 * 3, dtype=np.uint8).reshape(2, 5, 4, 3)
    found = features.extract(image_dataset(values), "pixels")
    np.testing.assert_allclose(found.matrix, values.reshape(2, -1) / 255, atol=1e-7)
    assert found.notes == ()


def test_order_is_kept_over_chunks(image_dataset) -> None:
    count = 2 * CHUNK + 3
    shades = np.arange(count) % 251
    data = image_dataset([np.full((4, 4), shade, np.uint8) for shade in shades])
    found = features.extract(data, "pixels")
    np.testing.assert_allclose(found.matrix[:, 0], shades / 255, atol=1e-6)


def test_an_odd_image_outside_the_sample_is_resized_and_counted(image_dataset) -> None:
    items = [np.full((8, 8), 9, np.uint8) for _ in range(600)]
    items[1] = np.full((8, 9), 9, np.uint8)  # every third is looked at to choose the size
    found = features.extract(image_dataset(items), "pixels")
    assert found.matrix.shape == (600, 64)
    assert found.notes == ("1 of 600 images was resized to 8 x 8 pixels.",)


def test_an_image_that_broke_after_loading_is_named(image_dataset, texture, encoded) -> None:
    data = image_dataset([*texture(2, 8, 8, 1), b"not a picture"])
    with pytest.raises(UnreadableInputError, match="sample 2 cannot be read any more"):
        features.extract(data, "pixels")


def test_extractors_for_images_refuse_tables_and_tell_why(table_dataset) -> None:
    from dvaudit.core.dataset import Role

    data = table_dataset({"x": [1.0, 2.0]}, {"x": Role.NUMERIC})
    with pytest.raises(UnsuitableDataError, match="'patches' works on image data"):
        features.extract(data, "patches")


def test_settings_are_checked(image_dataset) -> None:
    data = image_dataset([picture(8, 8)])
    with pytest.raises(SettingsError, match="did you mean 'patches'"):
        features.extract(data, settings={"patchs": 3})
    with pytest.raises(SettingsError, match="the least allowed is 1"):
        features.extract(data, settings={"grid": 0})
    with pytest.raises(SettingsError, match="no feature extractor 'pixls'; did you mean 'pixels'"):
        features.extract(data, "pixls")


def _jpeg(image: Image.Image) -> bytes:
    import io

    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()
