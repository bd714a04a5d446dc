"""Many thumbnails in one reply: uint32 little-endian lengths, then the files one after another."""

from __future__ import annotations

import struct

from starlette.requests import Request
from starlette.responses import Response

from dvaudit.server import tokens
from dvaudit.server.opened import workspace
from dvaudit.server.replies import IMMUTABLE, RefusedError, demand

MOST = 500


def pack(request: Request) -> Response:
    """GET /api/pack?dataset=ID&positions=3,1,2&token=T.

    Raises (as replies): 400 for anything but row numbers, 403 for a token of another dataset or
    process, 404 for an unknown dataset or a position outside it.
    """
    dataset_id = request.query_params.get("dataset", "")
    demand(request.query_params.get("token", ""), tokens.reading(dataset_id))
    positions = _positions(request.query_params.get("positions", ""))
    with workspace().thumbnails(dataset_id) as thumbnails:
        pictures = [thumbnails.read(position) for position in positions]
    lengths = struct.pack(f"<{len(pictures)}I", *map(len, pictures))
    # An explicit encoding keeps middleware from compressing JPEG a second time.
    headers = {**IMMUTABLE, "Content-Encoding": "identity"}
    return Response(
        lengths + b"".join(pictures), media_type="application/octet-stream", headers=headers
    )


def _positions(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and len(part) < 12 for part in parts):
        raise RefusedError(400, "positions must be row numbers separated by commas.")
    if len(parts) > MOST:
        raise RefusedError(400, f"At most {MOST} positions a request; this one has {len(parts):,}.")
    return [int(part) for part in parts]
