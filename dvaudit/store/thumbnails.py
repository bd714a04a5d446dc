"""Thumbnails of a dataset in one Arrow file: written as a stream, read at random by memory map."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pyarrow as pa
from PIL import Image, ImageDraw

from dvaudit.core.errors import NotFoundError, UnreadableInputError
from dvaudit.core.pictures import open_image
from dvaudit.store.errors import WorkspaceError

SIDE: Final = 128  # pixels, of the longer side
JPEG_QUALITY: Final = 85
BATCH: Final = 1000
SCHEMA_VERSION: Final = b"1"
_TINY: Final = 64  # up to this side PNG is small, and JPEG blurs what there is to see
_SCHEMA: Final = pa.schema(
    [pa.field("thumbnail", pa.binary(), nullable=False)],
    metadata={"schema_version": SCHEMA_VERSION, "batch": str(BATCH)},
)


def thumbnail(data: bytes) -> bytes:
    """Return a JPEG or PNG of at most SIDE pixels a side; smaller pictures keep their size.

    PNG for grey, tiny and transparent pictures, JPEG for the rest.

    Raises:
        UnreadableInputError: the bytes are no picture that can be decoded.
    """
    image = _displayable(open_image(data))
    image.thumbnail((SIDE, SIDE), reducing_gap=3.0)
    out = io.BytesIO()
    if image.mode != "RGB" or max(image.size) <= _TINY:
        image.save(out, "PNG")
    else:
        image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()


def _displayable(image: Image.Image) -> Image.Image:
    """Convert to L, RGB or RGBA, the modes that every browser shows alike."""
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def placeholder() -> bytes:
    """A grey PNG with a cross, shown where no thumbnail can be made."""
    image = Image.new("L", (SIDE, SIDE), 200)
    pen = ImageDraw.Draw(image)
    for ends in ((32, 32, 96, 96), (32, 96, 96, 32)):
        pen.line(ends, fill=120, width=6)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def write_thumbnails(path: Path, thumbnails: Iterable[bytes]) -> None:
    """Write an Arrow file in batches of BATCH, of which one is in memory at a time."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _SCHEMA) as writer:
        batch: list[bytes] = []
        for item in thumbnails:
            batch.append(item)
            if len(batch) == BATCH:
                writer.write_batch(_record_batch(batch))
                batch = []
        if batch:
            writer.write_batch(_record_batch(batch))


def make_thumbnail(data: bytes) -> tuple[bytes, str | None]:
    """Return a thumbnail and None, or the placeholder and why the picture has none."""
    try:
        return thumbnail(data), None
    except UnreadableInputError as error:
        return placeholder(), str(error)


class Thumbnails:
    """Random access to n thumbnails; safe from several threads, nothing is held but the map.

    Raises:
        NotFoundError: no such file, which is so for datasets that are not images.
        WorkspaceError: a file of another schema version, or not one of ours.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise NotFoundError(
                f"There are no thumbnails at {path}; only image datasets have them."
            )
        self._map = pa.memory_map(str(path), "rb")
        try:
            self._batches = _batches(self._map, path)
        except BaseException:
            self._map.close()
            raise
        self._count: int = sum(batch.num_rows for batch in self._batches)

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def read(self, position: int) -> bytes:
        """Return the JPEG or PNG of the sample at `position`.

        Raises:
            NotFoundError: a position outside 0 to n - 1.
        """
        if not 0 <= position < self._count:
            raise NotFoundError(f"There is no sample {position}; there are {self._count:,} from 0.")
        data: bytes = self._batches[position // BATCH].column(0)[position % BATCH].as_py()
        return data

    def close(self) -> None:
        """Drop the map; reading is not possible afterwards."""
        self._batches, self._count = [], 0
        self._map.close()


def media_type(data: bytes) -> str:
    """The MIME type of a thumbnail."""
    return "image/jpeg" if data[:2] == b"\xff\xd8" else "image/png"


def _record_batch(items: list[bytes]) -> Any:
    return pa.record_batch([pa.array(items, pa.binary())], schema=_SCHEMA)


def _batches(source: Any, path: Path) -> list[Any]:
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid as error:
        raise WorkspaceError(f"{path} is damaged ({error}); import the dataset again.") from error
    found = (reader.schema.metadata or {}).get(b"schema_version")
    if found != SCHEMA_VERSION:
        raise WorkspaceError(
            f"{path} has schema version {found!r}, this dvaudit reads {SCHEMA_VERSION!r}; "
            "import the dataset again."
        )
    return [reader.get_batch(index) for index in range(reader.num_record_batches)]
