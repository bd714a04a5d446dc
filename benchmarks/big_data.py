"""Large datasets for the benchmarks of the app, made from small real ones.

Pictures are digits moved, turned and lit a little differently; rows are drawn with replacement
from a census table and their numbers jittered. A share of the labels is replaced by another one.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

FLIPPED = 0.05
MOST_SHIFT, MOST_DEGREES, MOST_LIGHT = 2, 12.0, 0.2
JITTER = 0.02  # of a column's deviation


def write_images(source: Path, target: Path, count: int, seed: int = 0) -> None:
    """Write a zip of `count` pictures, one folder per class, from one of the same layout."""
    rng = np.random.default_rng(seed)
    with zipfile.ZipFile(source) as old:
        names = [name for name in old.namelist() if name.endswith((".png", ".jpg"))]
        pictures = [Image.open(io.BytesIO(old.read(name))).convert("L") for name in names]
    labels = [name.split("/")[-2] for name in names]
    classes = sorted(set(labels))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for number in range(count):
            at = int(rng.integers(len(names)))
            buffer = io.BytesIO()
            _varied(pictures[at], rng).save(buffer, "PNG")
            label = _flipped(labels[at], classes, rng)
            new.writestr(f"{label}/{number:06d}.png", buffer.getvalue())


def _varied(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    shift = rng.integers(-MOST_SHIFT, MOST_SHIFT + 1, 2)
    turned = picture.rotate(
        rng.uniform(-MOST_DEGREES, MOST_DEGREES),
        Image.Resampling.BILINEAR,
        translate=(int(shift[0]), int(shift[1])),
    )
    light = 1 + rng.uniform(-MOST_LIGHT, MOST_LIGHT)
    return turned.point(lambda value: min(255, int(value * light)))


def _flipped(label: str, classes: list[str], rng: np.random.Generator) -> str:
    if rng.random() >= FLIPPED:
        return label
    return str(rng.choice([other for other in classes if other != label]))


def write_table(source: Path, target: Path, rows: int, label: str, seed: int = 0) -> None:
    """Write a CSV of `rows` rows from another one; `label` names the column of its labels."""
    rng = np.random.default_rng(seed)
    table = pd.read_csv(source, skipinitialspace=True)
    drawn = table.iloc[rng.integers(len(table), size=rows)].reset_index(drop=True)
    for name in table.select_dtypes("number"):
        spread = JITTER * float(table[name].std())
        drawn[name] = (drawn[name] + rng.normal(0, spread, rows)).round(2)
    classes = np.array(sorted(table[label].unique()), dtype=object)
    codes = pd.Categorical(drawn[label], categories=classes).codes.astype(np.int64)
    flips = rng.random(rows) < FLIPPED
    codes[flips] = (codes[flips] + rng.integers(1, len(classes), int(flips.sum()))) % len(classes)
    drawn[label] = classes[codes]
    drawn.to_csv(target, index=False)
