"""Decoding every image once at import, so that a damaged one is found before any audit."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from dvaudit.core.dataset import ImageSource
from dvaudit.core.errors import MissingSourceError, UnreadableInputError
from dvaudit.core.pictures import DEEP_NAMES, open_image, stored_mode
from dvaudit.core.progress import Progress

_CHUNK = 50
_REPORT_EVERY = 200


@dataclass(frozen=True)
class Checked:
    """One image: its SHA-256, mode as stored, and size; or why it cannot be read."""

    digest: str
    mode: str
    size: tuple[int, int]
    problem: str | None = None


def check_all(source: ImageSource, progress: Progress) -> list[Checked]:
    """Read and decode every image; only digests are kept, so memory stays bounded.

    Raises:
        MissingSourceError: the zip or folder is gone; a single image never stops the reading.
    """
    total = len(source)
    out: list[Checked] = []
    for chunk in _chunks(source):
        out += chunk
        if len(out) % _REPORT_EVERY == 0 or len(out) == total:
            progress(len(out) / total, f"checking images: {len(out):,} of {total:,}")
    return out


def describe(checked: list[Checked]) -> tuple[str, ...]:
    """Return notes on the sizes and modes found where there is more than one, and on depth."""
    sizes = Counter(item.size for item in checked)
    modes = Counter(item.mode for item in checked)
    parts = []
    if len(sizes) > 1:
        (width, height), count = sizes.most_common(1)[0]
        parts.append(f"{len(sizes):,} sizes (most often {width} x {height}, {count:,} times)")
    if len(modes) > 1:
        listed = ", ".join(f"{mode} {count:,}" for mode, count in modes.most_common())
        parts.append(f"{len(modes)} colour modes ({listed})")
    notes = []
    if parts:
        notes.append(f"The images have {' and '.join(parts)}; features convert them to one.")
    deep = sum(modes[name] for name in DEEP_NAMES)
    if deep:
        one = deep == 1
        notes.append(
            f"{deep:,} of {len(checked):,} images {'has' if one else 'have'} more than 8 bits a "
            f"channel; {'it is' if one else 'they are'} read as 8 bits."
        )
    return tuple(notes)


def _chunks(source: ImageSource) -> Iterator[list[Checked]]:
    starts = range(0, len(source), _CHUNK)

    def check(start: int) -> list[Checked]:
        return [_check(source, i) for i in range(start, min(start + _CHUNK, len(source)))]

    # Decoders release the interpreter lock, which pays for large images and costs a little for
    # small ones.
    workers = min(8, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(check, starts)
    finally:
        pool.shutdown(cancel_futures=True)


def _check(source: ImageSource, index: int) -> Checked:
    try:
        data = source.read(index)
        image = open_image(data)
    except MissingSourceError:
        raise
    except UnreadableInputError as error:
        return Checked("", "", (0, 0), str(error))
    return Checked(hashlib.sha256(data).hexdigest(), stored_mode(image), image.size)
