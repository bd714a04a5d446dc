"""Refusals as JSON: {"error": one sentence for a person}."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dvaudit.core.errors import NotFoundError
from dvaudit.server import tokens

IMMUTABLE = {"Cache-Control": "private, max-age=86400, immutable"}


class RefusedError(Exception):
    """A request that a route turns down with this status and text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def blocking(
    handler: Callable[[Request], Response],
) -> Callable[[Request], Awaitable[Response]]:
    """Run a handler that reads files in a thread; its refusals become JSON replies."""

    @wraps(handler)
    async def route(request: Request) -> Response:
        return await answer(run_in_threadpool(handler, request))

    return route


async def answer(work: Awaitable[Response]) -> Response:
    """Await a reply; a refusal or a missing dataset or sample becomes a JSON reply."""
    try:
        return await work
    except RefusedError as refusal:
        return failure(refusal.status, str(refusal))
    except NotFoundError as error:
        return failure(404, str(error))


def failure(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)


def demand(token: str, purpose: str) -> None:
    """Raise a 403 refusal unless `token` was minted for `purpose` and is still valid."""
    if not tokens.valid(token, purpose):
        raise RefusedError(403, "This page is no longer valid. Reload it and try again.")
