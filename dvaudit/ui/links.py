"""Signed addresses of the server's own routes."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import streamlit as st

from dvaudit.server import tokens


def pack_url(dataset_id: str, positions: Sequence[int]) -> str:
    """Return the address of the packed thumbnails of `positions`, in that order."""
    listed = ",".join(str(int(position)) for position in positions)
    return _signed(f"/api/pack?dataset={quote(dataset_id, safe='')}&positions={listed}", dataset_id)


def image_url(dataset_id: str, position: int) -> str:
    """Return the address of the original picture of one sample."""
    return _signed(f"/api/image/{quote(dataset_id, safe='')}/{int(position)}?", dataset_id)


def upload_url() -> str:
    """Return the address that takes uploads; its token goes into a header."""
    return _base() + "/api/upload"


def _signed(address: str, dataset_id: str) -> str:
    joint = "" if address.endswith("?") else "&"
    return f"{_base()}{address}{joint}token={tokens.mint(tokens.reading(dataset_id))}"


def _base() -> str:
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""
