"""Uploads streamed to disk: memory does not grow with the file."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
import unicodedata
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from dvaudit.core.errors import NotFoundError
from dvaudit.server import tokens
from dvaudit.server.opened import workspace
from dvaudit.server.replies import RefusedError, demand

DEFAULT_LIMIT = 8 << 30
_RESERVE = 256 << 20  # bytes of disk an upload leaves free: the database needs them to write
STALE = 2 * 86400
_TOKEN = re.compile(r"[0-9a-f]{24}")
_REFERENCE = re.compile(rf"({_TOKEN.pattern})/([^/\\]+)")


def limit() -> int:
    """Return the most bytes of one upload: DVAUDIT_MAX_UPLOAD, or 8 GiB."""
    return int(os.environ.get("DVAUDIT_MAX_UPLOAD") or DEFAULT_LIMIT)


async def upload(request: Request) -> Response:
    """PUT /api/upload with X-Upload-Token and X-File-Name (percent-encoded).

    Replies {upload, name, bytes, sha256}; `upload` is what `resolve` takes.
    """
    demand(request.headers.get("x-upload-token", ""), tokens.UPLOAD)
    name = safe_name(unquote(request.headers.get("x-file-name", "")))
    uploads = workspace().uploads
    _check_size(request.headers.get("content-length"), uploads)
    token = secrets.token_hex(12)
    folder = uploads / token
    folder.mkdir(parents=True)
    target = folder / name
    part = folder / f".{name}.part"  # safe_name gives no leading dot: `resolve` never sees it
    try:
        size, digest = await _receive(request, part)
        part.rename(target)
    except ClientDisconnect:
        shutil.rmtree(folder)
        return Response(status_code=400)
    except BaseException:
        shutil.rmtree(folder)
        raise
    reply = {"upload": f"{token}/{name}", "name": name, "bytes": size, "sha256": digest}
    return JSONResponse(reply)


def resolve(uploads: Path, reference: str) -> Path:
    """Return the file of an upload by its "token/name".

    Raises:
        NotFoundError: the reference does not name a finished upload.
    """
    match = _REFERENCE.fullmatch(reference)
    if match and safe_name(match[2]) == match[2] and (uploads / match[1] / match[2]).is_file():
        return uploads / match[1] / match[2]
    raise NotFoundError(f"There is no upload {reference!r}; choose the file again.")


def safe_name(name: str) -> str:
    """Return a file name with no folder, no control character, at most 180 bytes, its suffix kept.

    Raises:
        RefusedError: 400 where nothing is left.
    """
    last = PurePosixPath(unicodedata.normalize("NFC", name).replace("\\", "/")).name
    clean = "".join(c for c in last if unicodedata.category(c)[0] != "C").strip().lstrip(".")
    if not clean:
        raise RefusedError(400, "The file has no usable name; rename it and try again.")
    stem, dot, suffix = clean.rpartition(".")
    if not dot or len(suffix.encode()) > 20:
        stem, dot, suffix = clean, "", ""
    room = 180 - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix


def remove_stale(uploads: Path, now: float | None = None) -> None:
    """Delete uploads, whole or half received, that nobody has imported within STALE seconds."""
    limit = (time.time() if now is None else now) - STALE
    for folder in uploads.iterdir():
        if _TOKEN.fullmatch(folder.name) and all(
            path.stat().st_mtime < limit for path in (folder, *folder.iterdir())
        ):
            shutil.rmtree(folder)


async def _receive(request: Request, part: Path) -> tuple[int, str]:
    most, size, digest = limit(), 0, hashlib.sha256()
    with part.open("xb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            digest.update(chunk)
            file.write(chunk)
    if size == 0:
        raise RefusedError(400, "The file is empty (0 bytes).")
    return size, digest.hexdigest()


def _check_size(announced: str | None, uploads: Path) -> None:
    if announced is None or not announced.isdigit():
        return
    if int(announced) > limit():
        raise _too_large(limit())
    uploads.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(uploads).free - _RESERVE
    if int(announced) > free:
        raise RefusedError(
            507,
            f"The disk of the workspace has {max(free, 0) / 1e9:.1f} GB to spare, and the file "
            f"has {int(announced) / 1e9:.1f} GB. Free some space, or set DVAUDIT_HOME.",
        )


def _too_large(most: int) -> RefusedError:
    return RefusedError(
        413,
        f"The file is larger than {most / 1e9:.1f} GB, the limit of this server "
        "(DVAUDIT_MAX_UPLOAD). Give the path of a file on the server instead.",
    )
