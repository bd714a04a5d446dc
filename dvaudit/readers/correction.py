"""write_corrected: the cleaned data in the format it came in; the original is never written to."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from dvaudit.core.dataset import Dataset
from dvaudit.core.decisions import Decision
from dvaudit.core.errors import UnreadableInputError
from dvaudit.core.progress import Progress, silent
from dvaudit.readers import correct_arrays, correct_images, correct_tables
from dvaudit.readers.changes import Changes, changes_of
from dvaudit.readers.formats import TABLES

_SUFFIXES = {"image-zip": ".zip", "image-folder": ".zip", "dataframe": ".csv", "arrays": ".npz"}


def write_corrected(
    data: Dataset,
    decisions: Mapping[str, Decision],
    target_dir: Path,
    *,
    notes: list[str] | None = None,
    progress: Progress = silent,
) -> Path:
    """Write NAME-corrected in the original format into `target_dir` and return its path.

    DROP removes a sample, RELABEL sets its label, KEEP and UNSURE change nothing. A folder of
    images is written as a zip, a DataFrame as CSV, arrays as npz. What a person should know of
    the written file is appended to `notes`.

    Raises:
        NotFoundError: decisions on samples the dataset does not have.
        UnreadableInputError: the original is gone or has changed since it was loaded.
        UnsuitableDataError: a label that the format or column cannot hold.
    """
    changes = changes_of(data, decisions, notes if notes is not None else [])
    source = Path(data.origin.path)
    if data.origin.path and not source.exists():
        raise UnreadableInputError(f"the original {source} is gone; put it back and try again.")
    target_dir.mkdir(parents=True, exist_ok=True)
    target = _target(data, source, target_dir)
    # Complete or absent: a reader never meets half a file.
    temporary = target.with_name(f".{os.getpid()}-{target.name}")
    try:
        _write(data, changes, source, temporary, progress)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target


def _write(data: Dataset, changes: Changes, source: Path, target: Path, progress: Progress) -> None:
    format = data.origin.format
    if format == "dataframe":
        correct_arrays.write_frame(data, changes, target)
    elif format == "arrays":
        correct_arrays.write_arrays(data, changes, target)
    elif not changes and format != "image-folder":
        shutil.copyfile(source, target)
    elif format in TABLES:
        correct_tables.write_table(data, changes, source, target)
    elif format == "npz":
        correct_arrays.write_npz(data, changes, source, target)
    else:
        correct_images.write_images(data, changes, source, target, progress)


def _target(data: Dataset, source: Path, folder: Path) -> Path:
    stem = re.sub(r'[\x00-\x1f/\\:*?"<>|]+', "_", data.name).strip(" .") or "data"
    suffix = _SUFFIXES.get(data.origin.format, source.suffix)
    target = folder / f"{stem[:150]}-corrected{suffix}"
    while data.origin.path and target.absolute() == source:
        target = target.with_stem(target.stem + "-corrected")
    return target
