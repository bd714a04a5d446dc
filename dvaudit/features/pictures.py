"""The images of a dataset as pixel arrays of one size and one number of channels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dvaudit.core.dataset import Dataset
from dvaudit.core.errors import UnreadableInputError, UnsuitableDataError
from dvaudit.core.pictures import as_rgb, open_image, stored_mode
from dvaudit.core.progress import Progress, silent
from dvaudit.features.fitted import Fitted, Kept

NATIVE_SIDE = 64  # images of one size, no side longer than this, stay as they are
SIDES = (32, 64)  # what other images are resized to
SAMPLE = 256  # images looked at to choose the size
CHUNK = 128  # images decoded ahead
MAX_THREADS = 4
_GREY_MODES = frozenset({"1", "L"})


@dataclass(frozen=True)
class Shape:
    """Height and width in pixels, and channels: 1 for grey, 3 for RGB."""

    height: int
    width: int
    channels: int


@dataclass
class Pictures:
    """Decodes images to one shape and counts what it had to convert.

    Attributes:
        resized, recoloured: images converted so far in `batches`.
    """

    data: Dataset
    shape: Shape
    resized: int = 0
    recoloured: Counter[str] = field(default_factory=Counter)

    def pixels(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Return (len(indices), height, width, channels) of these samples; nothing is counted."""
        return np.concatenate([part for _, part in self._decoded(indices, count=False)])

    def batches(self) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield (position of the first, (b, height, width, channels)) over all samples in order.

        The next chunk is decoded by threads while the caller works on this one.
        """
        self.resized, self.recoloured = 0, Counter()
        yield from self._decoded(range(len(self.data)), count=True)

    def notes(self) -> list[str]:
        """Say what was converted, after a pass over `batches`."""
        total, shape, out = len(self.data), self.shape, []
        if self.resized:
            out.append(
                f"{self.resized:,} of {total:,} images {_verb(self.resized)} resized to "
                f"{shape.width} x {shape.height} pixels."
            )
        if self.recoloured:
            modes = ", ".join(f"{count:,} {mode}" for mode, count in self.recoloured.most_common())
            target = "8-bit grey" if shape.channels == 1 else "RGB"
            converted = self.recoloured.total()
            out.append(
                f"{converted:,} of {total:,} images {_verb(converted)} converted to {target} "
                f"({modes})."
            )
        return out

    def _decoded(
        self, indices: Sequence[int], count: bool
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
            ahead: list[tuple[int, list[Future[_Decoded]]]] = []
            for start in range(0, len(indices), CHUNK):
                part = indices[start : start + CHUNK]
                # Files are read here: an ImageSource need not be safe for threads.
                ahead.append(
                    (start, [pool.submit(self._decode, i, read(self.data, i)) for i in part])
                )
                if len(ahead) > 1:
                    yield self._gathered(*ahead.pop(0), count)
            for chunk in ahead:
                yield self._gathered(*chunk, count)

    def _gathered(
        self, start: int, futures: list[Future[_Decoded]], count: bool
    ) -> tuple[int, NDArray[np.uint8]]:
        done = [future.result() for future in futures]
        if count:
            self.resized += sum(item.resized for item in done)
            self.recoloured.update(item.mode for item in done if item.mode)
        return start, np.stack([item.pixels for item in done])

    def _decode(self, index: int, content: bytes) -> _Decoded:
        image = opened(self.data, index, content)
        shape = self.shape
        stored, resized = stored_mode(image), image.size != (shape.width, shape.height)
        mode = "" if stored in (_GREY_MODES if shape.channels == 1 else {"RGB"}) else stored
        if shape.channels == 1:
            image = image if image.mode == "L" else as_rgb(image).convert("L")
        else:
            image = as_rgb(image)
        if resized:
            image = image.resize((shape.width, shape.height), Image.Resampling.BILINEAR)
        pixels = np.asarray(image)
        return _Decoded(pixels[:, :, None] if shape.channels == 1 else pixels, resized, mode)


@dataclass(frozen=True)
class _Decoded:
    pixels: NDArray[np.uint8]
    resized: bool
    mode: str  # as stored, before the conversion; empty where none was needed


def pictures(
    data: Dataset,
    side: int | None,
    *,
    least_side: int = 1,
    square: bool = False,
    fitted_on: int | None = None,
) -> Pictures:
    """Choose one shape for the images of `data` from SAMPLE of them, evenly spread.

    Images of one size, no longer than NATIVE_SIDE, keep it. Others get the median proportions,
    the longer side the one of SIDES that is nearest to the median. Grey where the whole
    sample is grey.

    Args:
        side: length of the longer side instead; None chooses.
        least_side: the shorter side is made at least this long.
        square: both sides are `side`, whatever the proportions.
        fitted_on: the shape is chosen for so many first images; None: for all.
    """
    total = fitted_on or len(data)
    step = max(1, -(-total // SAMPLE))
    sizes, grey = [], True
    for index in range(0, total, step):
        image = opened(data, index, read(data, index))
        sizes.append(image.size)
        grey = grey and image.mode in _GREY_MODES
    if square and side is not None:
        width = height = side
    else:
        width, height = _common_size(np.array(sizes), side, least_side)
    return Pictures(data, Shape(height, width, 1 if grey else 3))


@dataclass(frozen=True)
class FittedPictures(Fitted):
    """The shape of pictures that nets take, (n, channels, height, width) in [0, 1]."""

    name = "pictures of nets"
    version = 1

    shape: Shape

    def describe(
        self, data: Dataset, *, device: str = "cpu", progress: Progress = silent
    ) -> tuple[NDArray[np.float32], list[str]]:
        source, shape = Pictures(data, self.shape), self.shape
        out = np.empty((len(data), shape.channels, shape.height, shape.width), dtype=np.float32)
        for start, block in source.batches():
            out[start : start + len(block)] = block.transpose(0, 3, 1, 2)
            progress(start / len(data), "Reading pictures")
        out /= 255
        return out, source.notes()

    def kept(self) -> Kept:
        return Kept(asdict(self.shape))

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        return cls(Shape(**kept.facts))


def _verb(count: int) -> str:
    return "was" if count == 1 else "were"


def read(data: Dataset, index: int) -> bytes:
    """Return the file of sample `index`."""
    if data.images is None:
        raise UnsuitableDataError(f"{data.name!r} has no image files.")
    return data.images.read(index)


def opened(data: Dataset, index: int, content: bytes) -> Image.Image:
    """Decode sample `index`.

    Raises:
        UnreadableInputError: naming the sample; it could be read when the dataset was loaded.
    """
    try:
        return open_image(content)
    except UnreadableInputError as error:
        raise UnreadableInputError(
            f"Sample {data.ids[index]} cannot be read any more: {error}. Load the dataset again."
        ) from error


def _common_size(sizes: NDArray[np.int64], side: int | None, least_side: int) -> tuple[int, int]:
    """Return (width, height) for sizes of shape (m, 2) in that order."""
    median = np.median(sizes, axis=0)
    longest = float(median.max())
    if side is None:
        same = bool((sizes == sizes[0]).all()) and longest <= NATIVE_SIDE
        target = longest if same else float(min(SIDES, key=lambda s: abs(np.log(s / longest))))
    else:
        target = float(side)
    scaled = np.maximum(np.rint(median * (target / longest)), 1)
    scaled = np.maximum(scaled, least_side)
    return int(scaled[0]), int(scaled[1])
