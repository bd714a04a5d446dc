"""Opening pictures from untrusted bytes: one place decides orientation, depth, size and refusal."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from dvaudit.core.errors import UnreadableInputError

MAX_PIXELS = 89_478_485  # Pillow warns above this and refuses only above twice as much
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif"),
        *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DEEP_MODES = {
    **dict.fromkeys(("I;16", "I;16B", "I;16L", "I;16N"), "16-bit grey"),
    "I": "32-bit grey",
    "F": "floating-point grey",
}
DEEP_NAMES = tuple(dict.fromkeys(_DEEP_MODES.values()))  # as stored_mode calls them
_STORED_MODE = "dvaudit_stored_mode"


def open_image(data: bytes) -> Image.Image:
    """Decode a picture completely; upright by its EXIF tag, first frame of an animation.

    Returns an image with 8 bits a channel in Pillow's own mode (L, LA, P, RGB, RGBA, CMYK, 1).
    Deeper grey is scaled, not clipped: by 4,095 where no pixel is higher (12-bit sensors), by
    65,535 for other 16-bit values, from its lowest to its highest value beyond that.

    Raises:
        UnreadableInputError: no picture, not complete, or more than MAX_PIXELS pixels.
    """
    if not data:
        raise UnreadableInputError("the file is empty (0 bytes)")
    image = _open(data)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadableInputError(_too_large(f"{width:,} x {height:,} pixels"))
    try:
        image.load()
    except MemoryError:
        raise
    # Decoders fed with damaged bytes raise whatever their parser trips over, from OSError to
    # struct.error and IndexError; each of them means the same: the file is damaged.
    except Exception as error:
        raise UnreadableInputError(f"the picture is damaged or cut off ({error})") from error
    orientation = _orientation(image)
    if image.mode in _DEEP_MODES:
        name = _DEEP_MODES[image.mode]
        image = Image.fromarray(_eight_bits(np.asarray(image)))
        image.info[_STORED_MODE] = name
    return image if orientation is None else image.transpose(orientation)


def stored_mode(image: Image.Image) -> str:
    """Return the mode of a picture of `open_image` in its file: Pillow's, or one of DEEP_NAMES."""
    return str(image.info.get(_STORED_MODE, image.mode))


def as_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB; transparent parts become white."""
    if image.mode == "RGB":
        return image
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        white = Image.new("RGBA", coloured.size, "white")
        return Image.alpha_composite(white, coloured).convert("RGB")
    return image.convert("RGB")


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnreadableInputError(_too_large("far too many pixels")) from error
    except UnidentifiedImageError as error:
        raise UnreadableInputError(
            f"not a picture in a known format ({', '.join(FORMATS)})"
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # as in open_image: a damaged header, whatever it raises
        raise UnreadableInputError(f"the header is damaged ({error})") from error


def _too_large(what: str) -> str:
    return f"the picture declares {what}; the most allowed is {MAX_PIXELS:,}"


def _orientation(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF says nothing about the pixels: the picture stays as stored
        return None


def _eight_bits(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale grey values of any depth to 0-255; values that are no number become 0."""
    values = np.nan_to_num(pixels.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 65_535:
        values, top = values - low, high - low
    elif high <= 1 and pixels.dtype.kind == "f":
        top = 1.0
    else:
        top = 4_095.0 if high <= 4_095 else 65_535.0
    return np.rint(values * (255.0 / (top or 1.0))).astype(np.uint8)
