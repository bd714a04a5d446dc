"""open_image: what it shows, and what it refuses."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dvaudit.core.errors import UnreadableInputError
from dvaudit.core.pictures import FORMATS, MAX_PIXELS, as_rgb, open_image


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def noise(height: int = 24, width: int = 32) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_opens_and_its_first_half_is_refused(format: str) -> None:
    data = encoded(noise(), format)
    assert open_image(data).size == (32, 24)
    with pytest.raises(UnreadableInputError, match=r"damaged|cut off"):
        open_image(data[: len(data) // 2])


@pytest.mark.parametrize("data", [b"", b"hello, no picture", b"%PDF-1.7 ..."])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableInputError):
        open_image(data)


def test_formats_that_are_not_listed_are_not_tried() -> None:
    with pytest.raises(UnreadableInputError, match="not a picture"):
        open_image(encoded(noise(), "ICO"))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = np.zeros((8, 16), dtype=np.uint8)
    upright[:4, :4] = 255  # a white top left corner
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.T,
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(undo(upright))), "PNG", exif=exif)
    np.testing.assert_array_equal(np.asarray(open_image(data)), upright)


def test_damaged_exif_does_not_refuse_the_picture() -> None:
    data = encoded(noise(), "JPEG", exif=b"Exif\0\0" + b"\xff" * 40)
    assert open_image(data).size == (32, 24)


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65_535, 256).astype(np.uint16).reshape(16, 16)
    shown = np.asarray(open_image(encoded(Image.fromarray(ramp), "PNG")))
    assert shown.dtype == np.uint8
    np.testing.assert_array_equal(shown.ravel(), np.arange(256))


def test_twelve_bit_sensors_use_the_whole_range() -> None:
    ramp = np.linspace(0, 4_095, 256).astype(np.uint16).reshape(16, 16)
    shown = np.asarray(open_image(encoded(Image.fromarray(ramp), "TIFF")))
    assert shown.max() == 255
    assert len(np.unique(shown)) == 256


def test_floating_point_pictures_are_scaled_and_hold_no_nan() -> None:
    pixels = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    pixels[0, 0] = np.nan
    shown = np.asarray(open_image(encoded(Image.fromarray(pixels), "TIFF")))
    assert (shown[0, 0], shown[-1, -1]) == (0, 255)


def test_values_beyond_sixteen_bits_go_from_lowest_to_highest() -> None:
    pixels = np.array([[-100_000, 0], [50_000, 100_000]], dtype=np.int32)
    shown = np.asarray(open_image(encoded(Image.fromarray(pixels), "TIFF")))
    assert (shown[0, 0], shown[1, 1]) == (0, 255)


def bomb(side: int) -> bytes:
    """A PNG that declares side x side pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_decompression_bombs_are_refused_by_their_header(side: int) -> None:
    assert side * side > MAX_PIXELS
    with pytest.raises(UnreadableInputError, match="pixels"):
        open_image(bomb(side))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = noise().convert(mode)
    assert as_rgb(image).mode == "RGB"


def test_transparent_parts_become_white() -> None:
    clear = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    assert as_rgb(clear).getpixel((0, 0)) == (255, 255, 255)
