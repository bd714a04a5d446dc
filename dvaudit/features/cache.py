"""Feature vectors kept by content: KEY.npy, KEY.json, and what was learned, KEY.fitted.npz."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dvaudit.core.dataset import Dataset
from dvaudit.features.base import Features
from dvaudit.features.fitted import Fitted, Kept

SCHEMA_VERSION = 1
FACTS = "facts"  # in a file of what was learned: the bytes of its JSON


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

    def rows(self, key: str, rows: NDArray[np.int64]) -> NDArray[np.floating] | None:
        """Return some rows of the features kept under `key`; None where they cannot be read.

        Only these rows are read, so the checksum is not looked at.
        """
        try:
            matrix = np.load(self.folder / f"{key}.npy", mmap_mode="r", allow_pickle=False)
            return np.array(matrix[rows])
        except (OSError, ValueError, IndexError, EOFError):
            return None

    def save_fitted(self, key: str, fitted: Fitted) -> None:
        """Keep what was learned under `key`, in place of what is kept there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = fitted.kept()
        described = {**_made_by(type(fitted)), "facts": dict(kept.facts)}
        text = np.frombuffer(json.dumps(described).encode(), dtype=np.uint8)

        def write(file: BinaryIO) -> None:
            np.savez(file, allow_pickle=False, **{FACTS: text, **kept.arrays})

        _replace(self._fitted_path(key), write)

    def has_fitted(self, key: str) -> bool:
        """Whether there is something under `key` that `fitted` may be able to read."""
        return self._fitted_path(key).exists()

    def fitted(self, key: str, kinds: Iterable[type[Fitted]]) -> tuple[Fitted | None, str]:
        """Return what was learned, kept under `key`, and "", or None and why it cannot be used.

        Args:
            kinds: what it may be.
        """
        path = self._fitted_path(key)
        if not path.exists():
            return None, "what was learned from the samples is not in the cache"
        try:
            return _fitted(path, kinds), ""
        except UNREADABLE as error:
            return None, f"what was learned from the samples could not be read: {error}"

    def _fitted_path(self, key: str) -> Path:
        return self.folder / f"{key}.fitted.npz"

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


# A pickle of another release can end in any of these.
UNREADABLE = (
    *(OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, ImportError, IndexError),
    *(zipfile.BadZipFile, pickle.UnpicklingError, NotImplementedError, tokenize.TokenError),
)


def _fitted(path: Path, kinds: Iterable[type[Fitted]]) -> Fitted:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}  # compares the checksums of the zip
    described = json.loads(arrays.pop(FACTS).tobytes())
    facts = described.pop("facts")
    for kind in kinds:
        if kind.name == described["name"]:
            _refuse_other(described, _made_by(kind))
            return kind.restored(Kept(facts, arrays))
    raise ValueError(f"there is no {described['name']!r} any more")


def _made_by(kind: type[Fitted]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "name": kind.name,
        "version": kind.version,
        **{name: metadata.version(name) for name in kind.libraries},
    }


def _refuse_other(described: Mapping[str, Any], made: Mapping[str, Any]) -> None:
    other = [name for name in {**described, **made} if described.get(name) != made.get(name)]
    if other:
        words = [f"{name} {described.get(name)} instead of {made.get(name)}" for name in other]
        raise ValueError(f"it was made by {', '.join(words)}")


def _content(name: str, value: Any) -> Any:
    path = Path(value) if name.endswith("_file") and value else None
    if path is None or not path.is_file():
        return value
    return digest_of(path)


def digest_of(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
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
