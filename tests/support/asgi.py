"""Calls an ASGI app in this process, as a server would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Reply:
    """Status, headers (lower-case names) and body of an answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


def call(
    app: Any,
    method: str,
    address: str,
    body: bytes | Iterable[bytes] = b"",
    headers: Mapping[str, str] | None = None,
    *,
    hang_up: bool = False,
) -> Reply:
    """Send one request; bytes announce their length, an iterable is streamed without one.

    With `hang_up` the connection is lost after the body instead of ending it.
    """
    given = {name.lower(): value for name, value in (headers or {}).items()}
    if isinstance(body, bytes):
        given.setdefault("content-length", str(len(body)))
        body = [body]
    # In a thread of its own: a browser test before this one leaves its event loop in the main one.
    with ThreadPoolExecutor(1) as alone:
        sent = list(body)
        asked = alone.submit(lambda: asyncio.run(_call(app, method, address, sent, given, hang_up)))
        return asked.result()


async def _call(
    app: Any,
    method: str,
    address: str,
    chunks: list[bytes],
    headers: Mapping[str, str],
    hang_up: bool,
) -> Reply:
    parts = urlsplit(address)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "root_path": "",
        "query_string": parts.query.encode("utf-8"),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
    }
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
    ]
    messages.append(
        {"type": "http.disconnect"}
        if hang_up
        else {"type": "http.request", "body": b"", "more_body": False}
    )
    sent: list[dict[str, Any]] = []
    finished = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop(0)
        await finished.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            finished.set()

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    return Reply(
        start["status"],
        {name.decode().lower(): value.decode() for name, value in start["headers"]},
        b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body"),
    )
