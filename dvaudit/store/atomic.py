"""Files and folders that appear complete or not at all, also after a power cut."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; on success sync it and rename it over `target`.

    On an exception the temporary file is removed and `target` stays as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        yield draft
        sync(draft)
        os.replace(draft, target)
        sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`; on success its files replace the whole of `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{uuid.uuid4().hex}.tmp")
    retired = draft.with_suffix(".old")
    draft.mkdir()
    try:
        yield draft
        for path in (*draft.rglob("*"), draft):
            sync(path)
        if target.exists():
            os.replace(target, retired)
        os.replace(draft, target)
        sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    # Windows syncs only files opened for writing.
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(target: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON file atomically; numpy values become plain, non-finite numbers become null."""
    text = json.dumps(plain(document), ensure_ascii=False, allow_nan=False, indent=1)
    with replacing(target) as draft:
        draft.write_text(text, encoding="utf-8")


def plain(value: Any) -> Any:
    """Return `value` in types that JSON has.

    Raises:
        TypeError: something that is no number, text, mapping, sequence or array.
    """
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, str):  # before Mapping and sequence; an enum of text becomes its text
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    raise TypeError(f"a {type(value).__name__} cannot be stored as JSON")
