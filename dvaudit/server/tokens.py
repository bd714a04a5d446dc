"""Signed permissions for the routes beside the app.

A page mints a token, the route checks it. The secret lives as long as the process: a page that
stayed open over a restart gets 403, and a reload mends it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time

HALF_LIFE = 12 * 3600
UPLOAD = "upload"

_SECRET = secrets.token_bytes(32)


def reading(dataset_id: str) -> str:
    """Return the purpose that allows to read the pictures of one dataset."""
    return f"read {dataset_id}"


def mint(purpose: str, now: float | None = None) -> str:
    """Return a token that is valid for 12 to 24 hours.

    It stays the same for 12 hours, so that an address with a token can be cached.
    """
    started = int((time.time() if now is None else now) // HALF_LIFE)
    expires = (started + 2) * HALF_LIFE
    return f"{expires}.{_signature(purpose, expires)}"


def valid(token: str, purpose: str, now: float | None = None) -> bool:
    """True if this process minted `token` for `purpose` and it has not expired."""
    expires, _, signature = token.partition(".")
    if not (expires.isascii() and expires.isdigit() and len(expires) < 16):
        return False
    expected = _signature(purpose, int(expires))
    signed = hmac.compare_digest(signature.encode(), expected.encode())
    return signed and int(expires) > (time.time() if now is None else now)


def _signature(purpose: str, expires: int) -> str:
    message = f"{expires} {purpose}".encode()
    return hmac.new(_SECRET, message, hashlib.sha256).hexdigest()
