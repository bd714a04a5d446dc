"""Embedding maps for the browser: places from the workspace, and bytes that a page makes of them.

Places never change, what colours them does: with every verdict, filter and moved cut-off. A page
publishes the colours under the hash of their content, so the browser fetches each only once.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from dvaudit import audits
from dvaudit.core.errors import NotFoundError
from dvaudit.server import tokens
from dvaudit.server.opened import workspace
from dvaudit.server.replies import IMMUTABLE, RefusedError, demand

MOST_PUBLISHED = 64 * 2**20
_TYPE = "application/octet-stream"


def points(request: Request) -> Response:
    """GET /api/map/{audit}/{name}?dataset=ID&token=T: x and y as uint16 little-endian, by sample.

    Raises (as replies): 403 for a token of another dataset or process, 404 for an unknown audit or
    map, and for an audit of another dataset.
    """
    dataset_id = request.query_params.get("dataset", "")
    demand(request.query_params.get("token", ""), tokens.reading(dataset_id))
    audit_id = request.path_params["audit"]
    if workspace().run(audit_id).dataset_id != dataset_id:
        raise NotFoundError(f"Dataset {dataset_id} has no audit {audit_id!r}.")
    places = audits.map_points(workspace(), audit_id, request.path_params["name"])
    return Response(
        np.ascontiguousarray(places, dtype="<u2").tobytes(), media_type=_TYPE, headers=IMMUTABLE
    )


def published(request: Request) -> Response:
    """GET /api/published/{key}?dataset=ID&token=T: bytes that a page published.

    Raises (as replies): 403 for a token of another dataset or process, 404 where they were never
    published for this dataset, or others took their place.
    """
    dataset_id = request.query_params.get("dataset", "")
    demand(request.query_params.get("token", ""), tokens.reading(dataset_id))
    content = _held.find((dataset_id, request.path_params["key"]))
    if content is None:
        raise RefusedError(404, "This is no longer held here. Reload the page.")
    return Response(content, media_type=_TYPE, headers=IMMUTABLE)


def publish(dataset_id: str, content: bytes) -> str:
    """Hold bytes for the browser, who may read the dataset; return their key."""
    key = hashlib.sha256(content).hexdigest()[:32]
    _held.add((dataset_id, key), content)
    return key


class Held:
    """Bytes by key, the least recently used ones given up above `most` bytes together."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._items: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, key: tuple[str, str], content: bytes) -> None:
        """Hold `content`, even where it alone is above the limit."""
        with self._lock:
            before = self._items.pop(key, b"")
            self._items[key] = content
            self._size += len(content) - len(before)
            while self._size > self._most and len(self._items) > 1:
                self._size -= len(self._items.popitem(last=False)[1])

    def find(self, key: tuple[str, str]) -> bytes | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)


_held = Held(MOST_PUBLISHED)
