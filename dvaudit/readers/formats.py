"""Which format a path is in."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dvaudit.core.errors import DvauditError, UnreadableInputError

FORMATS = (
    *("image-zip", "image-folder", "csv", "parquet", "excel", "jsonl", "npz"),
    *("dataframe", "arrays"),  # given from Python
)
TABLES = ("csv", "parquet", "excel", "jsonl")

_BY_SUFFIX = {
    **dict.fromkeys((".csv", ".tsv", ".txt", ".data"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls"), "excel"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    ".npz": "npz",
    ".zip": "image-zip",
}


def detect(path: Path) -> str:
    """Return the format of a file or folder, by suffix, else by what it is.

    Raises:
        UnreadableInputError: absent, empty, or of no format that is read.
    """
    if path.is_dir():
        return "image-folder"
    if not path.exists():
        raise UnreadableInputError(f"there is no file or folder {path}.")
    if not path.is_file():
        raise UnreadableInputError(f"{path} is neither a file nor a folder.")
    if path.stat().st_size == 0:
        raise UnreadableInputError(f"{path.name} is empty (0 bytes).")
    suffix = path.suffix.lower()
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if zipfile.is_zipfile(path):
        return "image-zip"
    raise UnreadableInputError(
        f"{path.name} is in no format dvaudit reads; give a folder, a zip of images, or one of: "
        f"{', '.join(_BY_SUFFIX)}."
    )


def read_bytes(path: Path) -> bytes:
    """Return a whole file.

    Raises:
        UnreadableInputError: gone or not permitted.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnreadableInputError(f"{path.name} cannot be read: {error.strerror}.") from error


@contextmanager
def parsing(name: str, what: str) -> Iterator[None]:
    """Turn what a library raises on a damaged file into one error that names the file.

    Parsers of untrusted bytes raise whatever they trip over, from zlib.error to KeyError.

    Raises:
        UnreadableInputError: for any exception but our own.
    """
    try:
        yield
    except DvauditError:
        raise
    except Exception as error:
        raise UnreadableInputError(f"{name} cannot be read as {what}: {error}") from error
