"""The parts that app.py hands to st.App."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dvaudit.jobs import Supervisor
from dvaudit.server.headers import SecurityHeaders
from dvaudit.server.maps import points, published
from dvaudit.server.opened import workspace
from dvaudit.server.originals import image
from dvaudit.server.pack import pack
from dvaudit.server.replies import answer, blocking
from dvaudit.server.uploads import remove_stale, upload


async def health(request: Request) -> Response:
    """GET /api/health: the server answers and its workspace is open."""
    await run_in_threadpool(workspace)
    return JSONResponse({"status": "ok"})


async def start_page(request: Request) -> Response:
    """GET /home: to the page itself; Streamlit knows its default page at the root alone."""
    query = request.url.query
    return RedirectResponse(f"./?{query}" if query else "./")


async def _upload(request: Request) -> Response:
    return await answer(upload(request))


ROUTES = [
    Route("/home", start_page),
    Route("/api/health", health),
    Route("/api/pack", blocking(pack)),
    Route("/api/map/{audit}/{name}", blocking(points)),
    Route("/api/published/{key}", blocking(published)),
    Route("/api/image/{dataset}/{position}", image),
    Route("/api/upload", _upload, methods=["PUT"]),
]
MIDDLEWARE = [Middleware(SecurityHeaders)]


def fonts(home: Path) -> Mount:
    """Return the route of the theme's fonts, below the folder that holds app.py."""
    return Mount("/assets/fonts", StaticFiles(directory=home / "assets" / "fonts"))


@asynccontextmanager
async def lifespan(app: Any, warm: Callable[[], None] | None = None) -> AsyncIterator[None]:
    """Open the workspace and run the job supervisor for as long as the server lives.

    `warm` is called once in a thread of its own, beside the first visitor.
    """
    opened = await run_in_threadpool(workspace)
    if warm is not None:
        threading.Thread(target=warm, name="warm", daemon=True).start()
    await run_in_threadpool(remove_stale, opened.uploads)
    supervisor = Supervisor(opened.root)
    await run_in_threadpool(supervisor.start)
    try:
        yield
    finally:
        await run_in_threadpool(supervisor.stop)
