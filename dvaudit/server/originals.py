"""One original picture, byte for byte, in a type that browsers show."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from dvaudit import audits
from dvaudit.core.dataset import ImageSource, Kind, Role
from dvaudit.core.errors import NotFoundError, UnreadableInputError
from dvaudit.core.pictures import open_image
from dvaudit.readers import formats, image_data
from dvaudit.server import tokens
from dvaudit.server.opened import workspace
from dvaudit.server.replies import IMMUTABLE, RefusedError, blocking, demand

# What a file is by its first bytes: a name could claim anything, and SVG can hold scripts.
_SHOWN = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_ISOLATED = {"Content-Security-Policy": "default-src 'none'; sandbox", **IMMUTABLE}


class Originals:
    """The original pictures of a dataset by position; one reader at a time.

    A zip's handle moves its file offset with each read, so it is not shared between threads.
    """

    def __init__(self, source: ImageSource, indices: Sequence[int]) -> None:
        self._source, self._indices = source, indices
        self._lock = threading.Lock()

    def read(self, position: int) -> bytes:
        """Return the file of the sample at `position`."""
        with self._lock:
            return self._source.read(self._indices[position])

    def __len__(self) -> int:
        return len(self._indices)


def read_image(request: Request) -> Response:
    """GET /api/image/{dataset}/{position}?token=T."""
    dataset_id = request.path_params["dataset"]
    demand(request.query_params.get("token", ""), tokens.reading(dataset_id))
    text = request.path_params["position"]
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise RefusedError(400, "The position must be a row number.")
    originals = originals_of(dataset_id)
    if int(text) >= len(originals):
        raise RefusedError(
            404, f"Dataset {dataset_id} has {len(originals):,} pictures; none at {text}."
        )
    try:
        data, media_type = shown(originals.read(int(text)))
    except UnreadableInputError as error:
        raise RefusedError(415, f"This picture cannot be shown: {error}") from error
    return Response(data, media_type=media_type, headers=_ISOLATED)


image = blocking(read_image)


def shown(data: bytes) -> tuple[bytes, str]:
    """Return a picture and its media type; what browsers do not show is converted to PNG.

    Raises:
        UnreadableInputError: not a picture that dvaudit reads; SVG is not.
    """
    for start, media_type in _SHOWN.items():
        if data.startswith(start):
            return data, media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return data, "image/webp"
    picture = open_image(data)
    file = io.BytesIO()
    (
        picture if picture.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else picture.convert("RGB")
    ).save(file, "PNG", compress_level=1)
    return file.getvalue(), "image/png"


@lru_cache(maxsize=4)
def originals_of(dataset_id: str) -> Originals:
    """Find the pictures of a dataset in its source; only names are read.

    Raises:
        NotFoundError: no such dataset, it has no pictures, or its source has changed or gone.
    """
    record = workspace().dataset(dataset_id)
    if record.kind is not Kind.IMAGE:
        raise NotFoundError(f"{record.name} holds no pictures.")
    try:
        format = formats.detect(record.source)
        if format == "npz":
            source = audits.load_stored(workspace(), dataset_id).images
            assert source is not None
            return Originals(source, range(len(source)))
        files = image_data.list_files(record.source, format, _path_column(record.roles))
    except UnreadableInputError as error:
        raise NotFoundError(f"The source of {record.name} cannot be read: {error}") from error
    index_of = {name: index for index, name in enumerate(_ids(files, record.roles))}
    ids = workspace().samples(dataset_id)["id"]
    try:
        return Originals(files.source(), [index_of[name] for name in ids])
    except KeyError as error:
        raise NotFoundError(
            f"{record.source.name} no longer holds the sample {error}; import it again."
        ) from error


def _path_column(roles: Mapping[str, str]) -> str | None:
    return next((column for column, role in roles.items() if role == Role.PATH), None)


def _ids(files: image_data.Files, roles: Mapping[str, str]) -> list[str]:
    """Return the sample id of every picture listed: its path, or the id column of labels.csv."""
    column = image_data.choose_roles(files, roles, {}).only(Role.ID)
    if files.table is None or column is None:
        return [member.name for member in files.images]
    given = files.table.columns[column]
    texts = [*given.texts(), ""]  # code -1, a missing id, takes the last
    return [texts[code] for code in given.codes[files.rows]]
