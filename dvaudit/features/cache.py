"""Feature vectors kept by content: KEY.npy beside KEY.json."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset
from dvaudit.features.base import Features

SCHEMA_VERSION = 1


def content_key(
    data: Dataset,
    extractor: str,
    version: int,
    settings: Mapping[str, Any],
    seed: int,
    fitted_on: int | None = None,
) -> str:
    """Return a hex SHA-256 over the samples' features, not their labels, and the extraction.

    A setting that ends in `_file` stands for the content of that file.

    Args:
        fitted_on: first samples that the extractor learns from; None stands for all.
    """
    roles = {name: str(role) for name, role in data.roles.items() if role.is_feature}
    what = {
        "schema": SCHEMA_VERSION,
        "kind": str(data.kind),
        "roles": roles,
        "extractor": [extractor, version],
        "settings": {name: _content(name, value) for name, value in settings.items()},
        "seed": seed,
    }
    if fitted_on not in (None, len(data)):
        what["fitted_on"] = fitted_on
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode())
    for item in data.hashes:
        digest.update(b"\n" + item.encode())
    return digest.hexdigest()


class FeatureCache:
    """A folder of feature matrices; any number of processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def load(self, key: str, samples: int) -> tuple[Features | None, str]:
        """Return the features kept under `key` and "", or None and why they cannot be used.

        The matrix is memory-mapped; writing to it changes this process's copy only.
        """
        described = self.folder / f"{key}.json"
        if not described.exists():
            return None, ""
        try:
            return self._read(key, samples, described), ""
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            return None, f"The cached features could not be used and were made again: {error}."

    def save(self, key: str, features: Features) -> None:
        """Keep `features` under `key`; the matrix first, so that a description has its matrix."""
        self.folder.mkdir(parents=True, exist_ok=True)
        matrix = np.ascontiguousarray(features.matrix)
        described = {
            "schema_version": SCHEMA_VERSION,
            "extractor": features.extractor,
            "settings": dict(features.settings),
            "notes": list(features.notes),
            "seconds": features.seconds,
            "shape": list(matrix.shape),
            "dtype": str(matrix.dtype),
            "checksum": _checksum(matrix),
        }

        def write_matrix(file: BinaryIO) -> None:
            np.save(file, matrix, allow_pickle=False)

        def write_description(file: BinaryIO) -> None:
            file.write(json.dumps(described, indent=1).encode())

        _replace(self.folder / f"{key}.npy", write_matrix)
        _replace(self.folder / f"{key}.json", write_description)

    def _read(self, key: str, samples: int, described: Path) -> Features:
        about = json.loads(described.read_bytes())
        if about["schema_version"] != SCHEMA_VERSION:
            raise ValueError(
                f"schema version {about['schema_version']} instead of {SCHEMA_VERSION}"
            )
        # Mode "c" gives a writable view: torch warns about tensors over read-only memory.
        matrix = np.load(self.folder / f"{key}.npy", mmap_mode="c", allow_pickle=False)
        if list(matrix.shape) != about["shape"] or str(matrix.dtype) != about["dtype"]:
            raise ValueError(f"{matrix.dtype} {matrix.shape} is not what the description says")
        if len(matrix) != samples:
            raise ValueError(f"{len(matrix):,} rows for {samples:,} samples")
        if _checksum(matrix) != about["checksum"]:
            raise ValueError("the checksum of the matrix is wrong")
        kept = Features(
            matrix,
            str(about["extractor"]),
            dict(about["settings"]),
            tuple(str(note) for note in about["notes"]),
            float(about["seconds"]),
        )
        return replace(kept, from_cache=True, key=key)


def _content(name: str, value: Any) -> Any:
    path = Path(value) if name.endswith("_file") and value else None
    if path is None or not path.is_file():
        return value
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(matrix: NDArray[np.generic]) -> int:
    return zlib.crc32(np.ascontiguousarray(matrix).data)


def _replace(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Write a file so that readers see the old one or the whole new one, also after a crash."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
