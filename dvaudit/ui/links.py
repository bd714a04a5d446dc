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


def thumbnail_base(dataset_id: str) -> str:
    """Return an address that becomes one of `pack_url` when a position is put at its end."""
    return _signed(f"/api/pack?dataset={quote(dataset_id, safe='')}", dataset_id) + "&positions="


def map_url(dataset_id: str, audit_id: str, name: str) -> str:
    """Return the address of the places of a map."""
    place = f"/api/map/{quote(audit_id, safe='')}/{quote(name, safe='')}"
    return _signed(f"{place}?dataset={quote(dataset_id, safe='')}", dataset_id)


def published_url(dataset_id: str, key: str) -> str:
    """Return the address of bytes that a page published."""
    place = f"/api/published/{quote(key, safe='')}"
    return _signed(f"{place}?dataset={quote(dataset_id, safe='')}", dataset_id)


def upload_url() -> str:
    """Return the address that takes uploads; its token goes into a header."""
    return _base() + "/api/upload"


def _signed(address: str, dataset_id: str) -> str:
    joint = "" if address.endswith("?") else "&"
    return f"{_base()}{address}{joint}token={tokens.mint(tokens.reading(dataset_id))}"


def _base() -> str:
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""
