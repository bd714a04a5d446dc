"""The embedded sample: scikit-learn's digits as images, with labels planted wrong."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

NAME = "Sample: handwritten digits"
PLANTED = 0.06
SIDE = 32  # the originals are 8 x 8, too small to look at


def write_sample(path: Path, seed: int = 0) -> tuple[str, ...]:
    """Write the sample as a zip, one folder per given label; return the paths planted wrong.

    A share PLANTED of the 1,797 images lies in the folder of another digit, drawn uniformly.
    """
    from sklearn.datasets import load_digits  # here, so that the web server does not load it

    pixels, truth = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(truth)) < PLANTED
    given = np.where(wrong, (truth + rng.integers(1, 10, len(truth))) % 10, truth)
    planted = []
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number, (row, label) in enumerate(zip(pixels, given, strict=True)):
            name = f"{label}/{number:04d}.png"
            # A fixed date keeps the file the same, byte for byte, whenever it is made.
            archive.writestr(zipfile.ZipInfo(name), _png(row.reshape(8, 8)))
            if wrong[number]:
                planted.append(name)
    return tuple(planted)


def _png(pixels: np.ndarray) -> bytes:
    small = Image.fromarray((255 - pixels * (255 / 16)).round().astype(np.uint8))
    buffer = io.BytesIO()
    small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()
